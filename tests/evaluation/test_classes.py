"""The metrics of classes against scikit-learn's, on samples and on resamples."""

import numpy as np
import pytest
from sklearn import metrics as theirs

from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.errors import PipelineError
from pipeline.evaluation.comparisons import compare_split
from pipeline.evaluation.metrics import Undefined
from pipeline.evaluation.protocols import CLASSES, MOSI, ORDERED_CLASSES, measure, protocol_named
from pipeline.evaluation.samples import Samples
from pipeline.evaluation.selection import ordered_pair_accuracy
from pipeline.evaluation.tables import model_table, reliability_table

N_CLASSES = 4
NUMBERS = np.arange(N_CLASSES)


def sample(n: int = 300, *, seed: int = 0):
    """Numbers of classes of unequal size, and probabilities that know something of them; some are equal."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(N_CLASSES, size=n, p=[0.5, 0.3, 0.15, 0.05])
    weight = rng.gamma(1.0, size=(n, N_CLASSES)) + 1.5 * np.eye(N_CLASSES)[truth]
    weight[::5] = 1.0
    return truth.astype(np.float64), weight / weight.sum(axis=1, keepdims=True)


def by_scikit_learn(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    predicted = probability.argmax(axis=1)
    own = np.eye(N_CLASSES)[truth.astype(int)]
    return {
        "brier_score": np.square(probability - own).sum(axis=1).mean(),
        "log_loss": theirs.log_loss(truth, probability, labels=NUMBERS),
        "f1_weighted": theirs.f1_score(truth, predicted, average="weighted"),
        "f1_macro": theirs.f1_score(truth, predicted, average="macro"),
        "accuracy": theirs.accuracy_score(truth, predicted),
        "balanced_accuracy": theirs.balanced_accuracy_score(truth, predicted),
        "auroc": theirs.roc_auc_score(truth, probability, multi_class="ovr", average="macro"),
    }


def test_they_are_those_of_scikit_learn():
    truth, probability = sample()
    values = measure(truth, probability, protocol=CLASSES)
    wanted = by_scikit_learn(truth, probability)
    assert {name: values[name] for name in wanted} == pytest.approx(wanted)
    assert values.keys() - wanted.keys() == {"calibration_error"}


def test_a_resample_is_measured_as_the_sample_that_it_is():
    truth, probability = sample(120)
    chosen = np.random.default_rng(1).integers(len(truth), size=len(truth))
    counts = np.bincount(chosen, minlength=len(truth))[None].astype(np.float64)
    for metric in ORDERED_CLASSES.metrics:
        resampled = metric.resampled(truth, probability, Samples(counts))
        assert resampled == pytest.approx([metric.function(truth[chosen], probability[chosen])])


def test_classes_that_a_sample_lacks_are_left_out_of_means_over_classes():
    truth, probability = sample(200)
    few = truth < 2
    values = measure(truth[few], probability[few], protocol=CLASSES)
    predicted = probability[few].argmax(axis=1)
    assert values["f1_macro"] == pytest.approx(theirs.f1_score(truth[few], predicted, average="macro"))
    recalls = theirs.recall_score(truth[few], predicted, average=None, labels=[0, 1])
    assert values["balanced_accuracy"] == pytest.approx(recalls.mean())
    areas = [theirs.roc_auc_score(truth[few] == number, probability[few, number]) for number in (0, 1)]
    assert values["auroc"] == pytest.approx(np.mean(areas))


def test_one_class_alone_has_no_order():
    probability = sample(50)[1]
    values = measure(np.ones(50), probability, protocol=ORDERED_CLASSES)
    assert values["auroc"] == values["ordered_pair_accuracy"] == Undefined("all labels are equal")
    assert values["accuracy"] == (probability.argmax(axis=1) == 1).mean()


def test_the_calibration_error_by_hand():
    truth = np.array([0.0, 1.0, 0.0, 0.0])
    probability = np.array([[0.75, 0.25], [0.75, 0.25], [0.55, 0.45], [0.55, 0.45]])
    # Right in 1 of 2 at 0.75, and in 2 of 2 at 0.55.
    assert measure(truth, probability, protocol=CLASSES)["calibration_error"] == pytest.approx(
        (0.25 + 0.45) / 2
    )


def test_ordered_pairs_go_by_the_expected_place():
    truth, probability = sample()
    value = measure(truth, probability, protocol=ORDERED_CLASSES)["ordered_pair_accuracy"]
    assert value == pytest.approx(ordered_pair_accuracy(truth, probability @ NUMBERS))


def test_six_digits_of_a_file_give_the_same_loss():
    truth, probability = np.zeros(2), np.array([[3e-7, 1 - 3e-7], [0.5, 0.5]])
    exact, rounded = (measure(truth, rows, protocol=CLASSES) for rows in (probability, probability.round(6)))
    assert exact["log_loss"] == pytest.approx(rounded["log_loss"], abs=1e-5)


@pytest.mark.parametrize(
    ("truth", "probability", "protocol", "sentence"),
    [
        (np.zeros(3), np.zeros(3), CLASSES, "predictions are of no classes, but the protocol classes"),
        (np.zeros(3), np.full((3, 2), 0.5), MOSI, "predictions are of classes, but the protocol mosi"),
        (np.full(3, 2.0), np.full((3, 2), 0.5), CLASSES, "3 of 3 labels are no numbers of its 2 classes"),
        (np.zeros(3), np.full((3, 2), 0.4), CLASSES, "3 of 3 predictions do not add up to 1"),
        (np.zeros(3), np.tile([1.5, -0.5], (3, 1)), CLASSES, "3 of 3 predictions lie outside of 0 to 1"),
        (np.zeros(2), np.full((3, 2), 0.5), CLASSES, "2 labels and 3 predictions"),
        (np.zeros(3), np.full((3, 2), np.nan), CLASSES, "6 of 6 predictions are NaN"),
    ],
)
def test_what_is_not_of_the_task_is_refused(truth, probability, protocol, sentence):
    with pytest.raises(PipelineError, match=sentence):
        measure(truth, probability, protocol=protocol)


def test_a_protocol_knows_the_classes_of_a_corpus():
    protocol = protocol_named("classes").of_classes(["anger", "joy", "sadness"])
    assert (protocol.classes, protocol.label_max) == (("anger", "joy", "sadness"), 2.0)
    assert protocol_named("mosi").of_classes([]) is MOSI


def test_all_that_is_compared_on_a_split_works_for_classes():
    truth, first = sample(80, seed=1)
    second, third = (sample(80, seed=seed)[1] for seed in (2, 3))
    shares = np.tile(np.bincount(truth.astype(int), minlength=N_CLASSES) / 80, (1, 80, 1))
    models = {
        "grcf": np.stack([first, second]),
        "pointwise": np.stack([second, third]),
        "class_shares": shares,
    }
    predictions = SplitPredictions(
        "valid",
        tuple(f"s{number}" for number in range(80)),
        truth,
        models,
        {"grcf": (1, 2), "pointwise": (1, 2), "class_shares": ()},
        classes=("anger", "joy", "neutral", "sadness"),
    )
    found = compare_split(
        predictions,
        subsets={
            "all": (frozenset({"text"}), models["grcf"]),
            "nothing": (frozenset(), np.repeat(shares, 2, axis=0)),
        },
        scores=np.log(models["grcf"]),
        protocol=ORDERED_CLASSES,
        confidence=0.9,
        n_resamples=50,
        n_bins=5,
    )
    difference = found.differences["pointwise"]["f1_weighted"]
    assert difference.ci_low < difference.mean < difference.ci_high
    # Shares of classes put the segments of a class in no order.
    assert found.order["calibrate"]["auroc"].mean > 0.5
    assert found.contributions["text"]["brier_score"].mean is not None
    bins = found.reliability["grcf"].bins
    mean = models["grcf"].mean(axis=0)
    assert sum(row.n_segments * row.mean_truth for row in bins) == pytest.approx(
        (mean.argmax(axis=1) == truth).sum()
    )
    table = model_table(truth, models, protocol=CLASSES, confidence=0.9)
    assert table["class_shares"]["auroc"].mean == 0.5
    assert reliability_table(truth, {"grcf": shares, "pointwise": shares}, n_bins=5)["grcf"].slope is None
