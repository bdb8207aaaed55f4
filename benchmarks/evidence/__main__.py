"""`python -m benchmarks.evidence --data FOLDER`: the map, as benchmarks/results/evidence.json, evidence.md and docs/images/evidence.svg.

Vectors and models are cached, so a killed run goes on where it stopped, and what is asked for again is not trained again. What
a run measures replaces the same corpus, split and condition of the results; the others stay.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.methods import METHODS
from benchmarks.evidence.page import draw, page
from benchmarks.evidence.tables import METRICS, comparison_of, row_of, values_of
from benchmarks.evidence.trial import STANDARD, Trial, divided, run_trials
from pipeline.artifacts.files import read_json, write_json, write_text

RESULTS = Path("benchmarks/results/evidence.json")
PAGE = Path("benchmarks/results/evidence.md")
PICTURE = Path("docs/images/evidence.svg")

_POINTWISE = ("mae", "mae_standardised", "mae_profiled", "mae_bounded")
_BY_CONDITION = {
    "raters": ("grcf_within", "grcf_all", *_POINTWISE),
    "replaced": ("grcf_all", "grcf_bounded", "mae", "mae_bounded"),
    "other": ("grcf_all", "grcf_within", "mae", "ranknet", "ranklist", "rank_n_contrast"),
}
"""The methods of each kind of condition, by the first part of its name."""


def methods_of(condition: str) -> tuple[str, ...]:
    """The methods that are compared under a condition: those that could know what it does, and the plain ones."""
    return _BY_CONDITION.get(condition.partition("_")[0], _BY_CONDITION["other"])


def measure(
    corpus: str, split: str, condition: str, *, methods: tuple[str, ...], seeds: list[int], data: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows and comparisons of one corpus, split and condition."""
    trials = [Trial(corpus, split, condition, method, seed) for seed in seeds for method in methods]
    outcomes = run_trials(trials, data=data, title=f"{corpus} {split} {condition}")
    found = {
        method: np.stack(
            [
                outcome.prediction["test"]
                for trial, outcome in zip(trials, outcomes, strict=True)
                if trial.method == method
            ]
        )
        for method in methods
    }
    test = divided(corpus, split, data)[2]
    where = {"corpus": corpus, "split": split, "condition": condition}
    rows = [
        row_of(where, method, metric, values_of(test.labels, found[method], metric))
        for method in methods
        for metric in METRICS
    ]
    comparisons = [
        comparison_of(where, pair, test.labels, (found[pair[0]], found[pair[1]]), test.video, metric)
        for pair in _pairs(methods)
        for metric in METRICS
    ]
    return rows, comparisons


def _pairs(methods: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each ranking against each point-wise method and against the rankings behind it in the list."""
    rankings = [method for method in methods if METHODS[method][1]]
    others = [method for method in methods if not METHODS[method][1]]
    for position, one in enumerate(rankings):
        for other in (*rankings[position + 1 :], *others):
            yield one, other


def main() -> None:
    """Measure what is asked for and write the map."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with mosi/ and corpora/")
    parser.add_argument("--corpora", type=_listed, default=list(READERS), help="such as mosi,mosei")
    parser.add_argument(
        "--splits", type=_listed, default=[STANDARD], help="standard, or seeds of splits by video"
    )
    parser.add_argument("--conditions", type=_listed, default=list(CONDITIONS))
    parser.add_argument("--methods", type=_listed, default=None, help="default: those that fit the condition")
    parser.add_argument("--seeds", type=_seeds, default=list(range(1, 11)), help="such as 1-10")
    chosen = parser.parse_args()
    for corpus in chosen.corpora:
        for condition in chosen.conditions:
            for split in chosen.splits:
                methods = tuple(chosen.methods or methods_of(condition))
                found = measure(
                    corpus, split, condition, methods=methods, seeds=chosen.seeds, data=chosen.data
                )
                _write(*found)


def _write(rows: list[dict[str, Any]], comparisons: list[dict[str, Any]]) -> None:
    result = read_json(RESULTS) if RESULTS.exists() else {"rows": [], "comparisons": []}
    place = [rows[0][key] for key in ("corpus", "split", "condition")]
    for name, new in (("rows", rows), ("comparisons", comparisons)):
        kept = [
            old for old in result[name] if [old[key] for key in ("corpus", "split", "condition")] != place
        ]
        result[name] = sorted([*kept, *new], key=_place)
    write_json(RESULTS, result)
    write_text(PAGE, page(result))
    draw(result, PICTURE)


def _place(found: dict[str, Any]) -> tuple[int, int, bool, str]:
    """Corpora and conditions in their order, the published split before others."""
    corpora, conditions = list(READERS), list(CONDITIONS)
    place = corpora.index(found["corpus"]), conditions.index(found["condition"])
    return *place, found["split"] != STANDARD, found["split"]


def _listed(text: str) -> list[str]:
    return text.split(",")


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


if __name__ == "__main__":
    main()
