"""`python -m benchmarks.mosi.tuning --data FOLDER`: the same number of settings for every row, judged without the test split.

Each setting is trained on five folds of the standard train and valid, divided by video; it is judged by the mean absolute
error on the fold that neither training nor the choice of the epoch saw. The standard test is in none of them.
"""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clone import prepare
from benchmarks.methods import changed_sections, make_method, read_rows
from benchmarks.mosi.corpus import write_corpus
from benchmarks.mosi.data import TUNING
from benchmarks.mosi.tables import METHODS
from benchmarks.mosi.trial import Trial, run_trials
from pipeline import params
from pipeline.artifacts.formats.files import read_json, write_json
from pipeline.evaluation.selection import mean_absolute_error, ordered_pair_accuracy
from pipeline.yaml12 import parse_yaml

RESULTS = Path("benchmarks/results/mosi_tuning.json")
N_SETTINGS = 6
SEED = 101
# What every row may choose. `peak` is the learning rate of its first training, `second` that of a stage 2 with epochs.
SPACE: dict[str, tuple[float, ...]] = {
    "peak": (5e-4, 1e-3, 2e-3, 3e-3),
    "second": (1e-4, 3e-4, 1e-3),
    "training.weight_decay": (0.01, 0.1, 0.5),
    "training.modality_dropout": (0.0, 0.15, 0.3),
    "network.dropout": (0.2, 0.35, 0.5),
    "network.width": (64, 128, 192),
}


def draw_settings(n: int) -> list[dict[str, Any]]:
    """The settings that every row tries, the same for all."""
    random = np.random.default_rng(0)
    return [
        {key: values[int(random.integers(len(values)))] for key, values in SPACE.items()} for _ in range(n)
    ]


def applied(setting: Mapping[str, Any], row: Mapping[str, Any], *, two_stages: bool) -> dict[str, Any]:
    """A setting as changes of params.yaml, for a row of this kind."""
    changes = {key: value for key, value in setting.items() if "." in key}
    if not two_stages:
        return changes | {"pointwise.learning_rate": setting["peak"]}
    if row.get("rank.objective") == "none":
        return changes | {"calibrate.learning_rate": setting["peak"]}
    return changes | {"rank.learning_rate": setting["peak"], "calibrate.learning_rate": setting["second"]}


def main() -> None:
    """Try every setting with every row and write the choices."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mosi.tuning", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with MOSI's labels, words and audio rows"
    )
    parser.add_argument("--rows", type=lambda text: text.split(","), default=None, help="only these rows")
    chosen = parser.parse_args()
    base = parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8"))
    for_all, rows = read_rows(METHODS)
    clone = prepare("mosi", partial(write_corpus, chosen.data), changed_sections(base, for_all))
    align = {key: base["align"][key] for key in ("max_words", "max_gap_s")}
    settings = draw_settings(N_SETTINGS)
    tried: dict[str, list[dict[str, Any]]] = read_json(RESULTS)["tried"] if RESULTS.exists() else {}
    tried = {name: results for name, results in tried.items() if name in rows}
    for name in chosen.rows or rows:
        row = rows[name]
        changes = [applied(setting, row.fixed, two_stages=row.two_stages) for setting in settings]
        methods = [
            make_method(name, changed_sections(base, for_all, row.fixed, change), two_stages=row.two_stages)
            for change in changes
        ]
        trials = [Trial(method, SEED, split=fold) for method in methods for fold in TUNING]
        outcomes = run_trials(trials, repository=clone, align=align, title=name)
        tried[name] = []
        for index, change in enumerate(changes):
            tuned = outcomes[index * len(TUNING) :][: len(TUNING)]
            pairs = [(outcome.truth["test"], outcome.prediction["test"]) for outcome in tuned]
            tried[name].append(
                {
                    "changes": change,
                    "mae": float(np.mean([mean_absolute_error(*pair) for pair in pairs])),
                    "ordered_pair_accuracy": float(np.mean([ordered_pair_accuracy(*pair) for pair in pairs])),
                }
            )
        best = min(tried[name], key=lambda result: result["mae"])
        print(f"{name}: {best['mae']:.4f} with {best['changes']}", flush=True)
        write_json(RESULTS, {"folds": len(TUNING), "seed": SEED, "tried": tried})


if __name__ == "__main__":
    main()
