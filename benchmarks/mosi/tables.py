"""From outcomes to what the benchmark reports: aggregates only, never a segment."""

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import read_compared
from benchmarks.trials import Outcome
from pipeline.artifacts.evaluated.evaluation import Over
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.evaluation.statistics import paired_differences
from pipeline.evaluation.tables import model_table
from pipeline.execution.workers import worker_count

METHODS = Path(__file__).with_name("methods.yaml")
GRCF, MAIN_BASELINE = read_compared(METHODS)

_PROTOCOL = protocol_named("mosi")
_COMPARED = ("mae", "pearson", "ordered_pair_accuracy", "acc7", "acc2_negative_positive")
_CONFIDENCE = 0.95
_N_RESAMPLES = 1000
_OVER: Mapping[str, tuple[Over, ...]] = {"valid": ("both",), "test": ("seeds", "segments", "both")}
Pair = tuple[Sequence[Outcome], Sequence[Outcome]]


def summarise_methods(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    """`{method: {split: {metric: {mean, sd, ci_low, ci_high, n}}}}` for valid and test."""
    table: dict[str, Any] = {name: {} for name in outcomes}
    for split in ("valid", "test"):
        predictions = {name: _stacked(rows, split) for name, rows in outcomes.items()}
        truth = next(iter(outcomes.values()))[0].truth[split]
        for name, metrics in model_table(
            truth, predictions, protocol=_PROTOCOL, confidence=_CONFIDENCE
        ).items():
            table[name][split] = {metric: summary.as_json() for metric, summary in metrics.items()}
    return table


def compare_all(pairs: Mapping[str, Pair]) -> dict[str, Any]:
    """`compare` of each pair, side by side: the bootstraps of thirty pairs take longer than some of the training."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(worker_count(), context) as pool:
        return dict(zip(pairs, pool.map(compare, pairs.values()), strict=True))


def compare(pair: Pair) -> dict[str, Any]:
    """The first minus the second, paired by seed and segment: `{split: {over: {metric: difference}}}`."""
    first, second = pair
    metrics = [metric for metric in _PROTOCOL.metrics if metric.name in _COMPARED]
    return {
        split: {
            over: {
                name: difference.as_json()
                for name, difference in paired_differences(
                    first[0].truth[split],
                    _stacked(first, split),
                    _stacked(second, split),
                    metrics=metrics,
                    n_resamples=_N_RESAMPLES,
                    confidence=_CONFIDENCE,
                    seed=0,
                    over=over,
                ).items()
            }
            for over in ways
        }
        for split, ways in _OVER.items()
    }


def order_by_stage(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    """Mean ordered-pair accuracy after each stage on every split: where the order is learnt and where it is lost."""
    table: dict[str, Any] = {}
    for name, rows in outcomes.items():
        table[name] = {}
        for split in ("train", "valid", "test"):
            stages = {"last": [row.prediction[split] for row in rows]}
            if rows[0].score:
                stages = {"rank": [row.score[split] for row in rows], **stages}
            table[name][split] = {
                stage: float(
                    np.mean([ordered_pair_accuracy(rows[0].truth[split], scores) for scores in by_seed])
                )
                for stage, by_seed in stages.items()
            }
    return table


def _stacked(rows: Sequence[Outcome], split: str) -> np.ndarray:
    return np.stack([row.prediction[split] for row in rows])
