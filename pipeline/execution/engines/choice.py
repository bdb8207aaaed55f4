"""Which engine does the work: `$GRCF_ENGINE`, which is no parameter, no dependency and part of no key."""

from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import import_module
from typing import Any

from pipeline.execution.engines.protocol import VARIABLE, Engine, Work
from pipeline.execution.pool import Done, Lost, run_in_workers
from pipeline.execution.scheduling import Affinity
from pipeline.execution.together import Together
from pipeline.execution.variables import variable


def chosen_engine() -> Engine:
    """The processes of this machine, or what `$GRCF_ENGINE` names: `local:N`, `slurm`, `tls://host:port` or `tcp://host:port`.

    Raises:
        PipelineError: it names no engine, or Dask is not installed.
    """
    chosen = variable(VARIABLE)
    if chosen is None:
        return on_this_machine
    # By name: keys rest on the source of what computes, and where it computes makes no difference to a result.
    engine: Engine = import_module("pipeline.execution.engines.on_dask").engine_of(chosen)
    return engine


def on_this_machine(
    work: Work,
    items: Mapping[int, Any],
    *,
    n_workers: int,
    limit_s: Callable[[Any], float] | None,
    describe: Callable[[Any], str],
    affinity: Callable[[Any], Affinity] | None = None,
    preloaded: Sequence[str] = (),
) -> Generator[tuple[int, Done[Any] | Lost], None, None]:
    """The engine that needs nothing: `run_in_workers`, and this process itself for what many items share."""
    if not isinstance(work, Together):
        return run_in_workers(
            work,
            items,
            n_workers=n_workers,
            limit_s=limit_s,
            describe=describe,
            affinity=affinity,
            preloaded=preloaded,
        )
    return work.outcomes(items, n_workers=n_workers) if items else _none()


def _none() -> Generator[tuple[int, Done[Any] | Lost], None, None]:
    yield from ()
