"""What a comparison could have shown, in words and numbers, and what it would take to show the difference that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.measured import DIGITS, Measured, ModelComparison, Verdict
from pipeline.evaluation.power import POWER
from pipeline.pages.numbers import fixed, level, plural

MOST = 1_000_000
"""More seeds or segments than this are no plan."""

_UNSURE: tuple[Verdict, ...] = ("same", "worse within noise")


@dataclass(frozen=True)
class Seen:
    """What one metric could have shown.

    Attributes:
        detectable: smallest true difference that `POWER` of such comparisons would show.
        seeds: number of seeds that would show the measured difference on these units; None where no number up to `MOST` would,
            or where one seed cannot tell.
        units: number of units that would show it with these seeds; None likewise.
    """

    detectable: float
    seeds: int | None
    units: int | None


def seen(row: Measured, *, alpha: float) -> Seen | None:
    """What a metric could have shown at a level; None where there is no interval, or the runs are the same."""
    if row.sensitivity is None or row.gain is None:
        return None
    gain, sensitivity = abs(row.gain), row.sensitivity
    return Seen(
        detectable=sensitivity.detectable(alpha=alpha),
        seeds=_planned(sensitivity.seeds_for(gain, alpha=alpha)),
        units=_planned(sensitivity.units_for(gain, alpha=alpha)),
    )


def verdict_level(headline: Sequence[Measured], *, confidence: float) -> float:
    """The level that the clearest of the headline metrics has to reach for a verdict: the first step of Holm's procedure."""
    return (1.0 - confidence) / max(1, sum(row.verdict is not None for row in headline))


def seen_sentence(
    verdict: Verdict | None,
    headline: Sequence[Measured],
    model: ModelComparison,
    *,
    confidence: float,
) -> str | None:
    """What an experiment that is `same` or `worse within noise` could have shown; None for other verdicts.

    Args:
        verdict: the verdict.
        headline: the metrics that decide; the sentence is about the first of them.
        model: the comparison that they are of.
        confidence: level of the verdict, in (0, 1).
    """
    first = headline[0]
    if verdict not in _UNSURE:
        return None
    found = seen(first, alpha=verdict_level(headline, confidence=confidence))
    if found is None:
        return None
    unit, n_units = model.units
    sizes = f"{plural(model.n_seeds, 'seed')} and {plural(n_units, unit)}"
    text = (
        f"Could have seen: a difference in {first.metric.name} of {METHOD} on {model.split} from {fixed(found.detectable, DIGITS)} "
        f"({level(POWER)} power, {sizes})."
    )
    gain = abs(first.gain or 0.0)
    if round(gain, DIGITS) == 0:
        return text
    ways = []
    if found.seeds is not None and found.seeds > model.n_seeds:
        ways.append(f"{plural(found.seeds, 'seed')} on these {unit}s")
    if found.units is not None and found.units > n_units:
        ways.append(f"{plural(found.units, unit)} with as many seeds")
    if ways:
        return f"{text} The {fixed(gain, DIGITS)} that was measured would take {' or '.join(ways)}."
    if gain >= found.detectable:
        return text
    return f"{text} The {fixed(gain, DIGITS)} that was measured is out of reach of more seeds alone or more {unit}s alone."


def _planned(number: int | None) -> int | None:
    return None if number is None or number > MOST else number
