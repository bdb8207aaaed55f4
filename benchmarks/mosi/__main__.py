"""`python -m benchmarks.mosi --data FOLDER`: every row of the table, on the standard split, five others, and in noise."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.arguments import numbers
from benchmarks.clone import prepare, reproduce
from benchmarks.corpora import MOSI, MOSI_CONTENT, parser_of, run_on
from benchmarks.methods import Method, changed_sections, read_methods, read_rows
from benchmarks.mosi.corpus import write_corpus
from benchmarks.mosi.page import page
from benchmarks.mosi.picture import draw
from benchmarks.mosi.tables import (
    GRCF,
    MAIN_BASELINE,
    METHODS,
    compare_all,
    order_by_stage,
    summarise_methods,
)
from benchmarks.mosi.trial import Trial, run_trials
from benchmarks.trials import Outcome
from pipeline import params
from pipeline.artifacts.formats.files import read_json, write_json, write_text
from pipeline.errors import PipelineError
from pipeline.yaml12 import parse_yaml

RESULTS = Path("benchmarks/results/mosi.json")
PICTURE = Path("docs/images/mosi.svg")
SPLITS = ("21", "22", "23", "24", "25")
NOISE = (0.2, 0.3, 0.5)
SHARES = (0.5, 0.25, 0.1)
# Rows that are followed over other splits, noise and thinner data; the others stand on the standard split alone.
FOLLOWED = (GRCF, MAIN_BASELINE)


def check_against_pipeline(clone: Path, sections: dict[str, Any], table: dict[str, Any]) -> None:
    """Run the whole pipeline on MOSI and hold the table's GRCF against its `reports/metrics.json`.

    Raises:
        PipelineError: the benchmark's row is not what the pipeline measures with the same parameters.
    """
    reproduce(clone, sections)
    metrics = read_json(clone / "reports/metrics.json")
    for split in ("valid", "test"):
        ours, theirs = (found["mae"]["mean"] for found in (table[GRCF][split], metrics[split]["grcf"]))
        if abs(ours - theirs) > 1e-4:
            raise PipelineError(
                f"the benchmark's {GRCF} has an MAE of {ours:.6f} on {split}, the pipeline's report one of {theirs:.6f}; "
                "they run the same code with the same parameters and should agree"
            )


def main() -> None:
    """Run the benchmark and write its aggregates."""
    parser = parser_of("benchmarks.mosi", __doc__, content=MOSI_CONTENT, results=RESULTS)
    parser.add_argument("--seeds", type=numbers, default=numbers("1-10"), help="1-10 or 1,5,9; default 1-10")
    parser.add_argument(
        "--splits", type=lambda text: text.split(","), default=list(SPLITS), help="seeds of splits"
    )
    chosen = parser.parse_args()
    run_on(MOSI, chosen, partial(run, chosen.data, seeds=chosen.seeds, splits=chosen.splits, out=chosen.out))


def run(data: Path, *, seeds: Sequence[int], splits: Sequence[str], out: Path) -> None:
    """Train every row, then the followed ones elsewhere, and write what came of it."""
    base = parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8"))
    methods = read_methods(base, METHODS)
    for_all, rows = read_rows(METHODS)
    sections = changed_sections(
        base, for_all, rows[GRCF].fixed, rows[GRCF].tuned, {"training.seeds": list(seeds)}
    )
    clone = prepare("mosi", partial(write_corpus, data), sections)
    align = {key: base["align"][key] for key in ("max_words", "max_gap_s")}

    def train(chosen: Sequence[Method], title: str, **where: Any) -> dict[str, list[Outcome]]:
        trials = [Trial(method, seed, **where) for method in chosen for seed in seeds]
        outcomes = run_trials(trials, repository=clone, align=align, title=title)
        return {method.name: outcomes[i * len(seeds) :][: len(seeds)] for i, method in enumerate(chosen)}

    followed = [methods[name] for name in FOLLOWED]
    standard = train(list(methods.values()), "standard split")
    table = summarise_methods(standard)
    elsewhere = {split: train(followed, f"split {split}", split=split) for split in splits}
    noisy = {f"{share:g}": train(followed, f"noise {share:g}", noise=share) for share in NOISE}
    thin = {f"{share:g}": train(followed, f"share {share:g}", share=share) for share in SHARES}
    check_against_pipeline(clone, sections, table)
    result = {
        "seeds": list(seeds),
        "compared": {"grcf": GRCF, "mae": MAIN_BASELINE},
        "parameters": {name: method.settings() for name, method in methods.items()},
        "standard": table,
        "order_by_stage": order_by_stage(standard),
        "comparisons": compare_all(
            {f"{GRCF} - {name}": (standard[GRCF], found) for name, found in standard.items() if name != GRCF}
        ),
        "splits": _followed(elsewhere),
        "noise": _followed(noisy),
        "share": _followed(thin),
    }
    write_json(out, result)
    write_text(out.with_suffix(".md"), page(result, rows))
    draw(result, PICTURE if out == RESULTS else out.with_suffix(".svg"))
    print(f"{out} and {out.with_suffix('.md')} are written")


def _followed(places: Mapping[str, Mapping[str, list[Outcome]]]) -> dict[str, Any]:
    comparisons = compare_all({place: (rows[GRCF], rows[MAIN_BASELINE]) for place, rows in places.items()})
    return {
        place: {"table": summarise_methods(rows), "comparison": comparisons[place]}
        for place, rows in places.items()
    }


if __name__ == "__main__":
    main()
