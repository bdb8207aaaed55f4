"""What an engine is given and gives back, and the variable that chooses one."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pipeline.errors import PipelineError
from pipeline.execution.pool import Done, Lost
from pipeline.execution.scheduling import Affinity
from pipeline.execution.together import Together

VARIABLE = "GRCF_ENGINE"

OTHER_DEVICE = (
    "start the command on a machine with the GPU that the others have, or hide GPUs from all by CUDA_VISIBLE_DEVICES= before "
    "the command"
)
"""What to do where the device of a worker is not that of the head, as a clause."""


def unlike(difference: str, *, remedy: str) -> PipelineError:
    """The error for a worker whose surroundings are not those that the keys were made for.

    Args:
        difference: what differs, as a clause that names both.
        remedy: what to do, as a clause.
    """
    return PipelineError(
        f"a machine of the cluster is not like this one: {difference}; results would be stored under keys of another making: {remedy}"
    )


Work: TypeAlias = Callable[[Any], Any] | Together[Any, Any]
"""A function of one item, which guarded processes call, or of many."""


@runtime_checkable
class Engine(Protocol):
    """Computes items somewhere and gives each outcome as it comes; see `choice.on_this_machine`, which is the first of them."""

    def __call__(
        self,
        work: Work,
        items: Mapping[int, Any],
        *,
        n_workers: int,
        limit_s: Callable[[Any], float] | None,
        describe: Callable[[Any], str],
        affinity: Callable[[Any], Affinity] | None = None,
        preloaded: Sequence[str] = (),
    ) -> Generator[tuple[int, Done[Any] | Lost], None, None]:
        """Outcomes of `work`, each with the key of its item."""
        ...
