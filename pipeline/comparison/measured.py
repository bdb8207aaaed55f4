"""A metric in two runs, and what its difference amounts to in one of four words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from pipeline.evaluation.metrics import Metric
from pipeline.evaluation.power import Sensitivity
from pipeline.evaluation.selection import Values
from pipeline.pages.blocks import Cell, Tone
from pipeline.pages.numbers import EXACT

Verdict: TypeAlias = Literal["better", "same", "worse within noise", "regression"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
TONES: Mapping[Verdict | None, Tone] = {
    "better": "good",
    "same": "same",
    "worse within noise": "doubtful",
    "regression": "bad",
}
"""What each verdict means for the reader."""

DIGITS = 4
"""Digits after the point of every number that a comparison shows."""


@dataclass(frozen=True)
class Measured:
    """One metric in both runs.

    *Gain* is how much nearer the metric came to its best value. For most metrics that is the difference or its
    negative; a slope of 0.9 that became 1.1 has a difference of 0.2 and a gain of 0.

    Attributes:
        metric: the metric that was measured.
        base: mean over the seeds of the first run; None where the metric is undefined.
        experiment: mean over the seeds of the second run; None where the metric is undefined.
        difference: `experiment - base`; None where one of them is None.
        ci_low: lower end of the interval of the difference; None where there is none.
        ci_high: upper end of the interval of the difference.
        gain_low: lower end of the interval of the gain; None where there is none.
        gain_high: upper end of the interval of the gain.
        p_value: the level at which an interval of the gain would just touch zero; None with the intervals.
        reason: why something is None; None where nothing is.
        segments_low: lower end of the interval of the difference over segments, where that of `ci_low` is over speakers or
            videos; None where it is over segments itself.
        segments_high: upper end of that interval.
        sensitivity: what the comparison could have shown; None without an interval.
        probability: share of pairs of a training of the experiment and one of the base, on samples of such segments, in which
            the experiment is better; None without an interval.
        draws: gains of the resamples that the interval rests on; None without an interval.
    """

    metric: Metric
    base: float | None
    experiment: float | None
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    gain_low: float | None
    gain_high: float | None
    p_value: float | None
    reason: str | None
    segments_low: float | None = None
    segments_high: float | None = None
    sensitivity: Sensitivity | None = None
    probability: float | None = None
    draws: Values | None = field(default=None, repr=False, compare=False)

    @property
    def gain(self) -> float | None:
        """How much nearer to its best value the mean is in the experiment; None where a mean is undefined."""
        if self.base is None or self.experiment is None:
            return None
        return self.metric.distance(self.base) - self.metric.distance(self.experiment)

    @property
    def direction(self) -> Literal["better", "worse", "same"] | None:
        """What became of the metric by its own idea of better, as far as four digits show it."""
        if self.gain is None:
            return None
        gain = round(self.gain, DIGITS)
        return "same" if gain == 0 else "better" if gain > 0 else "worse"

    @property
    def verdict(self) -> Verdict | None:
        """Better or a regression where the interval of the gain excludes zero on that side; None without an interval.

        `same` covers what looks better but may be chance: it is nothing to claim.
        """
        if self.gain_low is None or self.gain_high is None:
            return None
        match self.direction:
            case "better" if round(self.gain_low, EXACT) > 0:
                return "better"
            case "worse":
                return "regression" if round(self.gain_high, EXACT) < 0 else "worse within noise"
        return "same"

    @property
    def became_undefined(self) -> bool:
        """Whether the base has the metric and the experiment has it no more."""
        return self.base is not None and self.experiment is None


def verdict_cell(verdict: Verdict | None, *, remark: str = "") -> Cell:
    """A verdict in its colour, with a remark behind it."""
    return Cell(f"{verdict or 'none'}{remark}", tone=TONES.get(verdict))


@dataclass(frozen=True)
class ModelComparison:
    """One model on one split, in both runs.

    Attributes:
        model: its name in the predictions.
        split: `valid` or `test`.
        measured: the metrics, one row per metric.
        paired: what the two runs share and the intervals therefore pair: segments and seeds, segments, or nothing.
        basis: sentence on what was compared with what, and what the intervals are over.
        units: what the intervals that decide draw beside seeds, and how many there are.
        n_seeds: number of seeds that both runs were compared on; the lesser number where they share none.
    """

    model: str
    split: str
    measured: tuple[Measured, ...]
    paired: Literal["segments and seeds", "segments", "nothing"]
    basis: str
    units: tuple[str, int] = ("segment", 0)
    n_seeds: int = 1
