"""How many processes work side by side."""

import os

from pipeline.errors import PipelineError
from pipeline.execution.variables import variable


def worker_count() -> int:
    """How many processes work side by side: `$GRCF_WORKERS`, else the cores this process may use.

    It never changes a result, so it is no parameter.

    Raises:
        PipelineError: `$GRCF_WORKERS` is no whole number of at least 1.
    """
    chosen = variable("GRCF_WORKERS")
    if chosen is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not chosen.isdecimal() or int(chosen) < 1:
        raise PipelineError(f"GRCF_WORKERS is {chosen!r}; expected a whole number of at least 1")
    return int(chosen)
