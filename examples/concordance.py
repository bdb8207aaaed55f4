"""A metric: Lin's concordance correlation coefficient, by which dimensional emotion recognition is mostly measured.

`dvc exp run -S 'evaluate.metrics=[concordance.py:concordance]'`

Unlike Pearson's r it falls where predictions have another mean or spread than the labels. Lin, "A Concordance Correlation
Coefficient to Evaluate Reproducibility", Biometrics 45 (1989), with variances over n.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.own_metrics import OwnMetric


def _concordance(label: NDArray[np.float64], prediction: NDArray[np.float64]) -> float:
    """2 cov / (var y + var ŷ + (mean y − mean ŷ)²), in [-1, 1].

    Args:
        label: one label per segment.
        prediction: one prediction per segment, in label units.

    Returns:
        the coefficient; NaN where labels and predictions are one and the same constant.
    """
    covariance = np.mean((label - label.mean()) * (prediction - prediction.mean()))
    spread = label.var() + prediction.var() + (label.mean() - prediction.mean()) ** 2
    return float(2 * covariance / spread) if spread > 0 else float("nan")


concordance = OwnMetric(
    function=_concordance,
    better="higher",
    title="CCC",
    description="Concordance correlation coefficient: agreement in order, mean and spread; 1 where all predictions are the labels.",
)
