"""`python -m benchmarks.evidence --data FOLDER`: the map, as benchmarks/results/evidence.json, evidence.md and docs/images/evidence.svg.

Vectors and models are cached, so a killed run goes on where it stopped, and what is asked for again is not trained again. What
a run measures replaces the same corpus, split, condition and method of the results; the others stay.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.arguments import names, numbers
from benchmarks.corpora import run_on
from benchmarks.evidence.cells import cells, methods_of
from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.methods import METHODS
from benchmarks.evidence.page import page
from benchmarks.evidence.picture import draw
from benchmarks.evidence.results import PAGE, RESULTS, Found, merged
from benchmarks.evidence.setups import SETUPS, STRONG
from benchmarks.evidence.tables import METRICS, comparison_of, row_of, values_of
from benchmarks.evidence.trial import STANDARD, Trial, divided, paired, run_trials
from pipeline.artifacts.formats.files import read_json, write_json, write_text

PICTURE = Path("docs/images/evidence.svg")


def measure(
    corpus: str,
    split: str,
    condition: str,
    *,
    methods: tuple[str, ...],
    seeds: list[int],
    draws: list[int],
    setup: str,
    data: Path,
) -> tuple[list[Found], list[Found]]:
    """Rows and comparisons of one corpus, split and condition."""
    models = paired(condition, seeds=seeds, draws=draws)
    trials = [
        Trial(corpus, split, condition, method, seed, draw, setup)
        for seed, draw in models
        for method in methods
    ]
    outcomes = run_trials(trials, data=data, title=f"{corpus} {split} {condition}, {setup}")
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
    test = divided(corpus, split, data, side_by_side=SETUPS[setup].side_by_side)["test"]
    where = {"corpus": corpus, "split": split, "condition": condition, "setup": setup}
    rows = [
        row_of(where, method, metric, values_of(test.labels, found[method], metric), models=models)
        for method in methods
        for metric in METRICS
    ]
    comparisons = [
        comparison_of(
            where, pair, test.labels, (found[pair[0]], found[pair[1]]), test.video, metric, models=models
        )
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
    parser.add_argument("--corpora", type=names(READERS), default=list(READERS), help="such as mosi,mosei")
    parser.add_argument(
        "--splits", type=names(), default=[STANDARD], help="standard, seeds of splits by video, or raters"
    )
    parser.add_argument("--conditions", type=names(CONDITIONS), default=list(CONDITIONS))
    parser.add_argument(
        "--methods", type=names(METHODS), default=None, help="default: those that fit the condition"
    )
    parser.add_argument("--seeds", type=numbers, default=list(range(1, 11)), help="of the weights: 1-10")
    parser.add_argument(
        "--draws",
        type=numbers,
        default=list(range(1, 11)),
        help="of raters, replaced labels and videos, which the seeds meet in turn: 1-5",
    )
    parser.add_argument("--setup", choices=list(SETUPS), default=STRONG.name, help="of the network")
    chosen = parser.parse_args()
    run_on("the corpora of the map", chosen, partial(_run, chosen))


def _run(chosen: argparse.Namespace) -> None:
    for cell in cells(chosen.corpora, chosen.conditions, chosen.splits, data=chosen.data):
        rows, comparisons = measure(
            *cell,
            methods=tuple(chosen.methods or methods_of(cell[2])),
            seeds=chosen.seeds,
            draws=chosen.draws,
            setup=chosen.setup,
            data=chosen.data,
        )
        result = merged(read_json(RESULTS) if RESULTS.exists() else {}, rows, comparisons)
        write_json(RESULTS, result)
        write_text(PAGE, page(result))
        draw(result, PICTURE)


if __name__ == "__main__":
    main()
