"""How often intervals hold the truth with few speakers, and how often a comparison sees what it says it can: `python -m benchmarks.coverage`.

Corpora are simulated: speakers with a dozen segments each, whose labels and difficulty they share in part, and two models that do
each speaker a little better or worse. Models of equal quality have no true difference, so an interval without zero is a mistake. For the
power, one model's predictions are moved until its true difference in MAE is what the first comparison called detectable.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.markdown import table
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.comparison.bootstrap import Bootstrap, Side
from pipeline.comparison.differences import compare_model
from pipeline.comparison.measured import Measured
from pipeline.evaluation.clusters import clusters_of
from pipeline.evaluation.protocols import MOSI

RESULTS = Path(__file__).parent / "results" / "coverage.json"
PAGE = RESULTS.with_suffix(".md")
METRICS = [MOSI.metric(name) for name in MOSI.headline]
SPEAKERS, SEEDS = (5, 10, 30), (1, 5)
N_RESAMPLES = 500
KINDS = ("segments, percentiles", "speakers, percentiles", "speakers, t")
HEADINGS = {
    "segments, percentiles": "Percentiles over segments",
    "speakers, percentiles": "Percentiles over speakers",
    "speakers, t": "t over speakers (used)",
}


def simulated_pair(
    rng: np.random.Generator, n_speakers: int, n_seeds: int
) -> tuple[SplitPredictions, SplitPredictions]:
    """Two runs of equal quality on the same segments of so many speakers."""
    sizes = np.maximum(2, rng.poisson(12 * rng.gamma(4, 1 / 4, n_speakers)))
    speaker = np.repeat(np.arange(n_speakers), sizes)
    n = len(speaker)
    truth = np.clip(0.6 * rng.normal(size=n_speakers)[speaker] + rng.normal(0, 1.2, n), -3, 3).round(1)
    hard = 0.8 * rng.normal(size=n) + 0.6 * rng.normal(size=n_speakers)[speaker]

    def run() -> SplitPredictions:
        own = 0.3 * rng.normal(size=n) + 0.3 * rng.normal(size=n_speakers)[speaker]
        of_seed = (
            0.3 * rng.normal(size=(n_seeds, n)) + 0.15 * rng.normal(size=(n_seeds, n_speakers))[:, speaker]
        )
        # One seed has no interval over seeds, so what a seed does to all segments is left out.
        scale = rng.normal(1, 0.05, (n_seeds, 1)) if n_seeds > 1 else 1.0
        rows = scale * (0.7 * truth + 0.6 * hard + own + of_seed)
        ids = tuple(map(str, range(n)))
        names = tuple(map(str, speaker))
        return SplitPredictions(
            "valid", ids, truth, {"grcf": rows}, {"grcf": tuple(range(n_seeds))}, speaker=names
        )

    return run(), run()


def coverage(n_speakers: int, n_seeds: int, *, n_pairs: int) -> list[dict[str, object]]:
    """The share of 95 % intervals that hold zero, by kind and metric, in pairs of runs of equal quality."""
    rng = np.random.default_rng([n_speakers, n_seeds])
    held = {(kind, metric.name): 0 for kind in KINDS for metric in METRICS}
    for _ in range(n_pairs):
        pair = simulated_pair(rng, n_speakers, n_seeds)
        bootstrap = Bootstrap(n_resamples=N_RESAMPLES)
        compared = compare_model(*pair, model="grcf", metrics=METRICS, confidence=0.95, bootstrap=bootstrap)
        first, second = (
            bootstrap.means(Side(run.truth, run.models["grcf"], clusters_of(run)), METRICS, of_clusters=True)
            for run in pair
        )
        for row in compared.measured:
            name = row.metric.name
            low, high = np.quantile(second[name] - first[name], [0.025, 0.975])
            intervals = ((row.segments_low, row.segments_high), (low, high), (row.ci_low, row.ci_high))
            for kind, (low, high) in zip(KINDS, intervals, strict=True):
                held[kind, name] += bool(low <= 0 <= high)
    return [
        {"speakers": n_speakers, "seeds": n_seeds, "metric": metric.name}
        | {kind: round(held[kind, metric.name] / n_pairs, 3) for kind in KINDS}
        for metric in METRICS
    ]


def power(n_speakers: int, n_seeds: int, *, n_pairs: int) -> dict[str, object]:
    """The share of comparisons beyond chance where the true difference in MAE is the smallest that the median one calls detectable."""
    rng = np.random.default_rng([n_speakers, n_seeds, 1])
    mae = METRICS[:1]

    def measured(pair: tuple[SplitPredictions, SplitPredictions]) -> Measured:
        bootstrap = Bootstrap(n_resamples=N_RESAMPLES)
        return compare_model(*pair, model="grcf", metrics=mae, confidence=0.95, bootstrap=bootstrap).measured[
            0
        ]

    sensitivities = [measured(simulated_pair(rng, n_speakers, n_seeds)).sensitivity for _ in range(n_pairs)]
    detectable = float(np.median([each.detectable(alpha=0.05) for each in sensitivities if each]))
    n_seen, differences = 0, []
    for _ in range(n_pairs):
        base, experiment = simulated_pair(rng, n_speakers, n_seeds)
        rows = experiment.models["grcf"]
        error = rows - experiment.truth
        # Errors grow away from the label by the difference, so that the MAE grows by just as much.
        moved = replace(experiment, models={"grcf": rows + detectable * np.sign(error)})
        row = measured((base, moved))
        n_seen += row.verdict == "regression"
        if row.difference is not None:
            differences.append(row.difference)
    return {
        "speakers": n_speakers,
        "seeds": n_seeds,
        "detectable": round(detectable, 3),
        "mean difference": round(float(np.mean(differences)), 3),
        "seen": round(n_seen / n_pairs, 3),
    }


def page(results: dict[str, list[dict[str, object]]], n_pairs: int) -> str:
    """The results as Markdown."""
    lines = [
        "# Coverage and power of comparisons",
        "",
        f"By `python -m benchmarks.coverage`: {n_pairs} pairs of simulated runs per line, {N_RESAMPLES} resamples. A share of 0.95 is known to "
        f"± {1.96 * (0.95 * 0.05 / n_pairs) ** 0.5:.3f}.",
        "",
        "## Share of 95 % intervals that hold the true difference",
        "",
        *table(
            ["Speakers", "Seeds", "Metric", *HEADINGS.values()],
            [
                [
                    str(row["speakers"]),
                    str(row["seeds"]),
                    str(row["metric"]),
                    *(f"{row[kind]:.3f}" for kind in KINDS),
                ]
                for row in results["coverage"]
            ],
        ),
        "",
        "## Share of comparisons that see the difference in MAE that is called detectable at 80 % power",
        "",
        *table(
            ["Speakers", "Seeds", "Detectable", "Mean difference", "Seen"],
            [[str(value) for value in row.values()] for row in results["power"]],
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pairs", type=int, default=300, help="pairs of runs that are simulated for each line"
    )
    args = parser.parse_args()
    results: dict[str, list[dict[str, object]]] = {"coverage": [], "power": []}
    for n_seeds in SEEDS:
        for n_speakers in SPEAKERS:
            results["coverage"] += coverage(n_speakers, n_seeds, n_pairs=args.pairs)
            results["power"].append(power(n_speakers, n_seeds, n_pairs=args.pairs))
            RESULTS.write_text(json.dumps({"n_pairs": args.pairs, **results}, indent=2) + "\n")
            PAGE.write_text(page(results, args.pairs))


if __name__ == "__main__":
    main()
