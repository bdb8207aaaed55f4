"""What is done to the labels of train: raters with scales of their own, replaced labels, fewer segments. Test stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma, polygamma

from pipeline.artifacts.aligned.split import AlignedSplit


@dataclass(frozen=True)
class Condition:
    """One condition of the map.

    Attributes:
        name: name in the results.
        offset_sd: standard deviation of the raters' offsets, label units; with `scale_sd` 0, labels stay as they are.
        scale_sd: standard deviation of the logarithm of the raters' scales.
        replaced: share of the labels of train that are replaced by others of train, 0 to 1.
        share: share of the videos of train that are used, 0 to 1.
        labels_per_rater: labels that a rater has at least, by putting videos together; 0 leaves raters as they are.
        own_scales: whether the raters of train have scales of their own already, as given.
        crossed: whether the segments of a rater are drawn from all videos, as where segments are handed out at random; each
            rater keeps as many as before.
        is_control: whether every method trains as where raters have scales of their own, though none has.
    """

    name: str
    offset_sd: float = 0.0
    scale_sd: float = 0.0
    replaced: float = 0.0
    share: float = 1.0
    labels_per_rater: int = 0
    own_scales: bool = False
    crossed: bool = False
    is_control: bool = False

    @property
    def distorts(self) -> bool:
        """Whether raters get scales that they do not have."""
        return self.offset_sd > 0 or self.scale_sd > 0

    @property
    def trusts_valid(self) -> bool:
        """Whether labels of train are on scales of the raters' own, so that valid alone has the one that test is on."""
        return self.distorts or self.own_scales or self.is_control

    @property
    def is_drawn(self) -> bool:
        """Whether anything about it is random, so that draws of it differ."""
        return self.distorts or self.replaced > 0 or self.share < 1


CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition("clean"),
        Condition("raters_real", own_scales=True),
        Condition("raters_none", is_control=True),
        Condition("raters_mild", offset_sd=0.5, scale_sd=0.2),
        Condition("raters_strong", offset_sd=1.0, scale_sd=0.4),
        Condition("raters_strong_crossed", offset_sd=1.0, scale_sd=0.4, crossed=True),
        Condition("raters_strong_20_labels", offset_sd=1.0, scale_sd=0.4, labels_per_rater=20),
        Condition("raters_strong_100_labels", offset_sd=1.0, scale_sd=0.4, labels_per_rater=100),
        Condition("raters_strong_share_25", offset_sd=1.0, scale_sd=0.4, share=0.25),
        Condition("replaced_20", replaced=0.2),
        Condition("replaced_40", replaced=0.4),
        Condition("share_10", share=0.1),
        Condition("share_25", share=0.25),
    )
}


def spoilt(train: AlignedSplit, condition: Condition, *, draw: int) -> AlignedSplit:
    """Train under a condition; the same draw gives the same raters, labels and segments, whatever the seed of the weights.

    A rater's label y becomes clip(exp(sa N) y + sb N, lowest, highest label of train), with one scale and one offset for each
    rater. All labels are real; what is synthetic is this distortion.

    Args:
        train: the split, with the rater of each segment.
        condition: what is done to it.
        draw: number of the draw of raters, labels and videos.
    """
    rng = np.random.default_rng([draw, 7])
    if condition.share < 1:
        videos = sorted(set(train.video))
        rng.shuffle(videos)
        kept = set(videos[: max(2, round(condition.share * len(videos)))])
        train = train.select(np.flatnonzero([video in kept for video in train.video]))
    if condition.crossed:
        train = replace(train, rater=tuple(rng.permutation(np.array(train.rater)).tolist()))
    if condition.labels_per_rater:
        train = replace(train, rater=joined_raters(train.rater, at_least=condition.labels_per_rater, rng=rng))
    labels = train.labels.copy()
    if condition.distorts:
        names, rater = np.unique(train.rater, return_inverse=True)
        scale = np.exp(condition.scale_sd * rng.normal(size=len(names)))[rater]
        moved = scale * labels + condition.offset_sd * rng.normal(size=len(names))[rater]
        labels = np.clip(moved, labels.min(), labels.max())
    if condition.replaced:
        chosen = rng.choice(len(labels), round(condition.replaced * len(labels)), replace=False)
        labels[chosen] = rng.choice(train.labels, len(chosen))
    return replace(train, labels=labels)


def joined_raters(rater: Sequence[str], *, at_least: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Raters put together, in random order, until each has so many labels; what is left over goes to the last."""
    names, number, n_labels = np.unique(rater, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    joined = np.empty(len(names), np.int64)
    current, n = 0, 0
    for position in order:
        if n >= at_least:
            current, n = current + 1, 0
        joined[position] = current
        n += n_labels[position]
    if n < at_least and current > 0:
        joined[joined == current] = current - 1
    return tuple(f"rater {number}" for number in joined[number].tolist())


def standardised(train: AlignedSplit) -> AlignedSplit:
    """Labels whose mean and spread are the same for every rater: those of all labels together."""
    labels = train.labels.copy()
    mean, spread = labels.mean(), labels.std()
    names, rater = np.unique(train.rater, return_inverse=True)
    for number in range(len(names)):
        own = np.flatnonzero(rater == number)
        deviation = labels[own] - labels[own].mean()
        labels[own] = mean + spread * deviation / max(float(labels[own].std()), 0.1)
    return replace(train, labels=labels)


def rescaled(train: AlignedSplit) -> AlignedSplit:
    """Labels whose spread around the mean of their rater is made alike, as far as a rater's few labels can tell it.

    Of n normal labels, the logarithm of the spread is off by (ψ(m) − log m) / 2 with a variance of ψ′(m) / 4, m = (n − 1) / 2. By empirical
    Bayes it is drawn to the mean over raters, the more so the fewer labels there are; the variance between raters is that of moments. A
    rater with one label keeps it.
    """
    labels = train.labels.copy()
    rater = np.unique(train.rater, return_inverse=True)[1]
    count = np.bincount(rater)
    mean = np.bincount(rater, labels) / count
    several = np.flatnonzero(count > 1)
    if len(several) == 0:
        return train
    squares = np.bincount(rater, (labels - mean[rater]) ** 2)[several]
    half = (count[several] - 1) / 2
    bias, sampling = (digamma(half) - np.log(half)) / 2, polygamma(1, half) / 4
    spread = np.log(np.maximum(np.sqrt(squares / (2 * half)), 0.1)) - bias
    centre = np.average(spread, weights=1 / sampling)
    between = max(0.0, float(((spread - centre) ** 2).mean() - sampling.mean()))
    factor = np.ones(len(count))
    factor[several] = np.exp(-between / (between + sampling) * (spread - centre))
    return replace(train, labels=mean[rater] + factor[rater] * (labels - mean[rater]))
