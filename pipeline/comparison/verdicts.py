"""What an experiment amounts to as a whole, by the headline metrics of the method on one split."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.comparison.measured import Measured, Verdict


@dataclass(frozen=True)
class Judgement:
    """One verdict on an experiment.

    Attributes:
        verdict: the word; None where no headline metric can be judged.
        reason: why, in a sentence without its full stop.
    """

    verdict: Verdict | None
    reason: str


def judge(headline: Sequence[Measured], *, confidence: float) -> Judgement:
    """Look at several metrics, and be wrong no more often than by looking at one.

    A metric counts as better or as a regression where Holm's step-down procedure (1979) over the headline says so:
    of k metrics the clearest has to be clear at a level of (1 - confidence) / k, the next at (1 - confidence) /
    (k - 1), and so on. So, as far as the intervals hold what they promise, two runs of one quality get a `better` or
    a `regression` in 1 - confidence of the cases, half of them a `regression`, however many metrics there are. One regression
    outweighs what became better; without either, the first metric decides between `worse within noise` and `same`. A
    metric that became undefined is a regression: predictions that are all equal have lost something, and a check must
    not pass because it can no longer measure.

    Args:
        headline: the metrics to judge by, the one that matters most first.
        confidence: level of the whole verdict, in (0, 1).
    """
    lost = [row for row in headline if row.became_undefined]
    judged = [row for row in headline if row.verdict is not None]
    clear = _clear(judged, alpha=1.0 - confidence)
    if lost:
        return Judgement("regression", f"{_names(lost)} became undefined ({lost[0].reason})")
    if not judged:
        return Judgement(None, "; ".join(f"{row.metric.name}: {row.reason}" for row in headline))
    return _beyond_chance(clear) or _within_noise(judged[0], n_judged=len(judged))


def _beyond_chance(clear: Sequence[Measured]) -> Judgement | None:
    """The verdict by the metrics that changed by more than chance; None where none got better or worse."""
    worse = [row for row in clear if row.verdict == "regression"]
    better = [row for row in clear if row.verdict == "better"]
    if worse:
        but = f", though {_names(better)} got better" if better else ""
        return Judgement("regression", f"{_names(worse)} got worse by more than chance{but}")
    if better:
        return Judgement("better", f"{_names(better)} got better by more than chance, and no other worse")
    return None


def _within_noise(first: Measured, *, n_judged: int) -> Judgement:
    """The verdict by the first of the metrics where none changed by more than chance."""
    if first.direction != "worse":
        return Judgement("same", "nothing changed by more than chance")
    but = "by no more than chance"
    if first.verdict == "regression":
        but = f"by no more than chance once it counts as one of {n_judged} looks"
    return Judgement("worse within noise", f"{first.metric.name} got worse, but {but}")


def _clear(rows: Sequence[Measured], *, alpha: float) -> list[Measured]:
    """The rows that Holm's procedure rejects as chance, in the order of `rows`."""
    clear: list[Measured] = []
    by_clarity = sorted((row for row in rows if row.p_value is not None), key=lambda row: row.p_value or 0.0)
    for n_before, row in enumerate(by_clarity):
        if (row.p_value or 0.0) > alpha / (len(rows) - n_before):
            break
        clear.append(row)
    return [row for row in rows if row in clear]


def _names(rows: Sequence[Measured]) -> str:
    *first, last = (row.metric.name for row in rows)
    return f"{', '.join(first)} and {last}" if first else last
