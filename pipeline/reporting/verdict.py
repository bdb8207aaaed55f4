"""The numbers in plain words: no more than their intervals allow."""

from typing import Literal

from pipeline.artifacts.evaluated.evaluation import Difference, Over, Summary
from pipeline.evaluation.metrics import Metric
from pipeline.pages.numbers import EXACT
from pipeline.reporting.numbers import change, change_end, value

Standing = Literal["better", "worse", "within noise"]

OVER: dict[Over, str] = {
    "seeds": "over seeds",
    "segments": "over segments",
    "both": "over seeds and segments",
}


def standing(difference: Difference, metric: Metric) -> Standing | None:
    """Whether the first of two compared models is better by this metric, by the interval of their difference.

    Args:
        difference: first model minus second model.
        metric: metric of the difference; its direction decides what a negative difference means.

    Returns:
        `within noise` where the interval holds zero or touches it; None without an interval, and for metrics that
        are best at one or zero, where the sign of a difference says nothing.
    """
    low, high = difference.ci_low, difference.ci_high
    if low is None or high is None or metric.better not in ("higher", "lower"):
        return None
    if round(low, EXACT) <= 0 <= round(high, EXACT):
        return "within noise"
    return "better" if (low > 0) == (metric.better == "higher") else "worse"


def comparison_sentence(
    split: str,
    metric: Metric,
    grcf: Summary,
    difference: Difference,
    *,
    other: str,
    explain: str | None,
) -> str:
    """One sentence about one metric of GRCF on one split, against another model.

    Args:
        split: name of the split.
        metric: metric that is compared.
        grcf: value of GRCF itself.
        difference: GRCF minus the other model.
        other: the other model in words.
        explain: level of the interval, to name it; None where an earlier sentence has named it.

    >>> from pipeline.evaluation.protocols import MOSI
    >>> own = Summary(mean=0.71, sd=0.01, ci_low=0.7, ci_high=0.72, n=5)
    >>> difference = Difference(-0.04, -0.09, 0.01, n_seeds=5, n_segments=70, over="both", method="")
    >>> comparison_sentence(
    ...     "valid", MOSI.metric("mae"), own, difference, other="point-wise regression", explain="95 %"
    ... )
    'On valid, the MAE of GRCF is 0.710, 0.040 lower than that of point-wise regression (95 % interval −0.090 to +0.010, over seeds and segments): within noise.'
    """
    name = metric.phrase
    if grcf.mean is None:
        return f"On {split}, GRCF has no {name}: {grcf.reason}."
    unit, step = (" %", " points") if metric.unit == "share" else ("", "")
    own = f"On {split}, the {name} of GRCF is {value(grcf.mean, metric)}{unit}"
    if difference.mean is None:
        return f"{own}; its difference from {other} is undefined: {difference.reason}."
    sentence = f"{own}, {_difference(difference.mean, metric, step)} that of {other}"
    if difference.ci_low is None or difference.ci_high is None:
        return f"{sentence}; there is no interval ({difference.reason}), so this may be noise."
    low, high = change_end(difference.ci_low, metric), change_end(difference.ci_high, metric)
    ends = f"{low} to {high}{step}"
    sentence += f" ({explain} interval {ends}, {OVER[difference.over]})" if explain else f" ({ends})"
    stands = standing(difference, metric)
    if stands is None:
        return f"{sentence}."
    noise = "the noise of segments" if difference.over == "segments" else "noise"
    return f"{sentence}: {stands if stands == 'within noise' else f'{stands}, beyond {noise}'}."


def one_seed(first: str, second: str) -> str:
    """What stands in place of a verdict where two models were trained once, whatever their intervals are."""
    return f"This is one seed, and these intervals are over segments alone: training again may turn {first} and {second} around."


def conclusion(valid: Standing | None, test: Standing | None, *, other: str) -> str:
    """What the errors on both splits amount to; each split is one of `standing`'s answers for it."""
    if valid is None or test is None:
        return f"This run does not show whether GRCF or {other} has the smaller error."
    if valid == test:
        return {
            "better": f"On both splits GRCF has a smaller error than {other}, by more than noise.",
            "worse": f"On both splits GRCF has a larger error than {other}, by more than noise.",
            "within noise": f"On both splits the difference in error between GRCF and {other} is within noise.",
        }[valid]
    if "within noise" not in (valid, test):
        return f"The splits disagree about the error: compared with {other}, GRCF is {valid} on valid and {test} on test."
    # An interval that holds zero contradicts neither side.
    clear, split, unclear = (valid, "valid", "test") if test == "within noise" else (test, "test", "valid")
    size = "smaller" if clear == "better" else "larger"
    return (
        f"On {split} GRCF has a {size} error than {other}, by more than noise; "
        f"on {unclear} the difference is within noise."
    )


def _difference(mean: float, metric: Metric, step: str) -> str:
    size = change(abs(mean), metric).removeprefix("+")
    if not size.strip("0."):
        return "the same to these digits as"
    return f"{size}{step} {'higher' if mean > 0 else 'lower'} than"
