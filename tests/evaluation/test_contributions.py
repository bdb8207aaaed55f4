"""Shapley values: shares of a whole, by the axioms that make them what they are."""

from itertools import chain, combinations, permutations

import numpy as np
import pytest

from pipeline.evaluation.contributions import contribution_table, shapley_values
from pipeline.evaluation.protocols import protocol_named

PLAYERS = ("text", "audio", "visual")
SUBSETS = [frozenset(s) for s in chain.from_iterable(combinations(PLAYERS, n) for n in range(4))]


def worth(seed=0):
    random = np.random.default_rng(seed)
    return {subset: random.normal(size=4) for subset in SUBSETS}


def test_the_value_is_the_mean_gain_over_all_orders_of_coming():
    game = worth()
    found = shapley_values(game)
    for player in PLAYERS:
        gains = []
        for order in permutations(PLAYERS):
            before = frozenset(order[: order.index(player)])
            gains.append(game[before | {player}] - game[before])
        np.testing.assert_allclose(found[player], np.mean(gains, axis=0))


def test_values_add_up_to_what_all_are_worth():
    game = worth(1)
    np.testing.assert_allclose(
        sum(shapley_values(game).values()), game[frozenset(PLAYERS)] - game[frozenset()]
    )


def test_who_changes_nothing_gets_nothing():
    game = {subset: np.array([float("text" in subset)]) for subset in SUBSETS}
    assert {name: value.item() for name, value in shapley_values(game).items()} == {
        "text": 1,
        "audio": 0,
        "visual": 0,
    }


def test_a_missing_subset_is_an_error():
    game = worth()
    del game[frozenset({"text", "audio"})]
    with pytest.raises(KeyError):
        shapley_values(game)


def predictions(truth):
    random = np.random.default_rng(2)
    said = {}
    for subset in SUBSETS:
        noise = 0.2 if "text" in subset else 2.0
        said[subset] = np.zeros((3, 40)) if not subset else truth + noise * random.normal(size=(3, 40))
    return said


@pytest.mark.parametrize("metric", ["mae", "ordered_pair_accuracy"])
def test_what_helps_is_positive_whichever_way_the_metric_goes(metric):
    truth = np.random.default_rng(3).normal(size=40)
    table = contribution_table(truth, predictions(truth), protocol=protocol_named("mosi"), confidence=0.95)
    assert set(table) == set(PLAYERS)
    assert table["text"][metric].mean > 0
    assert table["text"][metric].mean > table["audio"][metric].mean
    assert table["text"][metric].n == 3


def test_without_segments_nothing_is_shared_out():
    none = {subset: np.zeros((2, 0)) for subset in SUBSETS}
    assert contribution_table(np.zeros(0), none, protocol=protocol_named("mosi"), confidence=0.95) == {}
