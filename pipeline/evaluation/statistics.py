"""What several seeds and a finite set of segments allow to say: summaries and paired differences.

Two sources of chance are kept apart. *Seeds*: training the same model again gives another number. *Segments*:
another test set of the same kind would give another number. An interval over one says nothing of the other,
so each says which it covers.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pipeline.artifacts.evaluated.evaluation import Difference, Over, Summary
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Undefined, require_comparable
from pipeline.evaluation.resampling import Resamples, draw, generators
from pipeline.evaluation.selection import Segments, Values

PredictionsA = Float[NDArray[np.float64], "seed_a segment *class"]
PredictionsB = Float[NDArray[np.float64], "seed_b segment *class"]
"""Predictions in label units, or a probability for each class, one row per seed; one row for what has no seeds."""

MOST_DROPPED = 0.05
"""The greatest share of resamples without a value for which an interval is still given."""


def summarise(values: Sequence[float | Undefined], *, confidence: float) -> Summary:
    """Mean, standard deviation and t interval over seeds.

    The interval is that of the mean over seeds under normal seed noise: `mean ± t(n - 1) · sd / √n`. It holds
    the segments fixed.

    Args:
        values: value of the metric for each seed.
        confidence: level of the interval, in (0, 1).

    Returns:
        the summary. One undefined seed makes it null: the mean of the others would be of another population.

    Raises:
        PipelineError: `confidence` is not in (0, 1).
        ValueError: a value is NaN or infinite, in place of `Undefined`.

    >>> summarise([0.5, 0.7], confidence=0.9).mean
    0.6
    """
    _require_confidence(confidence)
    n = len(values)
    if n == 0:
        return Summary(None, None, None, None, 0, "there are no seeds")
    undefined = [value for value in values if isinstance(value, Undefined)]
    if undefined:
        reason = f"undefined for {len(undefined)} of {n} seeds: {undefined[0].reason}"
        return Summary(None, None, None, None, n, reason)
    numbers = [float(value) for value in values if not isinstance(value, Undefined)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"a metric is finite or Undefined, found {numbers}")
    mean = math.fsum(numbers) / n
    if n == 1:
        return Summary(mean, None, None, None, 1, "one value has no spread over seeds")
    from scipy.special import stdtrit  # takes as long to import as all else here, and a comparison needs no t

    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in numbers) / (n - 1))
    half_width = float(stdtrit(n - 1, 0.5 + confidence / 2.0)) * sd / math.sqrt(n)
    return Summary(mean, sd, mean - half_width, mean + half_width, n)


def segment_intervals(
    truth: Float[NDArray[np.float64], "segment"],
    prediction: Float[NDArray[np.float64], "segment *class"],
    *,
    metrics: Sequence[Metric],
    n_averaged: int,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Summary]:
    """The metrics of one row of predictions, with percentile bootstrap intervals over segments.

    Args:
        truth: labels of the segments, in label units.
        prediction: one prediction for each of them, such as the mean over seeds.
        metrics: metrics to measure; they share their resamples.
        n_averaged: number of seeds that the predictions are the mean of.
        n_resamples: number of bootstrap resamples, at least 1.
        confidence: level of the intervals, in (0, 1).
        seed: seed of the resamples; the same seed gives the same intervals.

    Raises:
        PipelineError: the shapes do not fit together, a value is not finite, or `confidence` is not in (0, 1).
    """
    _require_confidence(confidence)
    require_comparable(truth, prediction, axis=0)
    resamples = Resamples(truth, n_resamples=n_resamples, rng=np.random.default_rng(seed))
    by_metric = resamples.values(prediction, metrics)
    ends = [0.5 - confidence / 2.0, 0.5 + confidence / 2.0]
    summaries = {}
    for metric in metrics:
        value, resampled = metric.function(truth, prediction), by_metric[metric.name]
        finite = resampled[np.isfinite(resampled)]
        n_dropped = len(resampled) - len(finite)
        if isinstance(value, Undefined):
            summaries[metric.name] = Summary(None, None, None, None, n_averaged, value.reason)
        elif len(truth) == 1 or n_dropped > MOST_DROPPED * len(resampled):
            reason = (
                "one segment cannot be resampled"
                if len(truth) == 1
                else f"the metric is undefined in {n_dropped} of {len(resampled)} resamples"
            )
            summaries[metric.name] = Summary(value, None, None, None, n_averaged, reason)
        else:
            low, high = (float(end) for end in np.quantile(finite, ends))
            summaries[metric.name] = Summary(value, None, low, high, n_averaged)
    return summaries


def paired_differences(
    truth: Float[NDArray[np.float64], "n_labels"],
    predictions_a: Float[NDArray[np.float64], "n_seeds_a n_predictions_a *class"],
    predictions_b: Float[NDArray[np.float64], "n_seeds_b n_predictions_b *class"],
    *,
    metrics: Sequence[Metric],
    n_resamples: int,
    confidence: float,
    seed: int,
    over: Over,
    resamples: Resamples | None = None,
) -> dict[str, Difference]:
    """The difference A - B of each metric, with an interval that uses the pairing of seeds and of segments.

    * `over="seeds"`: the t interval of the mean of the differences seed by seed, on the segments as they are.
    * `over="segments"`: the percentile bootstrap of the mean over the seeds as they are; each resample draws
      the segments with replacement, the same for both models and all seeds.
    * `over="both"`: as before, and each resample draws the seeds with replacement too. A bootstrap over few
      seeds is too narrow in its seed part (by a factor of √((n - 1) / n) in standard deviations: 0.89 for
      five).

    All metrics share their resamples. A resample in which the metric is undefined is dropped and counted in
    `method`; the interval is null if that befalls more than `MOST_DROPPED` of them.

    Args:
        truth: labels of the segments, in label units.
        predictions_a: predictions of model A, one row per seed; one row for a model without seeds (a median
            baseline).
        predictions_b: predictions of model B for the same segments, with as many rows, or with one.
        metrics: metrics to compare by; a subset of a protocol's where time matters.
        n_resamples: number of bootstrap resamples, at least 1; without effect for `over="seeds"`.
        confidence: level of the interval, in (0, 1).
        seed: seed of the resamples; the same seed gives the same interval.
        over: sources of variation that the interval covers: segments, seeds, or both.
        resamples: samples of these segments, `n_resamples` of them by the first of `generators(seed)`, where several
            differences share them; None draws them.

    Returns:
        A difference for each metric, in the order of `metrics`.

    Raises:
        PipelineError: the shapes do not fit together, a value is not finite, or a setting is out of range.
    """
    _require_confidence(confidence)
    _require_pairs(truth, predictions_a, predictions_b)
    if n_resamples < 1:
        raise PipelineError(f"the number of bootstrap resamples is {n_resamples}; it must be at least 1")
    n_seeds = max(len(predictions_a), len(predictions_b))
    pairing = _pairing(len(predictions_a), len(predictions_b))
    per_seed = {metric.name: _by_seed(metric, truth, predictions_a, predictions_b) for metric in metrics}
    if over == "seeds":
        seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
        method = f"t interval of the mean over {seeds}, segments as they are{pairing}"
        return {
            name: _over_seeds(differences, len(truth), confidence, method)
            for name, differences in per_seed.items()
        }
    of_segments, of_seeds = generators(seed)
    if resamples is None:
        resamples = Resamples(truth, n_resamples=n_resamples, rng=of_segments)
    seed_counts = draw(of_seeds, n_resamples, n_seeds) if over == "both" else np.ones((n_resamples, n_seeds))
    resampled = _resampled_means(predictions_a, predictions_b, metrics, resamples, seed_counts)
    drawn = "segments drawn with replacement, seeds as they are"
    if over == "both":
        drawn = "segments and seeds drawn with replacement"
    method = f"percentile bootstrap, {n_resamples} resamples, {drawn}{pairing}"
    return {
        name: _over_resamples(differences, resampled[name], len(truth), confidence, over, method)
        for name, differences in per_seed.items()
    }


def _by_seed(
    metric: Metric, truth: Segments, predictions_a: PredictionsA, predictions_b: PredictionsB
) -> list[float | Undefined]:
    a = [metric.function(truth, row) for row in predictions_a]
    b = [metric.function(truth, row) for row in predictions_b]
    n_seeds = max(len(a), len(b))
    differences: list[float | Undefined] = []
    for value_a, value_b in zip(a * (n_seeds // len(a)), b * (n_seeds // len(b)), strict=True):
        if isinstance(value_a, Undefined):
            differences.append(value_a)
        elif isinstance(value_b, Undefined):
            differences.append(value_b)
        else:
            differences.append(value_a - value_b)
    return differences


def _over_seeds(
    differences: list[float | Undefined], n_segments: int, confidence: float, method: str
) -> Difference:
    summary = summarise(differences, confidence=confidence)
    return Difference(
        mean=summary.mean,
        ci_low=summary.ci_low,
        ci_high=summary.ci_high,
        n_seeds=summary.n,
        n_segments=n_segments,
        over="seeds",
        method=method,
        reason=summary.reason,
    )


def _over_resamples(
    differences: list[float | Undefined],
    resampled: Values,
    n_segments: int,
    confidence: float,
    over: Over,
    method: str,
) -> Difference:
    summary = summarise(differences, confidence=confidence)
    finite = resampled[np.isfinite(resampled)]
    n_dropped = len(resampled) - len(finite)
    if n_dropped:
        method += f", {n_dropped} dropped where the metric is undefined"
    low, high, reason = None, None, None
    if summary.mean is None:
        reason = summary.reason
    elif over == "both" and summary.n == 1:
        reason = "one seed cannot be resampled"
    elif n_segments == 1:
        reason = "one segment cannot be resampled"
    elif n_dropped > MOST_DROPPED * len(resampled):
        reason = f"the metric is undefined in {n_dropped} of {len(resampled)} resamples"
    else:
        low, high = (
            float(end) for end in np.quantile(finite, [0.5 - confidence / 2.0, 0.5 + confidence / 2.0])
        )
    return Difference(summary.mean, low, high, summary.n, n_segments, over, method, reason)


def _resampled_means(
    predictions_a: PredictionsA,
    predictions_b: PredictionsB,
    metrics: Sequence[Metric],
    resamples: Resamples,
    seed_counts: Float[NDArray[np.float64], "resample seed"],
) -> dict[str, Values]:
    """The mean difference over the seeds of each resample, by metric; NaN where a seed drawn has none."""
    by_row_a, by_row_b = (
        resamples.values_of_rows(list(predictions), metrics) for predictions in (predictions_a, predictions_b)
    )
    means = {}
    for metric in metrics:
        values_a, values_b = (
            np.stack([values[metric.name] for values in by_row], axis=1) for by_row in (by_row_a, by_row_b)
        )
        # A seed that is not drawn must not spoil the mean where its metric is undefined.
        drawn = np.where(seed_counts > 0, seed_counts * (values_a - values_b), 0.0)
        means[metric.name] = drawn.sum(axis=1) / seed_counts.shape[1]
    return means


def _pairing(n_seeds_a: int, n_seeds_b: int) -> str:
    if n_seeds_a == n_seeds_b:
        return "; seeds paired" if n_seeds_a > 1 else ""
    return f"; {'A' if n_seeds_a == 1 else 'B'} has one row and stands against every seed of the other"


def _require_pairs(
    truth: Float[NDArray[np.float64], "n_labels"],
    predictions_a: Float[NDArray[np.float64], "n_seeds_a n_predictions_a *class"],
    predictions_b: Float[NDArray[np.float64], "n_seeds_b n_predictions_b *class"],
) -> None:
    require_comparable(truth, predictions_a, axis=1)
    require_comparable(truth, predictions_b, axis=1)
    n_seeds_a, n_seeds_b = len(predictions_a), len(predictions_b)
    if min(n_seeds_a, n_seeds_b) < 1 or (n_seeds_a != n_seeds_b and min(n_seeds_a, n_seeds_b) > 1):
        raise PipelineError(
            f"model A has predictions of {n_seeds_a} seeds and model B of {n_seeds_b}; "
            "a paired difference needs the same number, or one row for a model without seeds"
        )


def _require_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise PipelineError(f"the confidence is {confidence}; it must lie between 0 and 1, for example 0.95")
