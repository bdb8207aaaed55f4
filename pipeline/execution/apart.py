"""Work that needs torch, for a process that does without it: half of a short stage would be the import of torch."""

import multiprocessing
import sys
from collections.abc import Callable
from typing import TypeVar

from pipeline.errors import PipelineError
from pipeline.execution.device import may_have_gpu
from pipeline.execution.pool import Done, run_in_workers

Result = TypeVar("Result")


def apart(function: Callable[[], Result], *, title: str) -> Result:
    """What `function` returns: computed in a worker, where torch is loaded; here if torch is here too, or there may be a GPU.

    Args:
        function: computes something on the CPU or on the best device; it and its result can be pickled.
        title: name of the work, for messages.

    Raises:
        PipelineError: the worker died twice.
    """
    if "torch" in sys.modules or multiprocessing.parent_process() is not None or may_have_gpu():
        return function()
    outcomes = run_in_workers(
        _called, {0: function}, n_workers=1, limit_s=None, describe=lambda function: title
    )
    ((_, outcome),) = outcomes
    if not isinstance(outcome, Done):
        raise PipelineError(f"{title}: {outcome.reason}; run the same command again with more memory")
    return outcome.result


def _called(function: Callable[[], Result]) -> Result:
    return function()
