"""The map in a few lines: one for each corpus and condition, by rules that do not look at test, against the hardest comparator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.evidence.methods import METHODS
from benchmarks.evidence.setups import SETUPS, TUNING
from benchmarks.evidence.tables import EQUIVALENT
from benchmarks.evidence.trial import STANDARD
from pipeline.artifacts.formats.files import read_json

Found = Mapping[str, Any]
Errors = Mapping[tuple[str, str, int, str], float]
"""The lowest error on folds of train and valid, by corpus, condition, number of folds and method."""

MORE_FOLDS = Path("benchmarks/results/evidence_five_folds.json")
"""Rows like those of `TUNING`, on five folds and of some candidates only. No set-up is chosen by them, so that what was measured stays what it was."""

AXES = {
    "raters": "Raters with scales of their own",
    "replaced": "Wrong labels",
    "share": "Few data",
    "clean": "Clean labels",
}
"""The headings of the map, by the first part of a condition's name."""

_MEANT = {"raters": ("grcf_within", "grcf_within_fine"), "replaced": ("grcf_bounded",)}
"""The rankings that were made for a kind of condition, the first that was measured counts; all pairs are meant for the others."""


@dataclass(frozen=True)
class Summary:
    """One line of the map in few lines: a ranking minus the point-wise method that is hardest to beat, test MAE.

    Attributes:
        corpus: name of the corpus.
        condition: what was done to the labels of train.
        ranking: the ranking, chosen without the test.
        against: the point-wise method whose interval reaches furthest to the right.
        splits: the difference on each split, the published one first.
        low: lower limit of the mean over the splits, the mean of theirs.
        high: its upper limit, likewise.
        plain: the same against absolute error that knows nothing of the condition; None where that is the hardest.
    """

    corpus: str
    condition: str
    ranking: str
    against: str
    splits: tuple[float, ...]
    low: float
    high: float
    plain: "Summary | None" = None

    @property
    def axis(self) -> str:
        """The heading that it stands under, see `AXES`."""
        return self.condition.partition("_")[0]

    @property
    def difference(self) -> float:
        """The mean over the splits."""
        return sum(self.splits) / len(self.splits)

    @property
    def verdict(self) -> str:
        """ "level" where the interval lies within ±`EQUIVALENT`, else "helps" or "hurts" where it lies on one side of zero, else "open"."""
        if self.low > -EQUIVALENT and self.high < EQUIVALENT:
            return "level"
        return "helps" if self.high < 0 else "hurts" if self.low > 0 else "open"


def errors_on_folds() -> dict[tuple[str, str, int, str], float]:
    """What each method reached on folds of train and valid at the best of its ways to learn, see `tuning`; errors of other folds are not comparable."""
    errors: dict[tuple[str, str, int, str], float] = {}
    for row in (row for file in (TUNING, MORE_FOLDS) if file.exists() for row in read_json(file)["rows"]):
        place = row["corpus"], row["condition"], row["n_folds"], row["method"]
        errors[place] = min(row["mae"], errors.get(place, float("inf")))
    return errors


def summaries(result: Mapping[str, Sequence[Found]], errors: Errors) -> list[Summary]:
    """One line for each corpus and condition, by axis and then from where ranking first helps most to where it hurts most.

    Nothing is chosen by the test but the comparator, and that against ranking. The set-up is the first of `SETUPS` that was measured there. The
    ranking is the one with the lowest error on folds of train and valid, on as many folds as two of them were tried on; where no two were, the one
    that was made for the condition (`_MEANT`). It is held against every point-wise method that was measured on the same splits, and the one that leaves it the least is shown.
    Splits of a corpus are one line. Its limits are the means of theirs: the standard deviation of a mean is at most the mean of the standard
    deviations, however the splits share videos, so the interval is, as far as theirs are those of normal distributions, not too narrow for these splits.

    Args:
        result: `rows` and `comparisons`.
        errors: of `errors_on_folds`.
    """
    by_place: dict[tuple[str, str], list[Found]] = {}
    for found in result["comparisons"]:
        if found["metric"] == "mae" and METHODS[found["a"]][1] and not METHODS[found["b"]][1]:
            by_place.setdefault((found["corpus"], found["condition"]), []).append(found)
    lines = [line for place, compared in by_place.items() for line in _summary(*place, compared, errors)]
    return sorted(lines, key=lambda line: (list(AXES).index(line.axis), line.difference))


def _summary(corpus: str, condition: str, compared: Sequence[Found], errors: Errors) -> Iterator[Summary]:
    setup = min((found["setup"] for found in compared), key=list(SETUPS).index)
    measured = {found["a"] for found in compared if found["setup"] == setup}
    by_folds: dict[int, dict[str, float]] = {}
    for (*where, n_folds, method), error in errors.items():
        if where == [corpus, condition] and method in measured:
            by_folds.setdefault(n_folds, {})[method] = error
    several = [n_folds for n_folds, tried in by_folds.items() if len(tried) > 1]
    meant = [name for name in _MEANT.get(condition.partition("_")[0], ("grcf_all",)) if name in measured]
    if several:
        tried = by_folds[max(several)]
        ranking = min(tried, key=tried.__getitem__)
    elif meant:
        ranking = meant[0]
    else:
        return
    by_comparator: dict[str, dict[str, Found]] = {}
    for found in compared:
        if (found["setup"], found["a"]) == (setup, ranking):
            by_comparator.setdefault(found["b"], {})[found["split"]] = found
    n_splits = max(map(len, by_comparator.values()))
    lines = [
        Summary(
            corpus,
            condition,
            ranking,
            against,
            splits=tuple(found["difference"] for found in _published_first(of_splits)),
            low=sum(found["low"] for found in of_splits.values()) / n_splits,
            high=sum(found["high"] for found in of_splits.values()) / n_splits,
        )
        for against, of_splits in by_comparator.items()
        if len(of_splits) == n_splits
    ]
    hardest = max(lines, key=lambda line: line.high)
    plain = next((line for line in lines if line.against == "mae"), None)
    yield hardest if hardest == plain else replace(hardest, plain=plain)


def _published_first(of_splits: Mapping[str, Found]) -> list[Found]:
    return [of_splits[split] for split in sorted(of_splits, key=lambda split: (split != STANDARD, split))]


_CORPORA = {
    "mosi": "MOSI",
    "mosei": "MOSEI",
    "sims": "CH-SIMS v2",
    "emobank": "EmoBank",
    "rt": "RT critics",
    "impressions": "First Impressions",
}
_WORDS = {
    "clean": "",
    "raters_real": "real scales",
    "raters_none": "none (control)",
    "raters_mild": "mild",
    "raters_strong": "strong",
    "raters_strong_crossed": "strong, crossed",
    "raters_strong_20_labels": "strong, 20 labels",
    "raters_strong_100_labels": "strong, 100 labels",
    "raters_strong_share_25": "strong, 25 % of train",
    "replaced_20": "20 % replaced",
    "replaced_40": "40 % replaced",
    "share_10": "10 % of train",
    "share_25": "25 % of train",
}
# Of a rater that is a video or a document of the standard train, on average.
_LABELS = {"mosi": 25, "mosei": 7, "sims": 23, "emobank": 30}


def name_of(line: Summary) -> str:
    """What a reader sees beside the line."""
    words = [_CORPORA[line.corpus], _WORDS[line.condition]]
    if line.condition == "raters_strong" and line.corpus in _LABELS:
        words.append(f"{_LABELS[line.corpus]} labels")
    return ", ".join(filter(None, words))
