"""`python -m benchmarks.mosi.finetuned --data FOLDER`: GRCF and absolute error alone with a text encoder that learns.

The same labels, audio rows, network, protocol and statistics as `python -m benchmarks.mosi`; the one difference is
`text.mode`. Models are trained one after the other, seed by seed, and each is kept as soon as it is there, so that a run
that was stopped goes on from where it stood.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.arguments import numbers
from benchmarks.clone import prepare
from benchmarks.corpora import MOSI, MOSI_CONTENT, parser_of, run_on
from benchmarks.methods import Method, changed_sections, read_methods, read_rows
from benchmarks.mosi.corpus import write_corpus
from benchmarks.mosi.tables import compare, order_by_stage, summarise_methods
from benchmarks.mosi.trial import Trial, run_trials
from benchmarks.trials import Outcome
from pipeline import params
from pipeline.artifacts.formats.files import write_json
from pipeline.yaml12 import parse_yaml

METHODS = Path(__file__).with_name("finetuned.yaml")
RESULTS = Path("benchmarks/results/mosi_finetuned.json")
GRCF, MAE = "grcf", "mae"


def run(data: Path, *, seeds: Sequence[int], out: Path) -> dict[str, Any]:
    """Train both rows with every seed and write the aggregates."""
    base = parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8"))
    methods = read_methods(base, METHODS)
    for_all, rows = read_rows(METHODS)
    sections = changed_sections(base, for_all, rows[GRCF].fixed, {"training.seeds": list(seeds)})
    clone = prepare(for_all["corpus.name"], partial(write_corpus, data), sections)
    align = {key: base["align"][key] for key in ("max_words", "max_gap_s")}
    trials = [Trial(method, seed) for seed in seeds for method in methods.values()]
    done = run_trials(trials, repository=clone, align=align, title="fine-tuned")
    outcomes = {name: done[position :: len(methods)] for position, name in enumerate(methods)}
    result = aggregate(outcomes, methods, seeds=seeds)
    write_json(out, result)
    return result


def aggregate(
    outcomes: Mapping[str, Sequence[Outcome]], methods: Mapping[str, Method], *, seeds: Sequence[int]
) -> dict[str, Any]:
    """What is reported of both rows: never a segment."""
    return {
        "seeds": list(seeds),
        "compared": {"grcf": GRCF, "mae": MAE},
        "parameters": {name: method.settings() for name, method in methods.items()},
        "standard": summarise_methods(outcomes),
        "order_by_stage": order_by_stage(outcomes),
        "comparisons": {f"{GRCF} - {MAE}": compare((outcomes[GRCF], outcomes[MAE]))},
    }


def main() -> None:
    """Run the benchmark and print its main numbers."""
    parser = parser_of("benchmarks.mosi.finetuned", __doc__, content=MOSI_CONTENT, results=RESULTS)
    parser.add_argument("--seeds", type=numbers, default=numbers("1-5"), help="1-5 or 1,3,5; default 1-5")
    chosen = parser.parse_args()
    result = run_on(MOSI, chosen, partial(run, chosen.data, seeds=chosen.seeds, out=chosen.out))
    if result is None:
        return
    for name, splits in result["standard"].items():
        found = {
            metric: splits["test"][metric]["mean"] for metric in ("mae", "pearson", "ordered_pair_accuracy")
        }
        print(name, " ".join(f"{metric} {value:.3f}" for metric, value in found.items()))
    print(f"{chosen.out} is written")


if __name__ == "__main__":
    main()
