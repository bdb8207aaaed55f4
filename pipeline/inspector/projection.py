"""Principal components of representations that several seeds have learnt, each with axes of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64


@dataclass(frozen=True, eq=False)
class Projection:
    """Segments on a plane.

    Attributes:
        places: coordinates of each segment along the first and the second component; the farthest is 1 from the middle of an axis.
        explained: share of the variance that each of the two holds, 0 to 1; zeros where all vectors are equal.
    """

    places: Float64[np.ndarray, "segment 2"]
    explained: tuple[float, float]


def project(
    by_seed: Iterable[Float[np.ndarray, "segment width"]], labels: Float64[np.ndarray, "segment"]
) -> Projection:
    """The two principal components of the vectors of all seeds, laid end to end.

    Each seed is centred and scaled to a total variance of 1, so that none decides by the size of its numbers. Components have
    no direction of their own: both point to where the labels rise.

    Args:
        by_seed: vectors of each seed, at least one seed.
        labels: labels of the segments; only their order of size matters.
    """
    inner = np.zeros((len(labels), len(labels)))
    for vectors in by_seed:
        centred = vectors.astype(np.float64)
        centred -= centred.mean(axis=0)
        total = float(np.square(centred).sum())
        if total > 0:
            inner += centred @ centred.T / total
    # Inner products of the segments have the components of the vectors, however wide those are.
    variance, direction = np.linalg.eigh(inner)
    variance, direction = variance[::-1].clip(min=0.0), direction[:, ::-1]
    places = np.zeros((len(labels), 2))
    n_components = min(2, len(labels))
    places[:, :n_components] = direction[:, :n_components] * np.sqrt(variance[:n_components])
    places *= _signs(places, labels)
    explained = np.zeros(2)
    if variance.sum() > 0:
        explained[:n_components] = variance[:n_components] / variance.sum()
    return Projection(
        places / (np.abs(places).max(initial=0.0) or 1.0), (float(explained[0]), float(explained[1]))
    )


def _signs(
    places: Float64[np.ndarray, "segment 2"], labels: Float64[np.ndarray, "segment"]
) -> Float64[np.ndarray, "2"]:
    """−1 for each axis along which the labels fall; where they do neither, for one whose farthest segment has a negative place."""
    slope = (labels - labels.mean()) @ places
    farthest = places[np.abs(places).argmax(axis=0), [0, 1]]
    return np.where(np.where(slope != 0, slope, farthest) < 0, -1.0, 1.0)
