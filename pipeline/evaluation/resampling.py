"""Samples of segments with replacement, and metrics measured in all of them."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from pipeline.evaluation.metrics import Metric
from pipeline.evaluation.samples import Samples, digest_of
from pipeline.evaluation.selection import Counts, Outputs, Segments, Values

_BLOCK_SIZE = 1 << 21
"""Counts in a block of resamples: 16 megabytes while they are looked at."""

_MOST_AT_ONCE = 1 << 18
"""Predictions that are measured side by side; to count the pairs of one may take a kilobyte."""


class Resamples:
    """So many samples of segments with replacement, drawn once for all predictions that are measured in them.

    They are kept as whole numbers of a byte or two: how often each segment occurs in each sample.

    Args:
        truth: labels of the segments, in label units.
        n_resamples: number of samples, at least 1.
        rng: generator of the draws.
        cluster: number of the cluster of each segment, from 0; clusters are then drawn with all their segments. None draws
            segments one by one.
    """

    def __init__(
        self,
        truth: Segments,
        *,
        n_resamples: int,
        rng: np.random.Generator,
        cluster: Int[NDArray[Any], "segment"] | None = None,
    ) -> None:
        self._truth = truth
        n_drawn = len(truth) if cluster is None else int(cluster.max(initial=-1)) + 1
        self._blocks = [
            counts.astype(np.min_scalar_type(int(counts.max(initial=0.0))))
            for counts in _draws(rng, n_resamples, n_drawn, cluster)
        ]
        self._known: dict[tuple[bytes, str], Values] = {}

    def __len__(self) -> int:
        """Number of samples."""
        return sum(map(len, self._blocks))

    def values(self, prediction: Outputs, metrics: Sequence[Metric]) -> dict[str, Values]:
        """Each metric of one row of predictions, by sample; NaN where it is undefined. It is computed once for a row.

        Args:
            prediction: predictions of the segments, in label units, or a probability for each class.
            metrics: metrics to measure.
        """
        (found,) = self.values_of_rows([prediction], metrics)
        return found

    def values_of_rows(self, rows: Sequence[Outputs], metrics: Sequence[Metric]) -> list[dict[str, Values]]:
        """What `values` gives, for each of several rows of predictions; together they take less time.

        Args:
            rows: predictions of the segments, see `values`.
            metrics: metrics to measure.
        """
        contents = [digest_of(row) for row in rows]
        missing = {
            content: row
            for content, row in zip(contents, rows, strict=True)
            if any((content, metric.name) not in self._known for metric in metrics)
        }
        at_once = max(1, _MOST_AT_ONCE // max(len(self._truth), 1))
        for start in range(0, len(missing), at_once):
            self._measure(dict(list(missing.items())[start : start + at_once]), metrics)
        return [
            {metric.name: self._known[content, metric.name] for metric in metrics} for content in contents
        ]

    def _measure(self, rows: Mapping[bytes, Outputs], metrics: Sequence[Metric]) -> None:
        wanted = [
            (content, metric)
            for content in rows
            for metric in metrics
            if (content, metric.name) not in self._known
        ]
        blocks: dict[tuple[bytes, str], list[Values]] = {
            (content, metric.name): [] for content, metric in wanted
        }
        for samples in self.samples():
            for content, metric in wanted:
                blocks[content, metric.name].append(metric.resampled(self._truth, rows[content], samples))
        self._known |= {key: np.concatenate(values) for key, values in blocks.items()}

    def samples(self) -> Iterator[Samples]:
        """The samples, as many at a time as fit the memory."""
        of_rows: dict[Hashable, Any] = {}
        for block in self._blocks:
            yield Samples(block.astype(np.float64), of_rows)


def generators(seed: int | Sequence[int]) -> tuple[np.random.Generator, np.random.Generator]:
    """One for the draws of segments, and one for those of seeds."""
    of_segments, of_seeds = np.random.default_rng(seed).spawn(2)
    return of_segments, of_seeds


def draw(
    rng: np.random.Generator, n_resamples: int, n_items: int
) -> Float[NDArray[np.float64], "resample item"]:
    """How often each item occurs in samples of `n_items` with replacement."""
    if n_items == 0:
        return np.zeros((n_resamples, 0))
    items: Int[NDArray[Any], "resample item"] = rng.integers(n_items, size=(n_resamples, n_items))
    items += n_items * np.arange(n_resamples)[:, None]
    return np.bincount(items.ravel(), minlength=items.size).reshape(items.shape).astype(np.float64)


def _draws(
    rng: np.random.Generator, n_resamples: int, n_items: int, cluster: Int[NDArray[Any], "segment"] | None
) -> Iterator[Counts]:
    """What `draw` would make at once, in blocks that fit the memory; of clusters, a count for each segment of theirs."""
    n_at_once = max(1, _BLOCK_SIZE // max(n_items if cluster is None else len(cluster), 1))
    for start in range(0, n_resamples, n_at_once):
        counts = draw(rng, min(n_at_once, n_resamples - start), n_items)
        yield counts if cluster is None else counts[:, cluster]
