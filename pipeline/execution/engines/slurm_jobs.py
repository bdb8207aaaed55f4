"""Jobs of SLURM that say why they were refused: Dask logs it, and waits for workers that never come."""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from dask_jobqueue import SLURMCluster
from dask_jobqueue.slurm import SLURMJob
from distributed.core import Status

# What sbatch says where the next attempt may succeed.
_PASSING = ("contact slurm controller", "timed out", "temporarily", "try again")
_NEXT_ATTEMPT_S = 30.0


@dataclass(frozen=True, slots=True)
class Refusals:
    """What became of the jobs that a cluster asked for, once SLURM has answered for each of them.

    Attributes:
        n_jobs: jobs that were asked for.
        n_refused: those of them that sbatch refused; the others wait in the queue or run.
        reason: what sbatch said of the last one that it refused, in a line.
    """

    n_jobs: int
    n_refused: int
    reason: str


class _TellingJob(SLURMJob):  # type: ignore[misc]
    """A job that keeps what sbatch said when it refused it."""

    # Of the class, which each cluster has of its own: by the job's name, which that of its replacement is as well.
    taken: ClassVar[set[str]]
    refused: ClassVar[dict[str, str]]

    def __await__(self) -> Generator[Any, None, "_TellingJob"]:
        """Submit the job; one that was refused is no error, as it is to Dask, whose other jobs would not be replaced any more."""

        async def submitted() -> "_TellingJob":
            async with self.lock:
                if self.status == Status.created:
                    await self.start()
            return self

        return submitted().__await__()

    async def start(self) -> None:
        """Submit the job. A refused one has failed, and is submitted again later where that may succeed."""
        self.refused.pop(self.name, None)
        try:
            await super().start()
        except RuntimeError as error:
            # Of any other state, Dask could not end the cluster.
            self.status = Status.failed
            reason = _reason(str(error))
            if reason is None:
                asyncio.get_running_loop().call_later(_NEXT_ATTEMPT_S, self._make_room)
            else:
                self.refused[self.name] = reason
        else:
            self.taken.add(self.name)

    def _make_room(self) -> None:
        """Let the cluster miss this job: then it submits another one of its name."""
        cluster = self._cluster()
        if cluster is not None and cluster.workers.get(self.name) is self:
            del cluster.workers[self.name]

    async def close(self) -> None:
        """Cancel the job."""
        self.taken.discard(self.name)
        try:
            await super().close()
        finally:
            if self.status != Status.failed:
                self.status = Status.closed


class TellingCluster(SLURMCluster):  # type: ignore[misc]
    """A cluster that knows which of its jobs were refused, and why."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            job_cls=type("TellingJob", (_TellingJob,), {"taken": set(), "refused": {}}), **settings
        )

    @property
    def refusals(self) -> Refusals | None:
        """What sbatch refused; None where it took every job, or while one is still to be submitted, perhaps in place of a lost one."""
        asked, refused = set(self.worker_spec), dict(self.job_cls.refused)
        if not refused or not asked <= refused.keys() | set(self.job_cls.taken):
            return None
        of_asked = asked & refused.keys()
        return Refusals(len(asked), len(of_asked), next(reversed(refused.values()))) if of_asked else None


def _reason(said: str) -> str | None:
    """The part of sbatch's words that helps; None where the next attempt may succeed."""
    if any(passing in said.lower() for passing in _PASSING):
        return None
    lines = said.rpartition("stderr:")[2].split("\n")
    return "; ".join(line.strip().removeprefix("sbatch: error: ") for line in lines if line.strip())
