"""The map as a page and a figure: where ranking first helps, where it does not matter, where it hurts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.evidence.cells import applies
from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.methods import METHODS, STEPS_TRUSTED
from benchmarks.evidence.setups import SETUPS
from benchmarks.evidence.tables import EQUIVALENT, is_equivalent
from benchmarks.evidence.trial import STANDARD
from benchmarks.markdown import table
from pipeline.pages.numbers import fixed, interval, signed

# Readable on white and on the dark page of a code host alike.
_INK, _HELPS, _HURTS, _OPEN = "#7d8590", "#1a7f37", "#cf222e", "#7d8590"
_COLOURS = {"helps": _HELPS, "hurts": _HURTS}
_CORPORA = {
    "mosi": "MOSI",
    "mosei": "MOSEI",
    "sims": "CH-SIMS v2",
    "emobank": "EmoBank",
    "rt": "RT critics",
    "impressions": "First Impressions",
}
_WORDS = {
    "clean": "clean labels",
    "raters_real": "real raters' scales",
    "raters_none": "raters without scales",
    "raters_mild": "raters' scales, mild",
    "raters_strong": "raters' scales, strong",
    "raters_strong_crossed": "strong scales, across videos",
    "raters_strong_20_labels": "strong scales, 20 labels each",
    "raters_strong_100_labels": "strong scales, 100 labels each",
    "raters_strong_share_25": "strong scales, 25 % of train",
    "replaced_20": "20 % labels replaced",
    "replaced_40": "40 % labels replaced",
    "share_10": "10 % of train",
    "share_25": "25 % of train",
}
_HEADLINE = {
    "raters": ("grcf_all", "grcf_within", "grcf_within_fine", "grcf_partly_25", "grcf_partly_50"),
    "replaced": ("grcf_bounded",),
    "clean": ("grcf_all", "grcf_within"),
}
"""The rankings that are meant for a kind of condition; all pairs are meant for the others."""
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
        "![Test error of a ranking method minus that of point-wise ones, by corpus and condition](../../docs/images/evidence.svg)",
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


def draw(result: Result, path: Path) -> None:
    """A row for each line of the map; on the left against plain absolute error, on the right against the best informed method."""
    shown = _latest(lines_of(result))
    with plt.rc_context(
        {"svg.hashsalt": "grcf", "text.color": _INK, "axes.labelcolor": _INK, "font.size": 9}
    ):
        figure, (left, right) = plt.subplots(
            1, 2, sharey=True, figsize=(10, 0.22 * len(shown) + 1.2), layout="constrained"
        )
        for position, line in enumerate(shown):
            _dot(left, position, line.plain)
            if line.informed is not None:
                _dot(right, position, line.informed)
        left.set_yticks(range(len(shown)), [_name(line) for line in shown])
        left.set_ylim(len(shown) - 0.5, -0.5)
        left.set_title("minus plain absolute error")
        right.set_title("minus the best method\nthat was offered the same")
        for axes in (left, right):
            axes.axvline(0, color=_INK, linewidth=0.8)
            axes.tick_params(colors=_INK)
            axes.locator_params(axis="x", nbins=5)
            for side in axes.spines.values():
                side.set_color(_INK)
        figure.supxlabel(
            "Test MAE, difference: left of 0 ranking first helps, right of it it hurts", color=_INK
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _latest(lines: Iterable[Line]) -> list[Line]:
    """One line for each corpus, split, condition and method: in the set-up that comes first in `SETUPS`."""
    best: dict[tuple[str, ...], Line] = {}
    for line in sorted(lines, key=lambda line: list(SETUPS).index(line.plain["setup"])):
        best.setdefault((*(line.plain[key] for key in _PLACE), line.ranking), line)
    order = (list(READERS), list(CONDITIONS))
    return sorted(
        best.values(),
        key=lambda line: (
            order[0].index(line.plain["corpus"]),
            order[1].index(line.plain["condition"]),
            line.plain["split"] != STANDARD,
            line.plain["split"],
        ),
    )


def _dot(axes: Axes, position: int, found: Found) -> None:
    colour = _COLOURS.get(verdict(found), _OPEN)
    axes.plot([found["low"], found["high"]], [position, position], color=colour, linewidth=1.6)
    axes.plot(found["difference"], position, "o", color=colour, markersize=4.5)


def _name(line: Line) -> str:
    found = line.plain
    split = "" if found["split"] == STANDARD else f" ({found['split'].replace('+', ' ')})"
    return f"{_CORPORA[found['corpus']]}{split}, {_WORDS[found['condition']]}: {line.ranking}"


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
