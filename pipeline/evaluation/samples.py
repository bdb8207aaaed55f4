"""Samples of segments in which metrics are measured, and what several metrics look up in them alike."""

import hashlib
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar
from weakref import ref

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from pipeline.evaluation.selection import Counts, ExactCounts, Outputs, Segments, Values, in_exact_precision

Found = TypeVar("Found")

# Of one row of predictions, metrics ask for its pairs, its moments, some sums, and whether it varies; of the labels, which all rows
# share, for as much.
_N_REMEMBERED = 48


def digest_of(values: np.ndarray) -> bytes:
    """What stands for the content of an array among keys, which would take as much memory as what they are keys of."""
    return hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=32).digest()


class Samples:
    """Samples of the same segments.

    Args:
        counts: how often each segment occurs in each sample, whole numbers; a row of ones is the segments themselves. Nobody may
            change it afterwards.
        of_rows: what is known of rows of predictions whatever the samples are, where several blocks of samples share it. None
            keeps nothing of the kind: it can take hundreds of bytes for each segment and row.
    """

    def __init__(self, counts: Counts, of_rows: dict[Hashable, Any] | None = None) -> None:
        self.counts = counts
        self._known: dict[Hashable, Any] = {}
        self._of_rows = of_rows

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def exact(self) -> ExactCounts:
        """The counts in the least precision that holds them and their sums, see `in_exact_precision`."""
        return in_exact_precision(self.counts, n_segments=self.n_segments)

    @cached_property
    def n_segments(self) -> Values:
        """Segments of each sample, one that occurs twice counted twice."""
        n: Values = self.counts.sum(axis=1)
        return n

    def total(self, values: Segments | Bool[NDArray[np.bool_], "segment"]) -> Values:
        """The sum of a value over the segments of each sample; of conditions, how many segments meet them."""
        # A formula may change an array of its own between two sums, unless it is read-only.
        digest = digest_of(values) if values.flags.writeable else self.digest(values)
        return self.remembered((values.dtype.kind, digest), lambda: self._total(values))

    def _total(self, values: Segments | Bool[NDArray[np.bool_], "segment"]) -> Values:
        counts = self.exact if values.dtype == np.bool_ else self.counts
        found: Values = (counts @ values.astype(counts.dtype)).astype(np.float64)
        return found

    def mean(self, values: Segments | Bool[NDArray[np.bool_], "segment"]) -> Values:
        """The mean of a value over the segments of each sample."""
        return self.total(values) / self.n_segments

    def vary(self, values: Outputs) -> Bool[NDArray[np.bool_], "resample"]:
        """Whether the segments of each sample have more than one value."""
        return self.remembered(("vary", self.digest(values)), lambda: self._vary(values))

    def _vary(self, values: Outputs) -> Bool[NDArray[np.bool_], "resample"]:
        # Compared value by value: a variance in floating point need not vanish where all values are equal. A sample with values
        # on both sides of the median varies; only the few that have none on one side are looked at closely.
        if len(self) == 1:
            drawn = values[self.counts[0] > 0]
            return np.array([drawn.min(initial=np.inf) < drawn.max(initial=-np.inf)])
        n_above = self.total(self.of_row(("above", self.digest(values)), lambda: values > np.median(values)))
        varies = (n_above > 0) & (n_above < self.n_segments)
        one_sided = np.flatnonzero(~varies)
        occurs = self.counts[one_sided] > 0
        least: Values = np.where(occurs, values, np.inf).min(axis=1)
        greatest: Values = np.where(occurs, values, -np.inf).max(axis=1)
        varies[one_sided] = least < greatest
        return varies

    def digest(self, values: np.ndarray) -> bytes:
        """`digest_of` labels or predictions, which nobody may change; once for all samples that share what is known of rows."""
        if self._of_rows is None:
            return digest_of(values)
        key = ("digest", id(values))
        known: tuple[ref[np.ndarray], bytes] | None = self._of_rows.get(key)
        # An array that is gone may have left its number to another.
        if known is None or known[0]() is not values:
            known = self._of_rows[key] = ref(values), digest_of(values)
        return known[1]

    def remembered(self, key: Hashable, compute: Callable[[], Found]) -> Found:
        """What was computed under a key before; those that were asked for last are kept."""
        found: Found = self._known.pop(key) if key in self._known else compute()
        while len(self._known) >= _N_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[key] = found
        return found

    def of_row(self, key: Hashable, compute: Callable[[], Found]) -> Found:
        """What was computed under a key for others with which `of_rows` is shared, if it is."""
        if self._of_rows is None:
            return compute()
        if key not in self._of_rows:
            self._of_rows[key] = compute()
        found: Found = self._of_rows[key]
        return found
