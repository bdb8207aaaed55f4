"""The binary protocol against scikit-learn, and what it refuses or leaves undefined."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Undefined
from pipeline.evaluation.protocols import BINARY, MOSI, N_CALIBRATION_BINS, measure, protocol_named
from pipeline.evaluation.selection import cross_entropy
from pipeline.evaluation.tables import difference_table, headline, model_table, order_table, paired_resamples


def sample(seed: int, n_segments: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Labels with fewer ones than zeros; probabilities on a grid that holds ties, 0, 1 and one half."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n_segments) < 0.35).astype(np.float64)
    return truth, np.clip(0.3 + 0.3 * truth + rng.normal(0, 0.3, n_segments), 0, 1).round(2)


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_are_those_of_scikit_learn(seed):
    truth, probability = sample(seed)
    predicted = probability > 0.5

    found = measure(truth, probability, protocol=BINARY)

    assert found["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert found["f1_weighted"] == pytest.approx(f1_score(truth, predicted, average="weighted"))
    assert found["f1_macro"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, probability))
    assert found["brier_score"] == pytest.approx(brier_score_loss(truth, probability))


@pytest.mark.parametrize("seed", range(5))
def test_the_calibration_error_weighs_the_gaps_of_scikit_learns_curve(seed):
    truth, probability = sample(seed)
    ones, mean = calibration_curve(truth, probability, n_bins=N_CALIBRATION_BINS, strategy="uniform")
    # As scikit-learn's bins have it, a value on an edge belongs to the bin below.
    number = np.searchsorted(np.linspace(0, 1, N_CALIBRATION_BINS + 1)[1:-1], probability)
    share = np.bincount(number, minlength=N_CALIBRATION_BINS) / len(truth)

    found = measure(truth, probability, protocol=BINARY)["calibration_error"]

    assert found == pytest.approx(float((share[share > 0] * np.abs(ones - mean)).sum()))


def test_the_calibration_error_of_a_hand_made_case():
    # Bin of 0.05: half are ones, gap 0.45. Bin of 0.85: all are ones, gap 0.15.
    truth, probability = np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.05, 0.05, 0.85, 0.85])

    assert measure(truth, probability, protocol=BINARY)["calibration_error"] == pytest.approx(0.3)


def test_one_half_is_a_zero():
    assert measure(np.array([0.0]), np.array([0.5]), protocol=BINARY)["accuracy"] == 1.0


def test_the_weighted_f1_weighs_by_the_truth():
    truth, predicted = np.array([1.0, 0.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])

    found = [
        measure(*pair, protocol=BINARY)["f1_weighted"] for pair in ((truth, predicted), (predicted, truth))
    ]

    assert found[0] == pytest.approx(f1_score(truth, predicted, average="weighted"))
    assert found[0] != pytest.approx(found[1])


def test_one_class_alone_has_no_order_and_no_macro_f1_but_an_error():
    found = measure(np.ones(3), np.array([0.2, 0.6, 0.9]), protocol=BINARY)

    assert found["auroc"] == found["f1_macro"] == Undefined("all labels are equal")
    assert found["brier_score"] == pytest.approx((0.64 + 0.16 + 0.01) / 3)
    assert found["accuracy"] == pytest.approx(2 / 3)


def test_no_segments_leave_every_metric_undefined():
    found = measure(np.zeros(0), np.zeros(0), protocol=BINARY)

    assert set(found.values()) == {Undefined("there are no segments")}


def test_labels_that_are_no_classes_are_a_sentence():
    with pytest.raises(PipelineError, match=r"1 of 2 labels are neither 0 nor 1; .* task\.kind: binary"):
        measure(np.array([0.0, -1.4]), np.array([0.1, 0.2]), protocol=BINARY)


def test_predictions_that_are_no_probabilities_are_a_sentence():
    with pytest.raises(PipelineError, match="2 of 3 predictions lie outside of 0 to 1"):
        measure(np.array([0.0, 1.0, 1.0]), np.array([-0.1, 0.2, 1.3]), protocol=BINARY)


def test_the_protocol_is_found_by_its_name():
    assert protocol_named("binary") is BINARY
    assert BINARY.is_binary
    assert not MOSI.is_binary


@pytest.mark.parametrize("protocol", [MOSI, BINARY], ids=["mosi", "binary"])
def test_headline_and_order_are_metrics_of_the_protocol(protocol):
    assert {*protocol.headline, *protocol.order} <= {metric.name for metric in protocol.metrics}


def test_the_tables_take_the_metrics_of_the_protocol():
    truth, probability = sample(0, 60)
    models = {"grcf": probability[None], "pointwise": 1 - probability[None]}
    table = model_table(truth, models, protocol=BINARY, confidence=0.95)

    found = headline({"valid": table, "test": table}, protocol=BINARY)

    assert len(found) == 12
    assert found["valid_grcf_auroc"] == table["grcf"]["auroc"].mean
    differences = difference_table(
        truth,
        {"a - b": tuple(models.values())},
        protocol=BINARY,
        confidence=0.95,
        resamples=paired_resamples(truth, n_resamples=100),
    )
    assert set(differences["a - b"]) == {metric.name for metric in BINARY.metrics}


def test_the_order_of_scores_that_are_no_probabilities_is_their_auroc():
    truth, probability = sample(0, 60)

    table = order_table(truth, {"rank": 9 * probability[None] - 4}, protocol=BINARY, confidence=0.95)

    assert list(table["rank"]) == ["auroc"]
    assert table["rank"]["auroc"].mean == pytest.approx(roc_auc_score(truth, probability))


def test_the_cross_entropy_of_logits_is_that_of_scikit_learn():
    truth, probability = sample(0)
    logit = 6 * probability - 3

    assert cross_entropy(truth, logit) == pytest.approx(log_loss(truth, 1 / (1 + np.exp(-logit))))


def test_the_cross_entropy_of_a_hopeless_logit_is_finite():
    assert cross_entropy(np.array([1.0, 0.0]), np.array([-1e4, 1e4])) == pytest.approx(1e4)
    assert cross_entropy(np.zeros(0), np.zeros(0)) is None
