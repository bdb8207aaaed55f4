"""The scaler that is fitted on train, and rows that go through it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from pipeline.artifacts.corpus.sequences import Modality


def is_usable(mean: Float32[np.ndarray, "column"], std: Float32[np.ndarray, "column"]) -> bool:
    """Whether features could be scaled by these: all are finite, and the deviations above 0."""
    return bool(np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all())


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Mean and standard deviation of each feature over the valid words of the train split, per modality."""

    mean: Mapping[Modality, Float32[np.ndarray, "_"]]
    std: Mapping[Modality, Float32[np.ndarray, "_"]]

    @property
    def unlearnt(self) -> frozenset[Modality]:
        """Modalities of which no word of train had anything, so that the weights for them are chance: mean 0 and deviation 1.

        Sub-tokens of an encoder that learns have no columns, so nothing is said of them.
        """
        return frozenset(
            modality
            for modality, mean in self.mean.items()
            if len(mean) and not mean.any() and bool((self.std[modality] == 1).all())
        )

    def apply(
        self,
        modality: Modality,
        rows: Float32[np.ndarray, "word dim"],
        valid: Bool[np.ndarray, "word"],
        *,
        out: Float32[np.ndarray, "word dim"] | None = None,
    ) -> Float32[np.ndarray, "word dim"]:
        """Valid rows to zero mean and unit variance (of train), and zeros in the others.

        Args:
            modality: what the rows are of.
            rows: rows as they were aligned.
            valid: which of them are real.
            out: where to put the result, which may be `rows`; None for a new array.
        """
        scaled: Float32[np.ndarray, "word dim"] = np.subtract(rows, self.mean[modality], out=out)
        scaled /= self.std[modality]
        scaled[~valid] = 0
        return scaled
