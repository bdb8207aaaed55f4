import ast
import inspect
import tracemalloc
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau
from sklearn.metrics import roc_auc_score

from pipeline.evaluation import resampled_pairs, selection
from pipeline.evaluation.resampled_pairs import ResampledPairs
from pipeline.evaluation.selection import PairCounts, mean_absolute_error, ordered_pair_accuracy, pair_counts

QUICK = settings(max_examples=60)
FEW_LEVELS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-9, 9)), max_size=40)


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return values[:, 0].copy(), values[:, 1].copy()


def naive_counts(truth: np.ndarray, prediction: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    ordered = concordant = tied = 0.0
    for i in range(len(truth)):
        for j in range(len(truth)):
            if truth[i] > truth[j]:
                weight = counts[i] * counts[j]
                ordered += weight
                concordant += weight * (prediction[i] > prediction[j])
                tied += weight * (prediction[i] == prediction[j])
    return ordered, concordant, tied


@QUICK
@given(FEW_LEVELS)
def test_ordered_pair_accuracy_is_that_of_a_naive_double_loop(pairs: list[tuple[int, int]]) -> None:
    truth, prediction = arrays(pairs)
    ordered, concordant, tied = naive_counts(truth, prediction, np.ones(len(truth)))

    expected = (concordant + 0.5 * tied) / ordered if ordered else None

    assert ordered_pair_accuracy(truth, prediction) == expected


@QUICK
@given(FEW_LEVELS, st.integers(0, 2**32 - 1))
def test_pairs_of_resamples_are_those_of_a_naive_double_loop(pairs: list[tuple[int, int]], seed: int) -> None:
    truth, prediction = arrays(pairs)
    counts = np.random.default_rng(seed).integers(0, 4, size=(3, len(truth))).astype(np.float64)

    found = ResampledPairs(truth, prediction)(counts)

    assert list(zip(*found[:3], strict=True)) == [naive_counts(truth, prediction, row) for row in counts]


@QUICK
@given(FEW_LEVELS)
def test_ordered_pair_accuracy_ignores_a_strictly_increasing_map(pairs: list[tuple[int, int]]) -> None:
    truth, prediction = arrays(pairs)

    assert ordered_pair_accuracy(truth, np.exp(prediction / 3)) == ordered_pair_accuracy(truth, prediction)


@QUICK
@given(FEW_LEVELS)
def test_reversed_predictions_turn_the_accuracy_round(pairs: list[tuple[int, int]]) -> None:
    truth, prediction = arrays(pairs)
    accuracy = ordered_pair_accuracy(truth, prediction)
    reversed_accuracy = ordered_pair_accuracy(truth, -prediction)

    assert (accuracy is None) == (reversed_accuracy is None)
    assert accuracy is None or accuracy + reversed_accuracy == pytest.approx(1.0)


@QUICK
@given(FEW_LEVELS, st.randoms())
def test_ordered_pair_accuracy_ignores_the_order_of_the_segments(
    pairs: list[tuple[int, int]], random: Random
) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)

    assert ordered_pair_accuracy(*arrays(shuffled)) == ordered_pair_accuracy(*arrays(pairs))


def test_ordered_pair_accuracy_of_two_classes_is_the_area_under_the_roc_curve() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 300).astype(np.float64)
    prediction = np.round(truth + rng.normal(size=300), 1)

    assert ordered_pair_accuracy(truth, prediction) == pytest.approx(
        roc_auc_score(truth, prediction), abs=1e-12
    )


def test_ordered_pair_accuracy_follows_tau_where_nothing_is_tied() -> None:
    rng = np.random.default_rng(4)
    truth, prediction = rng.normal(size=5000), rng.normal(size=5000)

    tau = kendalltau(truth, prediction).statistic

    assert ordered_pair_accuracy(truth, prediction) == pytest.approx((tau + 1) / 2, abs=1e-12)


def test_a_constant_prediction_is_right_half_of_the_time() -> None:
    assert ordered_pair_accuracy(np.array([-1.0, 0.0, 2.0]), np.full(3, 0.1)) == 0.5


@pytest.mark.parametrize("truth", [[], [1.0], [0.5, 0.5, 0.5]])
def test_no_ordered_pair_has_no_accuracy(truth: list[float]) -> None:
    assert ordered_pair_accuracy(np.array(truth), np.arange(len(truth), dtype=np.float64)) is None


def test_untied_pairs_are_those_of_unequal_predictions_whatever_their_labels() -> None:
    prediction = np.array([1.0, 2.0, 2.0, -0.0, 0.0])

    assert pair_counts(np.zeros(5), prediction, np.ones((1, 5))).untied.tolist() == [8.0]


def one_against_all(truth: np.ndarray, prediction: np.ndarray, counts: np.ndarray) -> PairCounts:
    """Counts by n² comparisons, in whole numbers."""
    above = truth[:, None] > truth
    signs = np.sign(prediction[:, None] - prediction)

    def weighed(pairs: np.ndarray) -> np.ndarray:
        return np.einsum("ri,ij,rj->r", counts, pairs.astype(np.float64), counts)

    return PairCounts(
        weighed(above), weighed(above & (signs > 0)), weighed(above & (signs == 0)), weighed(signs > 0)
    )


@pytest.mark.parametrize("in_tables", [False, True])
@pytest.mark.parametrize("n_segments", [63, 64, 65, 129, 500])
@pytest.mark.parametrize("labels", ["all different", "tenths", "two", "one is most", "one"])
@pytest.mark.parametrize("predictions", ["all different", "tenths", "half the same", "one"])
def test_pairs_over_several_blocks_are_those_of_every_pair(
    n_segments: int, labels: str, predictions: str, in_tables: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_tables:  # as of many thousand segments: blocks, and blocks within them
        monkeypatch.setattr(resampled_pairs, "_MOST_IN_BLOCKS", 16)
        monkeypatch.setattr(resampled_pairs, "_LEAST_BLOCK", 8)
        monkeypatch.setattr(resampled_pairs, "_LABEL_BLOCKS", 4)
    rng = np.random.default_rng(n_segments)
    spread = rng.normal(size=n_segments)
    choices = {
        "all different": spread,
        "tenths": spread.round(1),
        "two": (spread > 0).astype(np.float64),
        "one is most": np.where(rng.random(n_segments) < 0.8, 0.3, spread),
        "one": np.ones(n_segments),
    }
    truth = choices[labels]
    noisy = truth + rng.normal(size=n_segments)
    choices = {
        "all different": noisy,
        "tenths": noisy.round(1),
        "half the same": np.where(rng.random(n_segments) < 0.5, 0.1, noisy),
        "one": np.ones(n_segments),
    }
    counts = rng.integers(0, 4, size=(3, n_segments)).astype(np.float64)

    found = ResampledPairs(truth, choices[predictions])(counts)

    for values, expected in zip(found, one_against_all(truth, choices[predictions], counts), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_counts_beyond_single_precision_stay_exact() -> None:
    truth, prediction = np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 1.0])
    many = 2.0**24 + 1

    found = pair_counts(truth, prediction, np.array([[many, 1.0, 1.0]]))

    assert found.concordant.tolist() == [2 * many]
    assert found.ordered.tolist() == [2 * many + 1]


@pytest.mark.parametrize("measure", [ordered_pair_accuracy, mean_absolute_error])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_selects_no_epoch(
    measure: Callable[[np.ndarray, np.ndarray], float | None], bad: float
) -> None:
    with pytest.raises(ValueError, match="1 of 2 labels and 2 predictions"):
        measure(np.array([0.0, 1.0]), np.array([0.0, bad]))


def test_mean_absolute_error_is_in_label_units() -> None:
    assert mean_absolute_error(np.array([-1.0, 3.0]), np.array([1.0, 2.0])) == 1.5


def test_mean_absolute_error_of_nothing_is_none() -> None:
    assert mean_absolute_error(np.zeros(0), np.zeros(0)) is None


def test_selection_imports_nothing_from_the_package() -> None:
    tree = ast.parse(inspect.getsource(selection))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]

    assert imported
    assert not [name for name in imported if name.split(".")[0] == "pipeline"]


@QUICK
@given(FEW_LEVELS, st.integers(0, 2**32 - 1), st.booleans())
def test_all_ways_of_counting_pairs_count_the_same(
    pairs: list[tuple[int, int]], seed: int, distinct: bool
) -> None:
    truth, prediction = arrays(pairs)
    rng = np.random.default_rng(seed)
    if distinct:  # more predictions than labels, and the other way round
        prediction += rng.random(len(prediction))
    counts = rng.integers(0, 4, size=(3, len(truth))).astype(np.float64)

    for one, other in ((truth, prediction), (prediction, truth)):
        by_blocks = ResampledPairs(one, other)(counts)
        by_levels = [pair_counts(one, other, row[None]) for row in counts]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resampled_pairs, "_MOST_IN_BLOCKS", 8)
            patch.setattr(resampled_pairs, "_LEAST_BLOCK", 4)
            by_tables = ResampledPairs(one, other)(counts)
        np.testing.assert_array_equal(by_blocks, by_tables)
        np.testing.assert_array_equal(by_blocks, np.concatenate(by_levels, axis=1))
        np.testing.assert_array_equal(by_blocks, pair_counts(one, other, counts))


def test_memory_of_counting_pairs_grows_with_the_segments_alone() -> None:
    # A million bytes of matrices per thousand segments would be 200 MB here.
    rng = np.random.default_rng(3)
    truth = rng.normal(size=200_000).round(1)
    prediction = truth + rng.normal(size=len(truth))
    tracemalloc.start()
    pair_counts(truth, prediction, np.ones((1, len(truth))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
