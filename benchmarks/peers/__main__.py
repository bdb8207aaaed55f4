"""`python -m benchmarks.peers --data FOLDER --mmsa FOLDER`: MMSA's own networks on CMU-MOSI as `export mmsa` writes it.

The features are those of `make mosi`: word vectors of MiniLM, one row of audio per segment, no video. Each network has MMSA's own
configuration. What zeros before or behind the words do to networks that read the last state is what this benchmark is for.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.arguments import numbers
from benchmarks.clone import prepare
from benchmarks.corpora import MOSI, MOSI_CONTENT, parser_of, run_on
from benchmarks.markdown import table
from benchmarks.methods import changed_sections, read_rows
from benchmarks.mosi.corpus import write_corpus
from benchmarks.mosi.tables import METHODS
from pipeline import params
from pipeline.artifacts.formats.files import write_json, write_text
from pipeline.errors import PipelineError
from pipeline.execution.progress import track
from pipeline.yaml12 import parse_yaml

RESULTS = Path("benchmarks/results/peers.json")
MODELS = ("lf_dnn", "lmf")
# What `export mmsa` is asked for, and whether MMSA is told that the rows are aligned.
FORMS = {
    "aligned, zeros on the left (default)": (("--pad", "left"), True),
    "aligned, zeros on the right": (("--pad", "right"), True),
    "unaligned (default)": (("--unaligned",), False),
}
# MMSA's names of figures, and what they are called here.
FIGURES = {"MAE": "mae", "Corr": "pearson", "Mult_acc_7": "acc7", "Non0_acc_2": "acc2_negative_positive"}


def export(clone: Path, options: Sequence[str]) -> Path:
    """The clone's features in MMSA's layout."""
    path = clone / f"exports/mosi{''.join(options)}.pkl"
    _run(clone, "-m", "pipeline", "export", "mmsa", *options, "--out", str(path), "--force")
    return path


def train(features: Path, model: str, seed: int, *, aligned: bool, mmsa: Path) -> dict[str, float]:
    """One network in a process of its own, with MMSA on its path.

    Raises:
        PipelineError: the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.peers.train", str(features), model, str(seed)]
    command += ["--aligned"] if aligned else []
    paths = os.pathsep.join([str(mmsa.resolve()), str(Path().resolve())])
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths}
    )
    if done.returncode:
        raise PipelineError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-2000:]}")
    found = json.loads(done.stdout)
    return {ours: found[theirs] for theirs, ours in FIGURES.items()}


def run(data: Path, *, mmsa: Path, models: Sequence[str], seeds: Sequence[int], out: Path) -> None:
    """Train every network on both files and write what came of it."""
    for_all, _ = read_rows(METHODS)
    sections = changed_sections(parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8")), for_all)
    clone = prepare("mosi", partial(write_corpus, data), sections)
    files = {form: export(clone, options) for form, (options, _) in FORMS.items()}
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    trials = [(model, form, seed) for model in models for form in FORMS for seed in seeds]
    for model, form, seed in track(trials, total=len(trials), title="peers", unit="model"):
        figures = train(files[form], model, seed, aligned=FORMS[form][1], mmsa=mmsa)
        found.setdefault((model, form), []).append(figures)
    rows = [
        {"model": model, "form": form, "n_seeds": len(seeds), **_summary(figures)}
        for (model, form), figures in found.items()
    ]
    result = {"corpus": "CMU-MOSI, standard split, test", "rows": rows}
    write_json(out, result)
    write_text(out.with_suffix(".md"), page(result))
    print(f"{out} and {out.with_suffix('.md')} are written")


def _summary(found: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {
        name: {
            "mean": statistics.fmean(values),
            "sd": statistics.stdev(values) if len(values) > 1 else None,
        }
        for name in FIGURES.values()
        if (values := [figures[name] for figures in found])
    }


def page(result: Mapping[str, Any]) -> str:
    """The table as Markdown."""
    head = ("Network", "Export", "Seeds", "MAE ↓", "Pearson r ↑", "Acc-7 ↑", "Acc-2 (< 0, > 0) ↑")
    lines = [
        (
            row["model"].upper().replace("_", "-"),
            row["form"],
            str(row["n_seeds"]),
            *(_cell(row[name]) for name in FIGURES.values()),
        )
        for row in result["rows"]
    ]
    return "\n".join(
        [
            "# MMSA's own networks on exported features",
            "",
            "CMU-MOSI, standard split, test; MMSA 2.2.1 with its own configurations, not tuned here, on what",
            "`python -m pipeline export mmsa` writes: word vectors of MiniLM, one audio row per segment, no video.",
            "Mean ± standard deviation over seeds. Written by `make peers`.",
            "",
            *table(head, lines),
            "",
            "These networks read the state after the last row. With zeros behind the words that state has read some forty empty rows.",
            "",
        ]
    )


def _cell(figure: Mapping[str, float | None]) -> str:
    mean = f"{figure['mean']:.3f}"
    return mean if figure["sd"] is None else f"{mean} ± {figure['sd']:.3f}"


def _run(folder: Path, *arguments: str) -> None:
    done = subprocess.run((sys.executable, *arguments), cwd=folder, check=False)
    if done.returncode:
        raise PipelineError(f"`python {' '.join(arguments)}` failed in {folder}; its own words stand above")


def main() -> None:
    """Run the benchmark and write its aggregates."""
    parser = parser_of("benchmarks.peers", __doc__, content=MOSI_CONTENT, results=RESULTS)
    parser.add_argument("--mmsa", type=Path, required=True, help="folder into which pip put MMSA")
    parser.add_argument("--models", type=lambda text: text.split(","), default=list(MODELS))
    parser.add_argument("--seeds", type=numbers, default=numbers("1-3"), help="1-3 or 1,5,9; default 1-3")
    chosen = parser.parse_args()
    run_on(
        MOSI,
        chosen,
        partial(run, chosen.data, mmsa=chosen.mmsa, models=chosen.models, seeds=chosen.seeds, out=chosen.out),
    )


if __name__ == "__main__":
    main()
