"""All that is compared on one split, put together from predictions."""

from collections.abc import Mapping
from functools import partial

from pipeline.artifacts.evaluated.evaluation import SplitComparisons
from pipeline.artifacts.evaluated.models import BASELINE, COMPARED, METHOD
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.contributions import contribution_table
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.tables import (
    Predictions,
    difference_table,
    model_table,
    order_table,
    paired_resamples,
    reliability_table,
)


def compare_split(
    predictions: SplitPredictions,
    *,
    subsets: Mapping[str, tuple[frozenset[str], Predictions]],
    scores: Predictions,
    protocol: Protocol,
    confidence: float,
    n_resamples: int,
    n_bins: int,
) -> SplitComparisons:
    """The method against each other model and against itself with modalities hidden, and how well models are calibrated.

    Args:
        predictions: labels of the split and predictions of every model.
        subsets: the modalities that the method was shown and its predictions from them, by a name; `all` is among them.
        scores: scores of the method after stage 1, in any unit.
        protocol: protocol by which is measured.
        confidence: level of the intervals, in (0, 1).
        n_resamples: number of bootstrap resamples, at least 1.
        n_bins: number of reliability bins, at least 1.
    """
    truth, models = predictions.truth, predictions.models
    averaged = tuple(models[name].mean(axis=0, keepdims=True) for name in (METHOD, BASELINE))
    by_name = {name: rows for name, (_, rows) in subsets.items()}
    differences = partial(
        difference_table,
        truth,
        protocol=protocol,
        confidence=confidence,
        resamples=paired_resamples(truth, n_resamples=n_resamples),
    )
    return SplitComparisons(
        differences=differences(
            {name: (models[METHOD], rows) for name, rows in models.items() if name != METHOD}
        ),
        modalities=model_table(truth, by_name, protocol=protocol, confidence=confidence),
        modality_differences=differences(
            {name: (rows, by_name["all"]) for name, rows in by_name.items() if name != "all"}
        ),
        contributions=contribution_table(
            truth, dict(subsets.values()), protocol=protocol, confidence=confidence
        ),
        order=order_table(
            truth,
            {"rank": scores, "calibrate": models[METHOD]},
            protocol=protocol,
            confidence=confidence,
        ),
        reliability=reliability_table(truth, {name: models[name] for name in COMPARED}, n_bins=n_bins),
        ensembles=differences({METHOD: (averaged[0], averaged[1])} if len(models[METHOD]) > 1 else {}).get(
            METHOD, {}
        ),
    )
