"""The map as a page: where ranking first helps, where it does not matter, where it hurts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.evidence.cells import applies
from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.methods import METHODS, STEPS_TRUSTED
from benchmarks.evidence.overview import errors_on_folds, name_of, summaries
from benchmarks.evidence.tables import EQUIVALENT, is_equivalent
from benchmarks.markdown import table
from pipeline.pages.numbers import fixed, interval, signed

_HEADLINE = {
    "raters": ("grcf_all", "grcf_within", "grcf_within_fine", "grcf_partly_25", "grcf_partly_50"),
    "replaced": ("grcf_bounded",),
    "clean": ("grcf_all", "grcf_within"),
}
"""The rankings that are meant for a kind of condition; all pairs are meant for the others."""
_VERDICTS = {"helps": "helps", "level": "level", "hurts": "hurts", "open": "no difference seen"}
_PLACE = ("corpus", "split", "condition")
_CELL = (*_PLACE, "setup")

Result = Mapping[str, Any]
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One line of the map.

    Attributes:
        ranking: name of the ranking that is meant for the condition.
        plain: it minus absolute error that knows nothing of what was done to the labels.
        informed: it minus the point-wise method with the lowest error on test among those that were offered the same
            information; None where there is none. The choice on test favours the point-wise side.
    """

    ranking: str
    plain: Found
    informed: Found | None


def verdict(comparison: Found) -> str:
    """What a comparison by absolute error says of its first method."""
    if comparison["high"] < 0:
        return "helps"
    return "hurts" if comparison["low"] > 0 else "no difference seen"


def lines_of(result: Result) -> Iterator[Line]:
    """The lines of the map, in the order of the results."""
    errors = {
        (*(row[key] for key in _CELL), row["method"]): row["mean"]
        for row in result["rows"]
        if row["metric"] == "mae"
    }
    compared = {
        (*(found[key] for key in _CELL), found["a"], found["b"]): found
        for found in result["comparisons"]
        if found["metric"] == "mae"
    }
    for place in dict.fromkeys(key[:4] for key in compared):
        for ranking in _HEADLINE.get(place[2].partition("_")[0], ("grcf_all",)):
            others = {key[5]: found for key, found in compared.items() if key[:5] == (*place, ranking)}
            informed = [name for name in others if name != "mae" and not METHODS[name][1]]
            best = min(informed, key=lambda name: errors[(*place, name)], default=None)
            if "mae" in others:
                yield Line(ranking, others["mae"], others[best] if best else None)


def page(result: Result) -> str:
    """The whole page."""
    measured = {(row["corpus"], row["condition"]) for row in result["rows"]}
    missing = [
        f"{corpus} {condition}"
        for corpus in READERS
        for condition in CONDITIONS
        if applies(condition, corpus) and (corpus, condition) not in measured
    ]
    lines = [
        "# Where ranking first helps",
        "",
        "![Test error of ranking first minus that of the hardest point-wise method, a line for each corpus and condition](../../docs/images/evidence.svg)",
        "",
        "The figure has a line for each corpus and condition. *The ranking* is not chosen by test: under scales of raters it is the one with the lowest error on folds of train and valid "
        "(`evidence_tuning.json`, on MOSI five of them, `evidence_five_folds.json`) of those that were measured on test; where no two were tried on folds, the one that the condition asks for: within a rater under scales of raters, bounded weights where labels are replaced, all "
        "pairs elsewhere. *The dot* is that ranking minus the point-wise method that leaves it the least, of all that were measured there and so were offered the same: the one whose interval reaches "
        "furthest to the right. This is the worst case for ranking, chosen on test against it. *The diamond* is the same ranking minus plain absolute error, which does not know what was done to the labels; green or red "
        "where its interval leaves zero out. *Small dots* are the splits, or the critics, that the dot is the mean of; its limits are the means of theirs, which is no narrower than an interval over all of them. "
        f"*The zones*: level is within ±{fixed(EQUIVALENT, 3)}. A dot is grey and full where its 95 % interval lies in that zone, else green or red where it lies on one side of zero, and a ring where it tells neither. "
        "*Strong* and *mild* are the raters' scales, *labels* how many a rater has; *crossed* raters have segments of all videos. The rule was written when the "
        "test was known.",
        "",
        *table(
            ("line of the figure", "ranking", "minus", "MAE", "", "splits"),
            [
                (
                    name_of(line),
                    line.ranking,
                    f"`{line.against}`",
                    _difference(vars(line) | {"difference": line.difference}),
                    _VERDICTS[line.verdict],
                    str(len(line.splits)),
                )
                for line in summaries(result, errors_on_folds())
            ],
        ),
        "",
        "Written by `make evidence`. Labels are real; the raters' scales and the replaced labels are synthetic and touch train only, test is as "
        "published. One network for all: frozen MiniLM, means over the words, with a row of sound on MOSI and First Impressions (whose text is counts of "
        "words); the last epoch, steps by corpus and the same for every method. The set-up `strong` sees the layers 2, 4 and 6 side by side and has a "
        "hidden vector of 128 per modality; it was chosen on folds of MOSI's train and valid, for both sides from the same candidates "
        "(`evidence_tuning.json`). The set-up `plain` sees the mean of the three layers, has 64, and nothing was tuned; in `strong_tuned` and `plain_tuned` every method has the learning rate that was best for it on folds of the corpus's train and valid under the same scales of raters; in `strong_batched` and `plain_batched` it also chose between batches of 64 and of 256 segments, the latter for as many epochs or for as many steps, where `evidence_tuning.json` has both. A ranking takes a third of the epochs and absolute error the rest. A rater is a video, on RT critics a critic; under `raters_strong_crossed` raters have as many labels as videos have segments, but of segments drawn from all videos. Where raters have "
        f"scales of their own, valid alone has the true one: every method then trains {STEPS_TRUSTED} more steps on valid, under `raters_none` too, the control without scales. On the splits of RT that are "
        "named after a critic, train is of the three others and valid and test are of that one. Labels of "
        "other ranges are scaled to about −3 to 3, and MAE is in these units. Seeds of the weights and draws of raters, replaced labels or videos are "
        "apart; the seeds meet the draws in turn. Intervals are 95 %, over draws, seeds and videos, paired, and not corrected for the number of rows.",
        "",
        "## The map: MAE on test, difference",
        "",
        "The ranking that is meant for the condition, against absolute error that knows nothing of the condition, and against the point-wise method that "
        "is best on test among those that were offered the same information (which favours the point-wise side). Below 0 ranking first helps.",
        "",
        *table(
            (
                "corpus",
                "split",
                "condition",
                "method",
                "minus `mae`",
                "",
                "minus the best informed",
                "",
                "seeds × draws",
                "set-up",
            ),
            map(_line, lines_of(result)),
        ),
        "",
        *_equivalence(result),
        "## Rankings minus point-wise methods, test",
        "",
        *table(
            (
                "corpus",
                "split",
                "condition",
                "method",
                "minus",
                "MAE",
                "r",
                "seeds × draws",
                "ranking first",
                "set-up",
            ),
            [_comparison(result, found) for found in result["comparisons"] if _is_main(found)],
        ),
        "",
        "## Every method, test",
        "",
        *table(
            ("corpus", "split", "condition", "method", "MAE", "r", "seeds × draws", "set-up"), _rows(result)
        ),
        "",
    ]
    if missing:
        lines += [
            "## Not measured yet",
            "",
            f"{', '.join(missing)}. `make evidence` measures them. MUStARD has two classes and is measured by `make mustard`.",
            "",
        ]
    return "\n".join(lines)


def _line(line: Line) -> Sequence[str]:
    informed = line.informed
    return (
        *(line.plain[key] for key in _PLACE),
        line.ranking,
        _difference(line.plain),
        verdict(line.plain),
        "" if informed is None else f"{_difference(informed)} (`{informed['b']}`)",
        "" if informed is None else verdict(informed),
        _models(line.plain),
        line.plain["setup"],
    )


def _equivalence(result: Result) -> list[str]:
    """Two one-sided tests on clean labels."""
    clean = [
        found
        for found in result["comparisons"]
        if _is_main(found) and found["condition"] == "clean" and found["b"] == "mae" and "low_90" in found
    ]
    bound = fixed(EQUIVALENT, 3)
    return [
        "## Equivalence on clean labels",
        "",
        f"Two one-sided tests at 5 %: equivalent where the 90 % interval of the difference in MAE lies within ±{bound}.",
        "",
        *table(
            ("corpus", "split", "method", "minus", "MAE", "90 % interval", "videos", "equivalent", "set-up"),
            [
                (
                    *(found[key] for key in ("corpus", "split", "a", "b")),
                    signed(found["difference"], 4),
                    interval(found["low_90"], found["high_90"], 4),
                    str(found["n_videos"]),
                    "yes" if is_equivalent(found) else "not shown",
                    found["setup"],
                )
                for found in clean
            ],
        ),
        "",
        *_pooled(result),
    ]


def _pooled(result: Result) -> list[str]:
    """The same over several splits of a corpus together."""
    if not result.get("pooled"):
        return []
    return [
        "Several splits of a corpus together (`python -m benchmarks.evidence.pooled`): the mean over splits and seeds, paired by split, seed and video; a "
        "video that is in the test part of several splits is drawn once for all. The second interval is of these splits, the first, which decides, draws the splits too. "
        f"*No worse* is one of the two tests by itself: the upper limit lies below +{fixed(EQUIVALENT, 3)}.",
        "",
        *table(
            (
                *("corpus", "splits", "method", "minus", "MAE", "90 % interval", "of these splits"),
                *("videos", "seeds", "no worse", "equivalent", "set-up"),
            ),
            [
                (
                    *(found["corpus"], ", ".join(found["splits"]), found["a"], found["b"]),
                    signed(found["difference"], 4),
                    interval(found["low_90"], found["high_90"], 4),
                    interval(found["low_90_of_these_splits"], found["high_90_of_these_splits"], 4),
                    *(str(found["n_videos"]), found["seeds"]),
                    "yes" if found["high_90"] < EQUIVALENT else "not shown",
                    "yes" if is_equivalent(found) else "not shown",
                    found["setup"],
                )
                for found in result["pooled"]
            ],
        ),
        "",
    ]


def _is_main(found: Found) -> bool:
    return bool(found["metric"] == "mae" and not METHODS[found["b"]][1])


def _comparison(result: Result, found: Found) -> Sequence[str]:
    same = (*_PLACE, "a", "b")
    pearson = _with_metric(result["comparisons"], found, (*same, "setup"), "pearson")
    return (
        *(found[key] for key in same),
        _difference(found),
        _difference(pearson),
        _models(found),
        verdict(found),
        found["setup"],
    )


def _rows(result: Result) -> list[Sequence[str]]:
    same = (*_PLACE, "method")
    return [
        (
            *(row[key] for key in same),
            _summary(row),
            _summary(_with_metric(result["rows"], row, (*same, "setup"), "pearson")),
            _models(row),
            row["setup"],
        )
        for row in result["rows"]
        if row["metric"] == "mae"
    ]


def _with_metric(found: Sequence[Found], one: Found, same: Sequence[str], metric: str) -> Found:
    return next(
        other for other in found if other["metric"] == metric and all(other[key] == one[key] for key in same)
    )


def _difference(found: Found) -> str:
    return f"{signed(found['difference'], 3)} {interval(found['low'], found['high'], 3)}"


def _models(found: Found) -> str:
    """How many seeds and, where something was drawn, how many draws."""
    n_draws = found["n_draws"]
    n_seeds = found["n_seeds"] if "n_seeds" in found else found["n"]
    return f"{n_seeds} × {n_draws}" if CONDITIONS[found["condition"]].is_drawn else str(n_seeds)


def _summary(row: Found) -> str:
    return fixed(row["mean"], 3) + ("" if row["sd"] is None else f" ± {fixed(row['sd'], 3)}")
