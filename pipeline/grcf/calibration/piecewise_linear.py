"""The calibration curve of a regression: piecewise linear, with the least mean absolute error."""

import numpy as np
from jaxtyping import Float

from pipeline.errors import PipelineError
from pipeline.grcf.network.curve import MIN_SLOPE, Curve

# Segments of a program that is solved as it stands, which takes about a second.
_SOLVED_WHOLE = 4000
_LEAST_UNIT = 2.0**-14


def fit_curve(
    score: Float[np.ndarray, "segment"], label: Float[np.ndarray, "segment"], *, n_knots: int
) -> Curve:
    """The increasing curve with the least mean absolute error, found exactly by linear programming.

    The time of a program grows faster than its segments. So those of many segments are solved by the reduction of Portnoy & Koenker (1997,
    "The Gaussian hare and the Laplacian tortoise", Statistical Science 12), which is as exact. Segments far from the curve of a sample
    are replaced by their mean with their number as weight: one for those above the curve, one for those below. By the triangle inequality
    no curve has a greater error in the reduced program than in the whole one. The best curve of the reduced program
    has the same error in both if it leaves all of these segments on their sides, so no curve is better in the whole one. If it does not,
    fewer segments are replaced.

    Args:
        score: scores, any scale.
        label: labels in label units.
        n_knots: number of bends inside the range of the scores, at their quantiles; 0 gives one slope and an offset.

    Returns:
        The curve; where several have the least error, one of them, always the same.

    Raises:
        PipelineError: no segments, a score that is not finite, or scores so large that no curve can be computed.
    """
    score, label = np.asarray(score, np.float64), np.asarray(label, np.float64)
    require_finite(score)
    knots = np.unique(np.quantile(score, np.linspace(0, 1, n_knots + 2)[1:-1])) if n_knots else np.zeros(0)
    design = np.column_stack([np.ones(len(score)), score, np.maximum(score[:, None] - knots, 0)])
    unit = _unit(label)
    solution = _solve(design, label / unit) * unit
    return Curve(float(solution[0]), float(solution[1]), knots, solution[2:])


def _unit(label: Float[np.ndarray, "segment"]) -> float:
    """A power of two, by which labels can be divided exactly, so that they span some six units: 1 for those from −3 to 3.

    The least slope and the tolerances of the solver are numbers of such labels. Labels that are all but equal are not spread, or
    the order of predictions would be lost in rounding.
    """
    span = float(np.ptp(label))
    return max(2.0 ** round(np.log2(span / 6)), _LEAST_UNIT) if span > 0 else 1.0


def _solve(
    design: Float[np.ndarray, "segment column"], label: Float[np.ndarray, "segment"]
) -> Float[np.ndarray, "column"]:
    """What `_program` gives, by programs of some √n of the n segments."""
    n = len(label)
    if n <= _SOLVED_WHOLE:
        return _program(design, label)
    every_fourth = np.argsort(design[:, 1], kind="stable")[::4]
    residual = label - design @ _solve(design[every_fourth], label[every_fourth])
    # The further a score is from the others, the less certain is the curve of a sample: the square root of its leverage.
    uncertainty = np.linalg.norm(np.linalg.qr(design).Q, axis=1)
    nearest = np.argsort(np.abs(residual) / uncertainty, kind="stable")
    is_above = residual > 0
    n_near = max(_SOLVED_WHOLE // 2, round(8 * np.sqrt(n)))
    while True:
        near, far = nearest[:n_near], nearest[n_near:]
        sums = [there for there in (far[is_above[far]], far[~is_above[far]]) if len(there)]
        solution = _program(
            np.concatenate([design[near], *(design[there].mean(axis=0, keepdims=True) for there in sums)]),
            np.concatenate([label[near], *(label[there].mean(keepdims=True) for there in sums)]),
            np.concatenate([np.ones(len(near)), [float(len(there)) for there in sums]]),
        )
        residual = label[far] - design[far] @ solution
        if not np.where(is_above[far], residual < 0, residual > 0).any():
            return solution
        n_near *= 2


def _program(
    design: Float[np.ndarray, "row column"],
    label: Float[np.ndarray, "row"],
    weight: Float[np.ndarray, "row"] | None = None,
) -> Float[np.ndarray, "column"]:
    """Offset, slope and bends of the least sum of absolute errors, of which no slope is below `MIN_SLOPE`.

    Args:
        design: one, score, and score beyond each knot.
        label: labels in label units.
        weight: weights of the errors; None weighs all alike.
    """
    # Inside, because they take a quarter as long to import as torch, and the baseline needs them only with a calibration.
    from scipy import sparse
    from scipy.optimize import linprog

    n, n_columns = design.shape
    # Minimise the sum of e subject to |design · x − label| <= e and every slope, a running sum of bends, >= MIN_SLOPE.
    cost = np.concatenate([np.zeros(n_columns), np.ones(n) if weight is None else weight])
    slopes = np.column_stack([np.zeros(n_columns - 1), -np.tri(n_columns - 1)])
    constraint = sparse.bmat(
        [[design, -sparse.identity(n)], [-design, -sparse.identity(n)], [slopes, None]], format="csr"
    )
    bound = np.concatenate([label, -label, np.full(n_columns - 1, -MIN_SLOPE)])
    bounds = [(None, None)] * n_columns + [(0, None)] * n
    found = linprog(cost, A_ub=constraint, b_ub=bound, bounds=bounds, method="highs")
    if found.x is None:
        raise PipelineError(
            f"no calibration curve could be fitted to scores from {design[:, 1].min():.3g} to {design[:, 1].max():.3g}, which is too far "
            "from the labels; the training that gave them went astray: lower its learning rate or training.weight_decay"
        )
    return np.asarray(found.x[:n_columns])


def require_finite(score: Float[np.ndarray, "segment *class"]) -> None:
    """Refuse scores to which no curve can be fitted.

    Raises:
        PipelineError: no segments, or a score that is not finite.
    """
    if len(score) == 0 or not np.isfinite(score).all():
        raise PipelineError(
            f"a calibration curve needs finite scores, found {len(score)} of which {int((~np.isfinite(score)).sum())} are not"
        )
