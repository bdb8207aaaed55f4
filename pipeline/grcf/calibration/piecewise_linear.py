"""The calibration curve of a regression: piecewise linear, with the least mean absolute error."""

import numpy as np
from jaxtyping import Float

from pipeline.errors import PipelineError
from pipeline.grcf.network.curve import MIN_SLOPE, Curve


def fit_curve(
    score: Float[np.ndarray, "segment"], label: Float[np.ndarray, "segment"], *, n_knots: int
) -> Curve:
    """The increasing curve with the least mean absolute error, found exactly by linear programming.

    Args:
        score: scores, any scale.
        label: labels in label units.
        n_knots: number of bends inside the range of the scores, at their quantiles; 0 gives one slope and an offset.

    Raises:
        PipelineError: no segments, or a score that is not finite.
    """
    # Inside, because they take a quarter as long to import as torch, and the baseline needs them only with a calibration.
    from scipy import sparse
    from scipy.optimize import linprog

    score, label = np.asarray(score, np.float64), np.asarray(label, np.float64)
    require_finite(score)
    knots = np.unique(np.quantile(score, np.linspace(0, 1, n_knots + 2)[1:-1])) if n_knots else np.zeros(0)
    n, k = len(score), len(knots)
    design = np.column_stack([np.ones(n), score, np.maximum(score[:, None] - knots, 0)])
    # Minimise the sum of e subject to |design · x − label| <= e and every slope, a running sum of bends, >= MIN_SLOPE.
    cost = np.concatenate([np.zeros(k + 2), np.ones(n)])
    slopes = np.column_stack([np.zeros(k + 1), -np.tri(k + 1)])
    constraint = sparse.bmat(
        [[design, -sparse.identity(n)], [-design, -sparse.identity(n)], [slopes, None]], format="csr"
    )
    bound = np.concatenate([label, -label, np.full(k + 1, -MIN_SLOPE)])
    bounds = [(None, None)] * (k + 2) + [(0, None)] * n
    solution = linprog(cost, A_ub=constraint, b_ub=bound, bounds=bounds, method="highs").x
    return Curve(float(solution[0]), float(solution[1]), knots, solution[2 : k + 2])


def require_finite(score: Float[np.ndarray, "segment *class"]) -> None:
    """Refuse scores to which no curve can be fitted.

    Raises:
        PipelineError: no segments, or a score that is not finite.
    """
    if len(score) == 0 or not np.isfinite(score).all():
        raise PipelineError(
            f"a calibration curve needs finite scores, found {len(score)} of which {int((~np.isfinite(score)).sum())} are not"
        )
