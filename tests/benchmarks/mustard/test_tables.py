"""Pooled predictions and means over folds are of the segments and seeds that they claim."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from benchmarks.mustard.tables import (
    compare,
    compare_within_folds,
    constant_rows,
    fold_table,
    largest_difference,
    pooled,
    pooled_table,
)
from benchmarks.trials import Outcome
from pipeline.evaluation.protocols import BINARY

N_FOLDS, N_SEEDS = 3, 2


def make_rows(noise: float, seed: int) -> list[list[Outcome]]:
    """An outcome a fold and seed; folds of different sizes."""
    truth_of = np.random.default_rng(9)
    random = np.random.default_rng(seed)
    rows = []
    for fold in range(N_FOLDS):
        truth = (truth_of.random(20 + 5 * fold) < 0.5).astype(np.float64)
        rows.append(
            [
                Outcome(
                    {"test": truth},
                    {},
                    {"test": np.clip(truth + noise * random.normal(size=len(truth)), 0, 1)},
                )
                for _ in range(N_SEEDS)
            ]
        )
    return rows


GOOD, BAD = make_rows(0.3, 1), make_rows(2.0, 2)


def test_pooled_predictions_stand_beside_their_labels():
    truth, prediction = pooled(GOOD)
    assert prediction.shape == (N_SEEDS, 20 + 25 + 30)
    np.testing.assert_array_equal(prediction[1, 20:45], GOOD[1][1].prediction["test"])
    np.testing.assert_array_equal(truth[45:], GOOD[2][0].truth["test"])


def test_the_pooled_table_measures_all_segments_at_once():
    found = pooled_table({"good": GOOD})["good"]["auroc"]
    truth, prediction = pooled(GOOD)
    assert found["mean"] == pytest.approx(np.mean([roc_auc_score(truth, row) for row in prediction]))
    assert found["n"] == N_SEEDS


def test_the_table_of_folds_is_a_mean_over_folds_then_over_seeds():
    by_seed = [
        np.mean(
            [accuracy_score(fold[seed].truth["test"], fold[seed].prediction["test"] > 0.5) for fold in BAD]
        )
        for seed in range(N_SEEDS)
    ]
    found = fold_table({"bad": BAD})["bad"]["accuracy"]
    assert (found["mean"], found["sd"]) == pytest.approx((np.mean(by_seed), np.std(by_seed, ddof=1)))


def test_a_comparison_is_the_first_less_the_second():
    found = compare(GOOD, BAD)
    assert set(found) == {metric.name for metric in BINARY.metrics}
    assert found["brier_score"]["ci_high"] < 0 < found["auroc"]["ci_low"]
    assert found["auroc"]["over"] == "both"


def test_a_row_differs_from_itself_by_nothing():
    assert largest_difference(GOOD, GOOD) == 0
    assert largest_difference(GOOD, BAD) > 0.1


def test_the_constant_of_a_fold_is_the_share_of_ones_in_its_train():
    train = np.array([1.0, 0.0, 0.0, 0.0])
    fold = [Outcome({"train": train, "test": np.ones(2)}, {}, {"train": train, "test": np.ones(2)})] * N_SEEDS
    ((constant,),) = constant_rows([fold])
    assert constant.prediction["test"].tolist() == [0.25, 0.25]


def test_a_comparison_within_folds_is_the_difference_of_the_means_of_folds():
    found = compare_within_folds(GOOD, BAD, n_resamples=300)
    table = fold_table({"good": GOOD, "bad": BAD})
    for name, difference in found.items():
        wanted = table["good"][name]["mean"] - table["bad"][name]["mean"]
        assert difference["mean"] == pytest.approx(wanted), name
        assert difference["ci_low"] < difference["mean"] < difference["ci_high"]
    assert found["brier_score"]["ci_high"] < 0 < found["auroc"]["ci_low"]
    assert (found["auroc"]["n_seeds"], found["auroc"]["n_segments"]) == (N_SEEDS, 75)


def test_an_offset_between_folds_is_no_order_within_them():
    shifted = [
        [Outcome(each.truth, {}, {"test": each.prediction["test"] * 0.1 + 0.3 * fold}) for each in row]
        for fold, row in enumerate(GOOD)
    ]
    found = compare_within_folds(shifted, GOOD, n_resamples=100)["auroc"]
    assert found["mean"] == found["ci_low"] == found["ci_high"] == pytest.approx(0, abs=1e-12)
    assert compare(shifted, GOOD)["auroc"]["mean"] != pytest.approx(0, abs=1e-3)
