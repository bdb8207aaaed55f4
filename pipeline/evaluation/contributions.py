"""What each modality adds to a metric: Shapley values, exact over all subsets of the modalities."""

from collections.abc import Mapping
from itertools import combinations
from math import comb

import numpy as np
from jaxtyping import Float

from pipeline.artifacts.evaluated.evaluation import Summaries, Summary
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.statistics import summarise


def shapley_values(
    worth: Mapping[frozenset[str], Float[np.ndarray, "seed"]],
) -> dict[str, Float[np.ndarray, "seed"]]:
    """The Shapley value of each player: its mean marginal worth over all orders in which the players may come.

    They add up to the worth of all minus that of nobody. Shapley, "A Value for n-Person Games" (1953).

    Args:
        worth: worth of every subset of the players, the empty one included.

    Raises:
        KeyError: a subset is missing.
    """
    players = sorted(frozenset().union(*worth))
    values = {}
    for player in players:
        others = [other for other in players if other != player]
        value = np.zeros_like(worth[frozenset()], dtype=np.float64)
        for size in range(len(others) + 1):
            share = 1 / (len(players) * comb(len(others), size))
            for before in map(frozenset, combinations(others, size)):
                value += share * (worth[before | {player}] - worth[before])
        values[player] = value
    return values


def contribution_table(
    truth: Float[np.ndarray, "segment"],
    by_subset: Mapping[frozenset[str], Float[np.ndarray, "seed segment *class"]],
    *,
    protocol: Protocol,
    confidence: float,
) -> Mapping[str, Summaries]:
    """What each modality contributes to error and order, by modality; positive where it helps.

    Args:
        truth: labels of the segments.
        by_subset: predictions with each subset of the modalities shown, the empty one included.
        protocol: protocol whose metrics are shared out.
        confidence: level of the intervals over seeds.
    """
    if not len(truth):
        return {}
    table: dict[str, dict[str, Summary]] = {}
    for metric in (metric for metric in protocol.metrics if metric.shared_out):
        sign = 1.0 if metric.better == "higher" else -1.0
        by_seed = {
            subset: [metric.function(truth, row) for row in rows] for subset, rows in by_subset.items()
        }
        if not all(isinstance(value, float) for values in by_seed.values() for value in values):
            continue
        worth = {subset: sign * np.array(values, np.float64) for subset, values in by_seed.items()}
        for modality, value in shapley_values(worth).items():
            summary = summarise(value.tolist(), confidence=confidence)
            table.setdefault(modality, {})[metric.name] = summary
    return table
