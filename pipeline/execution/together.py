"""Work that one process does for many items at once, because what is computed crosses them, such as the batches of an encoder."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import Generic, TypeVar

from pipeline.execution.device import best_device, device_class
from pipeline.execution.pool import Done, Lost

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(ABC, Generic[Item, Result]):
    """A function of many items; an item's result does not depend on those beside it.

    On a cluster it travels to the machines that compute, each of which does it for a piece of the items and keeps what it has loaded
    for the next one. So it must be picklable, best without what is large.

    Attributes:
        device: class of the device that the keys of the results were made for, see `device_class`.
    """

    device: str

    @abstractmethod
    def outcomes(
        self, items: Mapping[int, Item], *, n_workers: int
    ) -> Generator[tuple[int, Done[Result] | Lost], None, None]:
        """The outcome of each item as it comes, with its key.

        Args:
            items: items to compute, by key; at least one.
            n_workers: number of worker processes that may prepare items.
        """

    def difference(self) -> str | None:
        """What the device of this process is where it is not `device`, as a clause that names both; None where it is."""
        here = device_class(best_device(mps=self.device.startswith("mps")))
        return None if here == self.device else f"its device is {here}, and here it is {self.device}"
