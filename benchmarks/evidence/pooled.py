"""`python -m benchmarks.evidence.pooled --data FOLDER`: one difference over several splits of a corpus, paired by split, seed and video.

One split of MOSI has 31 test videos, too few to show that two methods are equally good. Its splits together have nearly all 93. What this measures
stands beside the rows of single splits, which it leaves as they are: in `pooled` of `evidence.json`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from benchmarks.arguments import names, numbers
from benchmarks.corpora import run_on
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.methods import METHODS
from benchmarks.evidence.page import page
from benchmarks.evidence.results import PAGE, RESULTS
from benchmarks.evidence.setups import SETUPS, STRONG
from benchmarks.evidence.tables import spans
from benchmarks.evidence.trial import STANDARD, Trial, divided, run_trials
from pipeline.artifacts.formats.files import read_json, write_json, write_text

N_RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class Differences:
    """How much larger the absolute errors of one method are than those of another, summed by video.

    Attributes:
        sums: over the segments of a test video, label units; 0 for a video that is not in the test part of a split.
        counts: how many segments it has there.
    """

    sums: Float64[np.ndarray, "split seed video"]
    counts: Int64[np.ndarray, "split video"]


def differences_of(parts: Sequence[tuple[Float64[np.ndarray, "seed segment"], Sequence[str]]]) -> Differences:
    """Sums by video of what is given by segment.

    Args:
        parts: for each split the difference of the absolute errors, and the video of each segment of its test part.
    """
    videos = sorted({video for _, of_split in parts for video in of_split})
    position = {video: number for number, video in enumerate(videos)}
    sums = np.zeros((len(parts), len(parts[0][0]), len(videos)))
    counts = np.zeros((len(parts), len(videos)), np.int64)
    for split, (difference, of_split) in enumerate(parts):
        member = np.array([position[video] for video in of_split])
        np.add.at(counts[split], member, 1)
        for seed, row in enumerate(difference):
            np.add.at(sums[split, seed], member, row)
    return Differences(sums, counts)


def interval_of(found: Differences, *, splits_too: bool) -> dict[str, float]:
    """The mean over splits and seeds, with percentile bootstraps.

    Videos are drawn once for all splits, since one that is in the test part of several is the same there; seeds likewise, since a seed starts
    from the same weights on each split.

    Args:
        found: what to resample.
        splits_too: whether the splits are drawn as well, for what holds on splits like these and not on these alone.
    """
    n_splits, n_seeds, n_videos = found.sums.shape
    rng = np.random.default_rng(0)
    resampled = np.empty(N_RESAMPLES)
    for position in range(N_RESAMPLES):
        weight = np.bincount(rng.integers(n_videos, size=n_videos), minlength=n_videos)
        splits = rng.integers(n_splits, size=n_splits) if splits_too else np.arange(n_splits)
        seeds = rng.integers(n_seeds, size=n_seeds)
        by_split = (found.sums @ weight)[:, seeds].mean(axis=1) / (found.counts @ weight)
        resampled[position] = by_split[splits].mean()
    low, low_90, high_90, high = (float(q) for q in np.quantile(resampled, [0.025, 0.05, 0.95, 0.975]))
    by_split = found.sums.sum(axis=2).mean(axis=1) / found.counts.sum(axis=1)
    return {
        "difference": float(by_split.mean()),
        "low": low,
        "high": high,
        "low_90": low_90,
        "high_90": high_90,
    }


def measure(
    corpus: str,
    splits: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    seeds: Sequence[int],
    setup: str,
    data: Path,
) -> list[dict[str, Any]]:
    """The pooled difference of each pair of methods on clean labels, a row each."""
    methods = list(dict.fromkeys(method for pair in pairs for method in pair))
    # By seed first, so that a run that is stopped has whole seeds.
    trials = [
        Trial(corpus, split, "clean", method, seed, 0, setup)
        for seed in seeds
        for split in splits
        for method in methods
    ]
    outcomes = dict(
        zip(trials, run_trials(trials, data=data, title=f"{corpus}, {len(splits)} splits"), strict=True)
    )
    tests = {
        split: divided(corpus, split, data, side_by_side=SETUPS[setup].side_by_side)["test"]
        for split in splits
    }

    def errors(split: str, method: str) -> Float64[np.ndarray, "seed segment"]:
        chosen = (Trial(corpus, split, "clean", method, seed, 0, setup) for seed in seeds)
        return np.stack(
            [np.abs(outcomes[trial].prediction["test"] - tests[split].labels) for trial in chosen]
        )

    rows = []
    for a, b in pairs:
        found = differences_of(
            [(errors(split, a) - errors(split, b), tests[split].video) for split in splits]
        )
        fixed = interval_of(found, splits_too=False)
        rows.append(
            {
                "corpus": corpus,
                "splits": list(splits),
                "condition": "clean",
                "setup": setup,
                "a": a,
                "b": b,
                "metric": "mae",
                "seeds": spans(seeds),
                "n_seeds": len(seeds),
                **interval_of(found, splits_too=True),
                "n_videos": found.counts.shape[1],
                "low_90_of_these_splits": fixed["low_90"],
                "high_90_of_these_splits": fixed["high_90"],
            }
        )
    return rows


def main() -> None:
    """Measure what is asked for and write it to the results and the page of the map."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence.pooled", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with mosi/ and corpora/")
    parser.add_argument("--corpora", type=names(READERS), default=["mosi"])
    parser.add_argument("--splits", type=names(), default=[STANDARD, *map(str, range(501, 506))])
    parser.add_argument(
        "--methods",
        type=names(METHODS),
        default=["grcf_within", "grcf_partly_50"],
        help="each against absolute error",
    )
    parser.add_argument("--seeds", type=numbers, default=list(range(11, 31)), help="of the weights: 11-30")
    parser.add_argument("--setup", choices=list(SETUPS), default=STRONG.name, help="of the network")
    chosen = parser.parse_args()
    run_on("the corpora of the map", chosen, partial(_run, chosen))


def _run(chosen: argparse.Namespace) -> None:
    for corpus in chosen.corpora:
        rows = measure(
            corpus,
            chosen.splits,
            [(method, "mae") for method in chosen.methods],
            seeds=chosen.seeds,
            setup=chosen.setup,
            data=chosen.data,
        )
        result = read_json(RESULTS)
        place = ("corpus", "setup", "a", "b")
        new = {tuple(row[field] for field in place) for row in rows}
        others = [row for row in result.get("pooled", ()) if tuple(row[field] for field in place) not in new]
        result["pooled"] = [*others, *rows]
        write_json(RESULTS, result)
        write_text(PAGE, page(result))


if __name__ == "__main__":
    main()
