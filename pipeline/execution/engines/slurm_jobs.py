"""Jobs of SLURM that say why they were refused: Dask logs it, and waits for workers that never come."""

from typing import ClassVar

from dask_jobqueue import SLURMCluster
from dask_jobqueue.slurm import SLURMJob
from distributed.core import Status

# What sbatch says where the next attempt may succeed.
_PASSING = ("contact slurm controller", "timed out", "temporarily", "try again")


class _TellingJob(SLURMJob):  # type: ignore[misc]
    """A job that keeps what sbatch said when it refused one."""

    refusal: ClassVar[str | None] = None

    async def start(self) -> None:
        """Submit the job.

        Raises:
            RuntimeError: sbatch refused it, and may take it at the next attempt.
        """
        try:
            await super().start()
        except RuntimeError as error:
            _TellingJob.refusal = _reason(str(error))
            if _TellingJob.refusal is None:
                raise
            # Else Dask could not end the cluster, because a job of it had never been.
            self.status = Status.failed
        else:
            _TellingJob.refusal = None


class TellingCluster(SLURMCluster):  # type: ignore[misc]
    """A cluster that knows why its jobs are refused."""

    job_cls = _TellingJob

    @property
    def refusal(self) -> str | None:
        """What sbatch said of the last job, in a line; None where it took the job, or may take the next one."""
        return _TellingJob.refusal


def _reason(said: str) -> str | None:
    """The part of sbatch's words that helps; None where the next attempt may succeed."""
    if any(passing in said.lower() for passing in _PASSING):
        return None
    lines = said.rpartition("stderr:")[2].split("\n")
    return "; ".join(line.strip().removeprefix("sbatch: error: ") for line in lines if line.strip())
