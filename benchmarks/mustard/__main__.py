"""`python -m benchmarks.mustard --data FOLDER`: sarcasm from text, five folds in which nobody is in two parts."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clone import prepare, reproduce
from benchmarks.corpora import parser_of, run_on
from benchmarks.methods import Method, Row, changed_sections, make_method, read_rows
from benchmarks.mosi.data import Pool, read_pool
from benchmarks.mustard.corpus import N_FOLDS, write_corpus
from benchmarks.mustard.tables import (
    compare,
    compare_within_folds,
    constant_rows,
    fold_table,
    largest_difference,
    pooled_table,
)
from benchmarks.mustard.trial import Trial, folds_of, run_trials
from benchmarks.trials import Outcome
from pipeline import params
from pipeline.artifacts.formats.files import read_json, write_json
from pipeline.errors import PipelineError
from pipeline.evaluation.protocols import BINARY
from pipeline.yaml12 import parse_yaml

RESULTS = Path("benchmarks/results/mustard.json")
METHODS = Path(__file__).with_name("methods.yaml")
GRCF, BASELINE = "grcf", "pointwise_platt"
COMPARED = (
    (GRCF, "pointwise"),
    (GRCF, BASELINE),
    ("grcf_all", BASELINE),
    (GRCF, "grcf_all"),
    (GRCF, "static_margin"),
    (GRCF, "uniform_weights"),
    (GRCF, BINARY.constant),
)
SEEDS = tuple(range(1, 11))
TUNING_SEEDS = (101, 102)
# The same for every row: the peak of the first training, with that of stage 2 a tenth of it.
LEARNING_RATES = (0.0003, 0.001, 0.003)

Sections = Mapping[str, Any]


def sections_of(base: Sections, for_all: Sections, row: Row, learning_rate: float) -> dict[str, Any]:
    """The parameters of a row with a learning rate."""
    peaks = {"rank.learning_rate": learning_rate, "pointwise.learning_rate": learning_rate}
    return changed_sections(base, for_all, row.fixed, peaks | {"calibrate.learning_rate": learning_rate / 10})


def choose_rates(
    methods: Mapping[tuple[str, float], Method], names: Sequence[str], **where: Any
) -> dict[str, list[float]]:
    """The learning rate of each row in each fold: the least Brier score on valid, a mean over seeds of its own."""
    trials = [
        Trial(methods[name, rate], fold, seed)
        for name in names
        for fold in range(N_FOLDS)
        for rate in LEARNING_RATES
        for seed in TUNING_SEEDS
    ]
    outcomes = run_trials(trials, title="learning rates", **where)
    brier = BINARY.metric("brier_score")
    errors = np.array(
        [brier.function(outcome.truth["valid"], outcome.prediction["valid"]) for outcome in outcomes],
        np.float64,
    )
    by_rate = errors.reshape(len(names), N_FOLDS, len(LEARNING_RATES), len(TUNING_SEEDS)).mean(axis=-1)
    return {
        name: [LEARNING_RATES[rate] for rate in by_fold]
        for name, by_fold in zip(names, by_rate.argmin(axis=-1), strict=True)
    }


def describe_folds(pool: Pool) -> list[dict[str, int]]:
    """How many segments, ones and speakers there are in each fold."""
    folds = folds_of(pool)
    described = []
    for fold in range(N_FOLDS):
        tested = [segment for segment, of in zip(pool.segments, folds, strict=True) if of == fold]
        described.append(
            {
                "segments": len(tested),
                "ones": int(sum(segment.label for segment in tested)),
                "speakers": len({segment.speaker for segment in tested}),
            }
        )
    return described


def check_against_pipeline(clone: Path, sections: Sections, outcomes: Sequence[Outcome]) -> None:
    """Run the whole pipeline on fold 0 and hold the benchmark's GRCF against its `reports/metrics.json`.

    Raises:
        PipelineError: the benchmark's row is not what the pipeline measures with the same parameters.
    """
    reproduce(clone, sections)
    metrics = read_json(clone / "reports/metrics.json")
    brier = BINARY.metric("brier_score")
    for split in ("valid", "test"):
        scores = [brier.function(outcome.truth[split], outcome.prediction[split]) for outcome in outcomes]
        ours, theirs = (
            float(np.mean(np.array(scores, np.float64))),
            metrics[split]["grcf"]["brier_score"]["mean"],
        )
        if abs(ours - theirs) > 1e-4:
            raise PipelineError(
                f"the benchmark's {GRCF} has a Brier score of {ours:.6f} on {split} of fold 0, the pipeline's report one of "
                f"{theirs:.6f}; they run the same code with the same parameters and should agree"
            )


def run(data: Path, *, out: Path) -> None:
    """Choose the learning rates, train every row on every fold, and write what came of it."""
    base = parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8"))
    for_all, rows = read_rows(METHODS)
    made = {
        (name, rate): sections_of(base, for_all, row, rate)
        for name, row in rows.items()
        for rate in LEARNING_RATES
    }
    methods = {
        key: make_method(key[0], sections, two_stages=rows[key[0]].two_stages)
        for key, sections in made.items()
    }
    clone = prepare("mustard", partial(write_corpus, data), made[GRCF, LEARNING_RATES[0]])
    align = {key: base["align"][key] for key in ("max_words", "max_gap_s")}
    where: dict[str, Any] = {"repository": clone, "align": align}
    rates = choose_rates(methods, list(rows), **where)
    trials = [
        Trial(methods[name, rates[name][fold]], fold, seed)
        for name in rows
        for fold in range(N_FOLDS)
        for seed in SEEDS
    ]
    done = iter(run_trials(trials, title="folds", **where))
    outcomes = {name: [[next(done) for _ in SEEDS] for _ in range(N_FOLDS)] for name in rows}
    fold_0 = changed_sections(made[GRCF, rates[GRCF][0]], {"training.seeds": list(SEEDS)})
    check_against_pipeline(clone, fold_0, outcomes[GRCF][0])
    with_constant = outcomes | {BINARY.constant: constant_rows(outcomes[GRCF])}
    result = {
        "seeds": list(SEEDS),
        "folds": describe_folds(read_pool(clone, **align)),
        "rows": {name: row.what for name, row in rows.items()},
        "learning_rates": rates,
        "pooled": pooled_table(with_constant),
        "mean_of_folds": fold_table(with_constant),
        "pooled_differences": {
            f"{one} - {other}": compare(with_constant[one], with_constant[other]) for one, other in COMPARED
        },
        "differences_within_folds": {
            f"{one} - {other}": compare_within_folds(outcomes[one], outcomes[other])
            for one, other in COMPARED
            if other in outcomes
        },
        "grcf_to_static_margin": largest_difference(outcomes[GRCF], outcomes["static_margin"]),
    }
    write_json(out, result)
    print(f"{out} is written")


def main() -> None:
    """Run the benchmark and write its aggregates."""
    parser = parser_of(
        "benchmarks.mustard", __doc__, content="folder with MUStARD's utterances.csv", results=RESULTS
    )
    chosen = parser.parse_args()
    run_on("MUStARD", chosen, partial(run, chosen.data, out=chosen.out))


if __name__ == "__main__":
    main()
