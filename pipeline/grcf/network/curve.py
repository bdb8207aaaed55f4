"""The calibration curve of stage 2: from scores to label units or logits without touching their order."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# The order survives only under a slope above zero; this one is far below any that a useful model needs, of logits or of labels
# that span six units.
MIN_SLOPE = 1e-3


@dataclass(frozen=True, eq=False)
class Curve:
    """A strictly increasing piecewise linear function: offset + slope · s, with `bends[k]` added beyond `knots[k]`.

    Offset in label units; slope and bends in label units per score unit; knots in score units, increasing. Where labels are
    classes, offset and slope have a number for each class, and so has the last axis of scores; there are no knots then.
    """

    offset: float | Float[np.ndarray, "class"]
    slope: float | Float[np.ndarray, "class"]
    knots: Float[np.ndarray, "knot"]
    bends: Float[np.ndarray, "knot"]

    def __call__(self, score: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Predictions in label units, or logits."""
        score = np.asarray(score, np.float64)
        beyond = np.maximum(score[..., None] - self.knots, 0) @ self.bends
        return np.asarray(self.offset + self.slope * score + beyond)


IDENTITY = Curve(0.0, 1.0, np.zeros(0), np.zeros(0))
