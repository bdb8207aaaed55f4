"""Whose segments are alike: bootstraps over speakers or videos, and intervals for few of them.

Segments of one speaker share a voice, a face and habits, so they are no independent draws. Where a corpus names speakers,
a sample for an interval draws speakers with all their segments: what is said then holds for other speakers too.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from pipeline.artifacts.corpus.segments import Owner
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.selection import Values

ClusterUnit = Literal["speaker", "video", "speaker or video"]
"""What is drawn with all its segments."""

_OWNERS: tuple[Owner, ...] = ("corpus", "speaker", "video")

LEAST_CLUSTERS = 5
"""Fewer clusters tell too little of how clusters differ: a t quantile for three is 4.3 times the standard error, for two 12.7."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """The speakers or videos of the segments of one split.

    Attributes:
        unit: what a cluster is.
        of_segment: number of the cluster of each segment, from 0.
        n: number of clusters.
    """

    unit: ClusterUnit
    of_segment: Int[NDArray[Any], "segment"]
    n: int

    @property
    def is_enough(self) -> bool:
        """Whether an interval over them means something."""
        return self.n >= LEAST_CLUSTERS


def clusters_of(split: SplitPredictions) -> Clusters | None:
    """The clusters of a split: speakers, or videos where a segment has no speaker.

    Names count within their corpus: speaker 1 of one corpus is not speaker 1 of another.

    Returns:
        None where a segment has neither speaker nor video, or where every segment is a cluster of its own.
    """
    keys: list[tuple[str, str, str]] = []
    for corpus, speaker, video in zip(*(split.names_of(owner) for owner in _OWNERS), strict=True):
        if not (speaker or video):
            return None
        keys.append((corpus, "speaker", speaker) if speaker else (corpus, "video", video))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if len(numbers) == len(keys):
        return None
    kinds = {kind for _, kind, _ in numbers}
    unit: ClusterUnit = "speaker or video"
    if len(kinds) == 1:
        unit = "speaker" if "speaker" in kinds else "video"
    return Clusters(unit, np.array([numbers[key] for key in keys]), len(numbers))


def t_interval(estimate: float, *, error: float, degrees: float, confidence: float) -> tuple[float, float]:
    """The interval `estimate ± t(degrees) · error`.

    A bootstrap over n clusters has a variance that is too small by (n - 1) / n, and the percentiles of its resamples are those of
    a normal distribution where a t distribution is due. With five speakers they cover 0.80 to 0.94 in place of
    0.95; `benchmarks/results/coverage.md` compares both.

    Args:
        estimate: the value in the sample itself.
        error: its standard error, at least 0.
        degrees: degrees of freedom of the error, above 0.
        confidence: level of the interval, in (0, 1).
    """
    half = t_quantile(0.5 + confidence / 2.0, degrees) * error
    return estimate - half, estimate + half


def t_p_value(estimate: float, *, error: float, degrees: float) -> float:
    """The level at which `t_interval` would just touch zero."""
    if error == 0.0:
        return 1.0 if estimate == 0.0 else 0.0
    from scipy.special import stdtr  # takes as long to import as all else here

    return min(1.0, 2.0 * float(stdtr(degrees, -abs(estimate) / error)))


def t_quantile(probability: float, degrees: float) -> float:
    """The quantile of a t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def cluster_error(resampled: Values, n_clusters: int) -> float:
    """The standard error by resamples of so many clusters, at least 2, corrected for their small number."""
    return float(np.std(resampled)) * float(np.sqrt(n_clusters / (n_clusters - 1)))


def few_clusters(found: Clusters, *, split: str) -> str:
    """The sentence about fewer than `LEAST_CLUSTERS`, without its full stop."""
    noun = (
        found.unit if found.n == 1 else found.unit.replace("speaker", "speakers").replace("video", "videos")
    )
    return (
        f"{split.capitalize()} has {found.n} {noun}, and an interval over them takes at least {LEAST_CLUSTERS}: these intervals "
        "hold for other segments of the same, and are too narrow for others"
    )
