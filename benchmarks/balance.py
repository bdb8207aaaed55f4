"""`python -m benchmarks.balance [--data FOLDER]`: does slowing the modality that is ahead help, and whom?

On the aligned demo corpus of this repository; with `--data`, also on folds of CMU-MOSI's standard train and valid, its test
in none of them. Each modality's contribution is its Shapley value, without balance and with it.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clone import prepare
from benchmarks.fusion import OBJECTIVES, ON_MOSI, method_of, read_splits
from benchmarks.methods import Method, changed_sections
from benchmarks.mosi.corpus import write_corpus
from benchmarks.mosi.data import TUNING, divide, read_pool
from benchmarks.training import train_method
from benchmarks.trials import Outcome, map_trials
from pipeline import params
from pipeline.artifacts.formats.files import write_json
from pipeline.evaluation.contributions import contribution_table
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.statistics import paired_differences
from pipeline.execution.device import best_device
from pipeline.grcf.scoring import Scorer, hidden_subsets
from pipeline.yaml12 import parse_yaml

RESULTS = Path("benchmarks/results/balance.json")
FUSION = "attention_pooling"
BALANCES: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "gradient_modulation": {"training.balance": "gradient_modulation"},
}
FOLDS = TUNING[:2]
_DEMO_FEATURES = tuple(f"align/{name}/index.json" for name in ("train", "valid", "test"))
_MOSI_FEATURES = (
    "manifest/segments.jsonl",
    "words/words.jsonl",
    "text/index.json",
    "audio/index.json",
)
_PROTOCOL, _CONFIDENCE = protocol_named("mosi"), 0.95


@dataclass(frozen=True)
class Trial:
    """A method and a seed; `fold` None is the demo corpus."""

    method: Method
    seed: int
    fold: str | None = None


def run_trial(trial: Trial, *, repository: Path, align: dict[str, Any]) -> Outcome:
    """Train one model, and let it predict valid and test with every subset of the modalities shown."""
    if trial.fold is None:
        splits = read_splits(repository)
        train, valid, test = (splits[name] for name in ("train", "valid", "test"))
    else:
        train, valid, test = divide(read_pool(repository, **align), trial.fold)
    model = train_method(trial.method, train, valid, seed=trial.seed)[-1]
    parts = {"valid": valid, "test": test}
    scorer = Scorer([model], device=best_device())
    predictions = {
        f"{name} {_written(frozenset(part.modalities) - hidden)}": scorer.predict(part, hidden=hidden)[0]
        for name, part in parts.items()
        for hidden in hidden_subsets(part).values()
    }
    return Outcome({name: part.labels for name, part in parts.items()}, {}, predictions)


def _written(visible: frozenset[str]) -> str:
    return "+".join(sorted(visible))


def tables(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    """By split: each row's contributions, and each balance minus none."""
    first = next(iter(outcomes.values()))[0]
    full = max((name.split(" ")[1] for name in first.prediction), key=len)
    result: dict[str, Any] = {}
    metrics = [metric for metric in _PROTOCOL.metrics if metric.name in ("mae", "ordered_pair_accuracy")]
    for split, truth in first.truth.items():
        predictions = {
            row: {
                name.split(" ")[1]: np.stack([outcome.prediction[name] for outcome in found])
                for name in first.prediction
                if name.startswith(f"{split} ")
            }
            for row, found in outcomes.items()
        }
        result[split] = {
            row: {
                "contributions": contribution_table(
                    truth,
                    {frozenset(filter(None, name.split("+"))): values for name, values in by_subset.items()},
                    protocol=_PROTOCOL,
                    confidence=_CONFIDENCE,
                ),
                "mae": [float(np.abs(values - truth).mean()) for values in by_subset[full]],
            }
            for row, by_subset in predictions.items()
        }
        for row, by_subset in predictions.items():
            objective = row.partition(" ")[0]
            if not row.endswith(" none"):
                differences = paired_differences(
                    truth,
                    by_subset[full],
                    predictions[f"{objective} none"][full],
                    metrics=metrics,
                    n_resamples=1000,
                    confidence=_CONFIDENCE,
                    seed=0,
                    over="both",
                )
                result[split][row]["less_none"] = {
                    name: found.as_json() for name, found in differences.items()
                }
    return result


def main() -> None:
    """Run the benchmark and write its aggregates."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.balance", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with MOSI's labels, words and audio rows")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1; default 5")
    chosen = parser.parse_args()
    seeds = range(1, chosen.seeds + 1)
    base = parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8"))
    align = {key: base["align"][key] for key in ("max_words", "max_gap_s")}

    def run(
        repository: Path, features: Sequence[str], changes: Mapping[str, Any], fold: str | None
    ) -> dict[str, Any]:
        methods = {
            f"{objective} {name}": method_of(base, objective, FUSION, {**changes, **balance})
            for objective in OBJECTIVES
            for name, balance in BALANCES.items()
        }
        found = map_trials(
            run_trial,
            [Trial(method, seed, fold) for method in methods.values() for seed in seeds],
            benchmark="balance",
            features=features,
            repository=repository,
            align=align,
            title=fold or "demo",
        )
        n = len(seeds)
        return tables({name: found[i * n :][:n] for i, name in enumerate(methods)})

    result: dict[str, Any] = {"seeds": list(seeds), "demo": run(Path(), _DEMO_FEATURES, {}, None)}
    if chosen.data is not None:
        clone = prepare("mosi", partial(write_corpus, chosen.data), changed_sections(base, ON_MOSI))
        result["mosi_folds"] = {fold: run(clone, _MOSI_FEATURES, ON_MOSI, fold) for fold in FOLDS}
    write_json(RESULTS, result)
    print(f"{RESULTS} is written")


if __name__ == "__main__":
    main()
