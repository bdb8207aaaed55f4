"""What the trained models reach on degraded recordings, as curves over how much was done to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.robustness import CLEAN, RobustnessCurve
from pipeline.degradation.conditions import Condition
from pipeline.degradation.features import Extractors, Ordinary, degraded_split
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.robustness import measure_rate
from pipeline.grcf.scoring import Scorer


def degraded_curves(
    clean: AlignedSplit,
    ordinary: Ordinary,
    extractors: Extractors,
    models: Mapping[str, Scorer],
    conditions: Sequence[Condition],
    *,
    protocol: Protocol,
) -> Iterator[RobustnessCurve]:
    """A curve of each model for the recordings as they are, and for each degradation over its levels.

    Args:
        clean: the aligned test split.
        ordinary: the same before alignment.
        extractors: the extractors that made it.
        models: trained models by name.
        conditions: what is done; levels of one degradation follow one another.
        protocol: protocol by which is measured.

    Raises:
        PipelineError: see `degraded_split`.
    """
    yield from _curves(CLEAN, [0.0], [clean], models, protocol)
    for degradation, group in groupby(conditions, key=lambda condition: condition.degradation):
        same = list(group)
        splits = (degraded_split(ordinary, extractors, condition) for condition in same)
        yield from _curves(degradation, [condition.level for condition in same], splits, models, protocol)


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
