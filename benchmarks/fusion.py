"""`python -m benchmarks.fusion --data FOLDER`: every fusion on the demo corpus and on CMU-MOSI, by GRCF and by absolute error.

Beside the fusions of this project stand those of `examples/`: the outer product of TFN and the low-rank one of LMF. Budgets are equal: the same epochs, batches, width and learning rate for all; the epoch is chosen on valid. `--data` is the folder that holds MOSI, as for `benchmarks.mosi`.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch

from benchmarks.clone import prepare
from benchmarks.markdown import headings_of, table
from benchmarks.methods import Method, changed_sections, make_method
from benchmarks.mosi.corpus import write_corpus
from benchmarks.mosi.data import STANDARD, divide, read_pool
from benchmarks.mosi.tables import compare_all, summarise_methods
from benchmarks.mosi.trial import Trial, run_trials
from benchmarks.training import train_method
from benchmarks.trials import Outcome, map_trials
from pipeline import params
from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.formats.files import write_json, write_text
from pipeline.artifacts.sharding.files import INDEX
from pipeline.evaluation.protocols import MOSI
from pipeline.execution.device import best_device
from pipeline.grcf.network.network import FusionName
from pipeline.grcf.scoring import predict
from pipeline.pages.numbers import interval, signed
from pipeline.yaml12 import parse_yaml

RESULTS = Path("benchmarks/results/fusion.json")
FUSIONS: tuple[FusionName, ...] = get_args(FusionName)
DEFAULT = FUSIONS[0]
# Name in the tables, and value of network.fusion.
ROWS: Mapping[str, str] = {name: name for name in FUSIONS} | {
    "tfn": "examples.tensor_fusion:TensorFusion",
    "lmf": "examples.low_rank_fusion:LowRankFusion",
}
OBJECTIVES = {"grcf": True, "mae": False}
# What every row changes on MOSI in params.yaml, whose width of 64 and whose GRCF, affine in stage 2, they keep. Nothing is tuned
# by fusion: one learning rate for all, and as many epochs for GRCF as for absolute error.
ON_MOSI = {
    "corpus.name": "mosi",
    "audio.precomputed": "audio.npz",
    "training.batch_size": 64,
    "training.epochs": 12,
    "rank.learning_rate": 0.001,
    "pointwise.learning_rate": 0.001,
}
_SPLITS = ("train", "valid", "test")
_METRICS = ("mae", "pearson", "ordered_pair_accuracy")
# Of the timing: epochs a run, and runs of which the fastest counts, because others use the machine too.
_TIMED_EPOCHS, _TIMED_RUNS = 2, 3


@dataclass(frozen=True)
class DemoTrial:
    """One row of the table and one seed on the aligned splits of this repository."""

    method: Method
    seed: int


def run_demo_trial(trial: DemoTrial, *, repository: Path, align: dict[str, Any]) -> Outcome:
    """Train one model on what `dvc repro align` left, and let it predict every split."""
    splits = read_splits(repository)
    stages = train_method(trial.method, splits["train"], splits["valid"], seed=trial.seed)
    predictions = {
        name: predict([stages[-1]], part, device=best_device())[0] for name, part in splits.items()
    }
    return Outcome({name: part.labels for name, part in splits.items()}, {}, predictions)


def read_splits(repository: Path) -> dict[str, AlignedSplit]:
    return {name: read_aligned(repository / f"data/align/{name}") for name in _SPLITS}


def method_of(
    base: Mapping[str, Any],
    objective: str,
    fusion: str,
    changes: Mapping[str, Any],
    rate: float | None = None,
) -> Method:
    """A fusion under an objective; `rate` None keeps the learning rate of params.yaml."""
    chosen = dict(changes) | {"network.fusion": ROWS[fusion]}
    if rate is not None:
        chosen["rank.learning_rate" if OBJECTIVES[objective] else "pointwise.learning_rate"] = rate
    return make_method(
        f"{fusion} {objective}", changed_sections(base, chosen), two_stages=OBJECTIVES[objective]
    )


def cost(
    base: Mapping[str, Any],
    train: AlignedSplit,
    valid: AlignedSplit,
    changes: Mapping[str, Any],
    *,
    fusions: Sequence[str],
) -> dict[str, Any]:
    """Parameters of each fusion, and CPU seconds an epoch of absolute error takes on one thread, scoring of valid included."""
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {fusion: [] for fusion in fusions}
    weights: dict[str, int] = {}
    for _ in range(_TIMED_RUNS):
        for fusion in fusions:
            method = method_of(base, "mae", fusion, dict(changes) | {"training.epochs": _TIMED_EPOCHS})
            start = time.process_time()
            (model,) = train_method(method, train, valid, seed=1)
            seconds[fusion].append((time.process_time() - start) / _TIMED_EPOCHS)
            weights[fusion] = model.n_parameters
    fastest = {fusion: min(found) for fusion, found in seconds.items()}
    return {
        fusion: {
            "parameters": weights[fusion],
            "cpu_seconds_per_epoch": fastest[fusion],
            "times_default": fastest[fusion] / fastest[DEFAULT],
        }
        for fusion in fusions
    }


def tables(outcomes: Mapping[str, list[Outcome]], *, fusions: Sequence[str]) -> dict[str, Any]:
    """Every row, each fusion minus the default, and GRCF minus absolute error with each fusion."""
    pairs = {
        f"{fusion} - {DEFAULT}, {objective}": (
            outcomes[f"{fusion} {objective}"],
            outcomes[f"{DEFAULT} {objective}"],
        )
        for objective in OBJECTIVES
        for fusion in fusions
        if fusion != DEFAULT
    }
    pairs |= {
        f"grcf - mae, {fusion}": (outcomes[f"{fusion} grcf"], outcomes[f"{fusion} mae"]) for fusion in fusions
    }
    return {"rows": summarise_methods(outcomes), "differences": compare_all(pairs)}


def page(result: Mapping[str, Any]) -> str:
    """The tables as Markdown."""
    lines = [
        "# Fusions",
        "",
        "Written by `python -m benchmarks.fusion`; what each fusion is stands in docs/explanation/fusion.md. Means ± standard deviation over "
        f"{len(result['seeds'])} seeds; differences with 95 % intervals over seeds and segments together, bold where they exclude zero.",
    ]
    for corpus in (name for name in ("mosi", "demo") if name in result):
        found = result[corpus]
        lines += ["", f"## {corpus}", "", "### Cost", ""]
        lines += table(
            ("fusion", "parameters", "CPU s per epoch", "times the default"),
            [
                (
                    fusion,
                    f"{c['parameters']:,}",
                    f"{c['cpu_seconds_per_epoch']:.3f}",
                    f"{c['times_default']:.2f}",
                )
                for fusion, c in found["cost"].items()
            ],
        )
        for split in ("valid", "test"):
            lines += ["", f"### {split}", ""]
            lines += table(
                ("fusion and objective", *headings_of(_METRICS, MOSI)),
                [
                    (name, *(f"{row[split][m]['mean']:.3f} ± {row[split][m]['sd']:.3f}" for m in _METRICS))
                    for name, row in found["rows"].items()
                ],
            )
        lines += ["", "### Differences on test", ""]
        lines += table(
            ("minus", *headings_of(_METRICS, MOSI)),
            [
                (name, *(_difference(row["test"]["both"][m]) for m in _METRICS))
                for name, row in found["differences"].items()
            ],
        )
    return "\n".join(lines) + "\n"


def _difference(found: Mapping[str, float]) -> str:
    low, high = found["ci_low"], found["ci_high"]
    text = f"{signed(found['mean'], 3)} {interval(low, high, 3)}"
    return f"**{text}**" if low > 0 or high < 0 else text


def main() -> None:
    """Run the benchmark and write its aggregates."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fusion", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with MOSI's labels, words and audio rows"
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1; default 5")
    parser.add_argument(
        "--fusions",
        metavar="NAME",
        nargs="+",
        choices=list(ROWS),
        default=list(ROWS),
        help=f"these beside {DEFAULT}, in files of their own; default: all",
    )
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        print(f"skipped: {chosen.data} is no folder; name the one that holds CMU-MOSI by --data")
        return
    seeds = list(range(1, chosen.seeds + 1))
    base = parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8"))
    align = {key: base["align"][key] for key in ("max_words", "max_gap_s")}
    fusions = [name for name in ROWS if name == DEFAULT or name in chosen.fusions]
    rows = [(objective, fusion) for objective in OBJECTIVES for fusion in fusions]

    def grouped(methods: Sequence[Method], found: list[Outcome]) -> dict[str, list[Outcome]]:
        return {method.name: found[i * len(seeds) :][: len(seeds)] for i, method in enumerate(methods)}

    here = Path()
    methods = [method_of(base, *row, {}) for row in rows]
    demo = map_trials(
        run_demo_trial,
        [DemoTrial(method, seed) for method in methods for seed in seeds],
        benchmark="fusion",
        features=[f"align/{name}/{INDEX}" for name in _SPLITS],
        repository=here,
        align=align,
        title="demo",
    )
    demo_splits = read_splits(here)
    result: dict[str, Any] = {
        "seeds": seeds,
        "demo": tables(grouped(methods, demo), fusions=fusions)
        | {"cost": cost(base, demo_splits["train"], demo_splits["valid"], {}, fusions=fusions)},
    }

    clone = prepare("mosi", partial(write_corpus, chosen.data), changed_sections(base, ON_MOSI))
    run = partial(run_trials, repository=clone, align=align)
    methods = [method_of(base, *row, ON_MOSI) for row in rows]
    mosi = run([Trial(method, seed) for method in methods for seed in seeds], title="standard split")
    train, valid, _ = divide(read_pool(clone, **align), STANDARD)
    result["mosi"] = tables(grouped(methods, mosi), fusions=fusions) | {
        "cost": cost(base, train, valid, ON_MOSI, fusions=fusions),
    }
    name = "fusion" if len(fusions) == len(ROWS) else "_".join(["fusion", *chosen.fusions])
    results = RESULTS.with_stem(name)
    write_json(results, result)
    write_text(results.with_suffix(".md"), page(result))
    print(f"{results} and {results.with_suffix('.md')} are written")


if __name__ == "__main__":
    main()
