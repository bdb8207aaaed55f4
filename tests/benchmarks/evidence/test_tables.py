"""What the tables of the map say: means, paired intervals over draws, seeds and videos, and equivalence."""

import numpy as np
import pytest

from benchmarks.evidence.tables import comparison_of, is_equivalent, row_of, spans

TRUTH = np.random.default_rng(0).normal(size=60)
VIDEOS = [f"v{i % 10}" for i in range(60)]


def predictions(sd: float, n_models: int = 4, seed: int = 1) -> np.ndarray:
    return TRUTH + sd * np.random.default_rng(seed).normal(size=(n_models, 60))


def compared(one, other, models, metric: str = "mae"):
    return comparison_of({}, ("one", "other"), TRUTH, (one, other), VIDEOS, metric, models=models)


def test_a_difference_is_that_of_the_means_and_lies_in_its_intervals():
    one, other = predictions(0.3, seed=1), predictions(0.9, seed=2)
    for metric in ("mae", "pearson"):
        found = compared(one, other, [(seed, 0) for seed in range(4)], metric)
        assert found["low"] < found["low_90"] < found["difference"] < found["high_90"] < found["high"]
    assert found["low"] > 0
    mae = compared(one, other, [(seed, 0) for seed in range(4)])
    assert mae["difference"] == pytest.approx(np.abs(one - TRUTH).mean() - np.abs(other - TRUTH).mean())
    assert mae["high"] < 0


def test_models_of_one_draw_are_no_further_evidence_about_draws():
    """The error of a model depends on its draw alone: twelve seeds on two draws know what two draws know."""
    by_draw = np.array([0.0, 1.0])
    one = TRUTH + by_draw[np.arange(12) % 2][:, None]
    two_draws = compared(one, predictions(0.0, 12), [(seed, seed % 2) for seed in range(12)])
    many_draws = compared(one, predictions(0.0, 12), [(seed, seed) for seed in range(12)])
    assert two_draws["high"] - two_draws["low"] > 1.5 * (many_draws["high"] - many_draws["low"])
    assert (two_draws["n_seeds"], two_draws["n_draws"]) == (12, 2)


def test_rows_and_comparisons_say_which_seeds_met_which_draws():
    models = [(1, 7), (2, 8), (3, 7), (4, 8)]
    found = row_of({}, "one", "mae", np.arange(4.0), models=models)
    assert (found["n"], found["n_draws"], found["seeds"], found["draws"]) == (4, 2, "1-4", "7-8")
    found = compared(predictions(0.1), predictions(0.2), models)
    assert (found["seeds"], found["draws"]) == ("1-4", "7-8")
    assert spans([3, 4, 6]) == "3-4,6"


def test_no_difference_seen_is_not_equivalence():
    models = [(seed, 0) for seed in range(4)]
    near = predictions(0.3)
    assert is_equivalent(compared(near, near + 1e-4, models))
    unclear = compared(predictions(0.9, seed=1), predictions(0.9, seed=2), models)
    assert unclear["low"] < 0 < unclear["high"]
    assert not is_equivalent(unclear)
