"""How classes are scored: emotions, topics and whatever else has several names."""

from dataclasses import replace

from pipeline.evaluation import class_formulas
from pipeline.evaluation.metrics import Metric, Need, Protocol

N_CALIBRATION_BINS = 10
"""Bins of the expected calibration error, as most of the literature has it since Guo et al. (2017)."""

CLASSES = Protocol(
    name="classes",
    task="classes",
    label_min=0.0,
    label_max=1.0,
    metrics=(
        Metric(
            name="brier_score",
            title="Brier score",
            better="lower",
            description="Brier score: sum over the classes of the squared difference of probability and label, 0 to 2, a mean over "
            "segments.",
            unit="1",
            formula=class_formulas.brier_score,
            shared_out=True,
        ),
        Metric(
            name="log_loss",
            title="Log loss",
            better="lower",
            description="Mean negative logarithm of the probability of the right class, in nats; one below a millionth counts as that.",
            unit="1",
            formula=class_formulas.log_loss,
        ),
        Metric(
            name="f1_weighted",
            title="F1, weighted",
            better="higher",
            description="F1 of each class, weighted by its share of the labels.",
            unit="share",
            formula=class_formulas.f1_weighted,
        ),
        Metric(
            name="f1_macro",
            title="F1, macro",
            better="higher",
            description="F1 of the classes that occur in labels or predictions, all alike.",
            unit="share",
            formula=class_formulas.f1_macro,
        ),
        Metric(
            name="accuracy",
            title="Accuracy",
            better="higher",
            description="Share of the segments whose most probable class is the right one.",
            unit="share",
            formula=class_formulas.accuracy,
            in_summary=True,
        ),
        Metric(
            name="balanced_accuracy",
            title="UAR",
            better="higher",
            description="Unweighted average recall, also called balanced accuracy: the share of the segments of a class that are "
            "found, a mean over the classes.",
            unit="share",
            formula=class_formulas.balanced_accuracy,
            in_summary=True,
        ),
        Metric(
            name="auroc",
            title="AUROC",
            better="higher",
            description="Area under the ROC curve of each class against all others, a mean over the classes; a tie counts half.",
            unit="share",
            formula=class_formulas.auroc,
            needs=(Need.VARYING_TRUTH,),
            shared_out=True,
            hub_name="roc_auc",
        ),
        Metric(
            name="calibration_error",
            title="Calibration error",
            better="lower",
            description="Expected calibration error: distance of the probability of the predicted class and the share of right "
            f"predictions in {N_CALIBRATION_BINS} bins of equal width, weighted by segments.",
            unit="1",
            formula=class_formulas.calibration_error(N_CALIBRATION_BINS),
        ),
    ),
    headline=("brier_score", "f1_weighted", "auroc"),
    order=("auroc",),
    constant="class_shares",
    finest="accuracy",
)
"""Classes without an order, such as emotions: predictions are a probability for each."""

ORDERED_CLASSES = replace(
    CLASSES,
    name="ordered_classes",
    metrics=(
        *CLASSES.metrics,
        Metric(
            name="ordered_pair_accuracy",
            title="Ordered pairs",
            better="higher",
            description="Share of the pairs of different classes that the expected places (the sum of number times probability over "
            "the classes) order alike; a tie counts half.",
            unit="share",
            formula=class_formulas.ordered_pair_accuracy,
            needs=(Need.VARYING_TRUTH,),
            in_words="ordered-pair accuracy",
            shared_out=True,
        ),
    ),
)
"""Classes with an order, such as negative, neutral, positive: as `CLASSES`, and the order of segments."""
