"""Dask as the engine: it moves pieces between machines, and an agent of the run's own folder computes each.

Dask alone blames the neighbours of an item that kills its worker, and cannot stop one that hangs. So its tasks are pieces, an item's
death is an affair of the guarded processes within an agent, and results are stored where they are computed: what travels back
says only what became of each item.
"""

import inspect
import os
import pickle
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import PipelineError
from pipeline.execution.engines import launch
from pipeline.execution.engines.agent import Answer, Refused, answers, to_frame
from pipeline.execution.engines.clusters import SETTINGS_VARIABLE, connected, expected_slots
from pipeline.execution.engines.pieces import Piece, cut
from pipeline.execution.engines.protocol import VARIABLE, Engine, Work, unlike
from pipeline.execution.engines.surroundings import Surroundings
from pipeline.execution.pool import Done, Lost, Raised
from pipeline.execution.scheduling import Affinity

Item = TypeVar("Item")

# Pieces per slot that a scheduler holds: one under way and one to follow. All at once would cost it 7 kB each, and memory is what
# a scheduler with a million of them runs out of.
_PIECES_PER_SLOT = 2
_POLL_S = 1.0
_WAIT_FOR_WORKERS_S = 600.0
# What an agent has to be told of the head's environment: where things are stored, and what chooses kernels and models.
# The last three say where media are; what opens them every machine has to have by itself.
_PASSED_ON = (
    "GRCF_", "HF_", "DVC_ROOT", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "TRANSFORMERS_",
    "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_REGION",
)  # fmt: skip

# Passed on where it hides all GPUs: those that it names are this machine's.
_GPUS = "CUDA_VISIBLE_DEVICES"


def engine_of(chosen: str) -> Engine:
    """The engine that `$GRCF_ENGINE` names; it has as many workers as its cluster, whatever number it is asked for.

    Raises:
        PipelineError: Dask is not installed. Whether the name means anything is seen when the cluster is asked for.
    """
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError:
        raise PipelineError(
            f"{VARIABLE} is {chosen!r}, which needs Dask; install it by `pip install --no-deps -r requirements-cluster.lock`, or unset "
            f"{VARIABLE} to work on this machine alone"
        ) from None

    def outcomes(
        work: Work,
        items: Mapping[int, Item],
        *,
        n_workers: int,
        limit_s: Callable[[Item], float] | None,
        describe: Callable[[Item], str],
        affinity: Callable[[Item], Affinity] | None = None,
        preloaded: Sequence[str] = (),
    ) -> Generator[tuple[int, Done[Any] | Lost], None, None]:
        if not items:
            return
        here = Surroundings.here()
        with connected(chosen) as client:
            pieces = cut(
                work,
                items,
                limit_s=limit_s,
                describe=describe,
                affinity=affinity,
                surroundings=here,
                n_slots=expected_slots(chosen, client),
                preloaded=preloaded,
            )
            yield from _Run(client, chosen).outcomes(pieces)

    return outcomes


class _Run:
    """The pieces of one stage on one cluster."""

    def __init__(self, client: Any, chosen: str) -> None:
        self._client = client
        self._chosen = chosen
        self._running: dict[Any, Piece] = {}
        self._alone_since_s: float | None = None
        self._told_of_refusals = False
        self._launch = _by_value(launch.run_piece)
        self._order = {
            "run": uuid.uuid4().hex,
            "python": sys.executable,
            "folder": str(Path.cwd()),
            "environment": {
                name: value
                for name, value in os.environ.items()
                if (name.startswith(_PASSED_ON) and name != VARIABLE) or (name == _GPUS and not value)
            }
            # A slot is one core, whatever the machine around it has.
            | {"GRCF_WORKERS": "1"},
        }

    def outcomes(self, pieces: list[Piece]) -> Generator[tuple[int, Done[Any] | Lost], None, None]:
        waiting, alone = deque(pieces), set[int]()
        try:
            while waiting or self._running:
                slots = self._slots()
                while waiting and len(self._running) < _PIECES_PER_SLOT * slots:
                    self._submit(waiting.popleft())
                for piece, status, frames in self._ended():
                    left = set(piece.keys)
                    for key, outcome in _sorted_out(answers(frames)):
                        left.discard(key)
                        yield key, outcome
                    if not left:
                        continue
                    # Its agent died beside the guarded processes; what it had stored is found again at once.
                    for single in piece.alone():
                        (key,) = single.keys
                        if key in left and key not in alone:
                            alone.add(key)
                            waiting.append(single)
                        elif key in left:
                            yield key, Lost(f"the process that held it ended with status {status}, twice")
        finally:
            self._end()

    def _end(self) -> None:
        """Leave nothing of this run to a cluster that goes on without it."""
        with suppress(Exception):  # of a scheduler that is gone, or a worker; its agents end with it
            for future in self._running:
                future.cancel()
            if self._client.status == "running":
                self._client.run(_by_value(launch.end_agents), self._order["run"], on_error="ignore")

    def _submit(self, piece: Piece) -> None:
        order = self._order | {"piece": to_frame(pickle.dumps(piece))}
        future = self._client.submit(self._launch, order, pure=False)
        self._running[future] = piece

    def _slots(self) -> int:
        """How many pieces the workers can compute side by side; 0 only while pieces wait whose workers are gone."""
        while True:
            self._require_scheduler()
            self._look_at_refusals()
            slots: int = sum(self._client.ncores().values())
            if slots:
                self._alone_since_s = None
                return slots
            now_s = time.monotonic()
            if self._alone_since_s is None:
                self._alone_since_s = now_s
                if self._running:  # at the start everybody waits, and needs no word
                    sys.stderr.write(
                        f"{VARIABLE}={self._chosen}: no worker is left; the run waits {_WAIT_FOR_WORKERS_S:.0f} s for one\n"
                    )
            if now_s - self._alone_since_s > _WAIT_FOR_WORKERS_S:
                raise PipelineError(
                    f"{VARIABLE}={self._chosen}: no worker has joined within {_WAIT_FOR_WORKERS_S:.0f} s, what was done is kept; look at "
                    "the queue of the cluster and at the logs of its jobs, then run the same command again"
                )
            if self._running:
                return 0
            time.sleep(_POLL_S)

    def _look_at_refusals(self) -> None:
        """Say once that SLURM refused some of the jobs.

        Raises:
            PipelineError: it refused all of them.
        """
        refusals = getattr(self._client.cluster, "refusals", None)
        if refusals is None:
            return
        if refusals.n_refused == refusals.n_jobs:
            raise PipelineError(
                f"{VARIABLE}={self._chosen}: sbatch refused the jobs ({refusals.reason}), what was done is kept; correct the file of {SETTINGS_VARIABLE} "
                "by docs/howto/cluster.md, and run the same command again"
            )
        if not self._told_of_refusals:
            self._told_of_refusals = True
            sys.stderr.write(
                f"{VARIABLE}={self._chosen}: sbatch refused {refusals.n_refused} of {refusals.n_jobs} jobs ({refusals.reason}); the run "
                "goes on with the others\n"
            )

    def _require_scheduler(self) -> None:
        if self._client.status != "running":
            raise PipelineError(
                f"{VARIABLE}={self._chosen}: the scheduler is gone; what was done is kept: start it anew and run the same command again"
            )

    def _ended(self) -> Iterator[tuple[Piece, int, bytes]]:
        from distributed import wait
        from distributed.scheduler import KilledWorker

        try:
            ended = wait(list(self._running), timeout=_POLL_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            self._require_scheduler()
            return
        except Exception:
            self._require_scheduler()
            raise
        for future in ended:
            piece = self._running.pop(future)
            try:
                status, frames = future.result()
            except KilledWorker:
                status, frames = -9, b""
            except Exception as error:
                self._require_scheduler()
                raise PipelineError(
                    f"{VARIABLE}={self._chosen}: a worker could not start its agent ({type(error).__name__}: {error}); all machines need "
                    f"{self._order['python']} and {self._order['folder']} under these names"
                ) from error
            yield piece, status, frames


def _sorted_out(found: Iterator[Answer]) -> Iterator[tuple[int, Done[Any] | Lost]]:
    for answer in found:
        if isinstance(answer, Refused):
            raise unlike(answer.difference, remedy=answer.remedy)
        if isinstance(answer, Raised):
            answer.reraise()
        yield answer


def _by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one of `__main__`, which is pickled with its code: by its name, a worker would take its own."""
    module = inspect.getmodule(function)
    assert module is not None
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(inspect.getsource(module), "launch", "exec"), namespace)
    found: Callable[..., Any] = namespace[function.__name__]
    return found
