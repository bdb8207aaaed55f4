"""The map as a page and a figure: where ranking first helps, where it does not matter, where it hurts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.methods import STEPS, STEPS_TRUSTED
from benchmarks.markdown import table
from pipeline.pages.numbers import fixed, interval, signed

# Readable on white and on the dark page of a code host alike.
_INK, _HELPS, _HURTS, _OPEN = "#7d8590", "#1a7f37", "#cf222e", "#7d8590"
_WORDS = {
    "clean": "clean labels",
    "raters_mild": "raters' scales, mild",
    "raters_strong": "raters' scales, strong",
    "replaced_20": "20 % labels replaced",
    "replaced_40": "40 % labels replaced",
    "share_10": "10 % of train",
    "share_25": "25 % of train",
}
_HEADLINE = {"raters": "grcf_within", "replaced": "grcf_bounded"}

Result = Mapping[str, Any]


def verdict(comparison: Mapping[str, Any]) -> str:
    """What a comparison by absolute error says of its first method."""
    if comparison["high"] < 0:
        return "helps"
    return "hurts" if comparison["low"] > 0 else "no difference seen"


def page(result: Result) -> str:
    """The whole page."""
    measured = {(row["corpus"], row["condition"]) for row in result["rows"]}
    missing = [
        f"{corpus} {condition}"
        for corpus in READERS
        for condition in CONDITIONS
        if (corpus, condition) not in measured
    ]
    lines = [
        "# Where ranking first helps",
        "",
        "![Test error of a ranking method minus that of a point-wise one, by corpus and condition](../../docs/images/evidence.svg)",
        "",
        "Written by `make evidence`. Labels are real; the raters' scales and the replaced labels are synthetic and touch train only, test is as "
        "published. One network for all: frozen MiniLM, mean over the words of the layers 2, 4 and 6, with a row of HuBERT on MOSI; one hidden vector "
        f"of 64 per modality, {STEPS} steps, the last epoch. A ranking takes a third of the steps and absolute error the rest. A rater is a video. "
        f"Under raters with scales of their own, valid alone has the true scale: every method then trains {STEPS_TRUSTED} more steps on valid. No "
        "setting was tuned for any method here. Each seed has its own draw of raters, replaced labels or videos. Intervals are 95 %, over seeds and "
        "videos, paired, and not corrected for the number of rows.",
        "",
        "## Rankings minus point-wise methods, test MAE",
        "",
        *table(
            ("corpus", "split", "condition", "method", "minus", "MAE", "r", "seeds", "ranking first"),
            [_comparison(result, found) for found in result["comparisons"] if _is_main(found)],
        ),
        "",
        "## Every method, test",
        "",
        *table(("corpus", "split", "condition", "method", "MAE", "r", "seeds"), _rows(result)),
        "",
    ]
    if missing:
        lines += [
            "## Not measured yet",
            "",
            f"{', '.join(missing)}. `make evidence` measures them. RT critics, First Impressions and MUStARD have no reader here.",
            "",
        ]
    return "\n".join(lines)


def draw(result: Result, path: Path) -> None:
    """A dot and an interval for each corpus and condition: the ranking meant for it minus the best comparator and minus `mae`."""
    shown = [found for found in result["comparisons"] if _is_main(found) and _is_headline(found)]
    names = [
        f"{found['corpus']}{'' if found['split'] == 'standard' else ' ' + found['split']}, "
        f"{_WORDS[found['condition']]}: {found['a']} − {found['b']}"
        for found in shown
    ]
    with plt.rc_context(
        {"svg.hashsalt": "grcf", "text.color": _INK, "axes.labelcolor": _INK, "font.size": 9}
    ):
        figure, axes = plt.subplots(figsize=(10, 0.28 * len(shown) + 1.4))
        axes.axvline(0, color=_INK, linewidth=0.8)
        for position, found in enumerate(shown):
            colour = {"helps": _HELPS, "hurts": _HURTS}.get(verdict(found), _OPEN)
            axes.plot([found["low"], found["high"]], [position, position], color=colour, linewidth=1.6)
            axes.plot(found["difference"], position, "o", color=colour, markersize=4.5)
        axes.set_yticks(range(len(shown)), names)
        axes.invert_yaxis()
        axes.tick_params(colors=_INK)
        for side in axes.spines.values():
            side.set_color(_INK)
        axes.set_title("Test MAE, difference: left of 0 ranking first helps, right of it it hurts")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _is_main(found: Mapping[str, Any]) -> bool:
    return bool(found["metric"] == "mae" and found["b"].startswith("mae"))


def _is_headline(found: Mapping[str, Any]) -> bool:
    meant = _HEADLINE.get(found["condition"].partition("_")[0], "grcf_all")
    return bool(found["a"] in (meant, "grcf_within"))


def _comparison(result: Result, found: Mapping[str, Any]) -> Sequence[str]:
    same = ("corpus", "split", "condition", "a", "b")
    pearson = next(
        other
        for other in result["comparisons"]
        if other["metric"] == "pearson" and all(other[key] == found[key] for key in same)
    )
    return (
        *(found[key] for key in same),
        *(
            f"{signed(each['difference'], 3)} {interval(each['low'], each['high'], 3)}"
            for each in (found, pearson)
        ),
        str(found["n_seeds"]),
        verdict(found),
    )


def _rows(result: Result) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = []
    for row in result["rows"]:
        if row["metric"] != "mae":
            continue
        pearson = next(
            other
            for other in result["rows"]
            if other["metric"] == "pearson"
            and all(other[key] == row[key] for key in ("corpus", "split", "condition", "method"))
        )
        lines.append(
            (
                *(row[key] for key in ("corpus", "split", "condition", "method")),
                *(_summary(each) for each in (row, pearson)),
                str(row["n"]),
            )
        )
    return lines


def _summary(row: Mapping[str, Any]) -> str:
    return fixed(row["mean"], 3) + ("" if row["sd"] is None else f" ± {fixed(row['sd'], 3)}")
