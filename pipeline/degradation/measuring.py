"""What the trained models reach on degraded recordings, as curves over how much was done to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from pipeline.artifacts.aligned.degraded import DegradedSplit
from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.evaluated.robustness import CLEAN, RobustnessCurve
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.robustness import measure_rate
from pipeline.grcf.scoring import Scorer


def degraded_curves(
    clean: Path,
    degraded: Sequence[DegradedSplit],
    models: Mapping[str, Scorer],
    *,
    protocol: Protocol,
) -> Iterator[RobustnessCurve]:
    """A curve of each model for the recordings as they are, and for each degradation over its levels; none where nothing was degraded.

    Args:
        clean: folder of the aligned test split.
        degraded: the same under each condition; levels of one degradation follow one another.
        models: trained models by name.
        protocol: protocol by which is measured.

    Raises:
        PipelineError: the folder of a split is missing or damaged.
    """
    if not degraded:
        return
    yield from _curves(CLEAN, [0.0], [read_aligned(clean)], models, protocol)
    for degradation, group in groupby(degraded, key=lambda split: split.degradation):
        same = list(group)
        splits = (read_aligned(split.path) for split in same)
        yield from _curves(degradation, [split.level for split in same], splits, models, protocol)


def _curves(
    name: str,
    levels: Sequence[float],
    splits: Iterable[AlignedSplit],
    models: Mapping[str, Scorer],
    protocol: Protocol,
) -> Iterator[RobustnessCurve]:
    measured: dict[str, list[list[tuple[float, float]]]] = {model: [] for model in models}
    for split in splits:
        for model, scorer in models.items():
            rows = scorer.predict(split)
            measured[model].append([measure_rate(split.labels, row, protocol=protocol) for row in rows])
    for model, values in measured.items():
        error, order = np.array(values).transpose(2, 1, 0)
        yield RobustnessCurve("test", name, model, np.array(levels), models[model].seeds, error, order)
