"""Perturbations of a split that models are tested on: missing words and noise; and a record of the words that were missing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.masks import WordMasks
from pipeline.artifacts.sequences import MODALITIES, Modality


class Perturbation(Protocol):
    """Something that makes a split worse by a level."""

    def __call__(
        self, split: AlignedSplit, *, modalities: frozenset[Modality], level: float, seed: int
    ) -> AlignedSplit:
        """A perturbed copy of the split.

        Args:
            split: the aligned split, normalised.
            modalities: the modalities that are perturbed.
            level: how much; 0 changes nothing.
            seed: seed of everything random.
        """
        ...


def perturbed_modalities(split: AlignedSplit) -> dict[str, frozenset[Modality]]:
    """Which modalities are perturbed in turn, by name: each that is present, and all of them at once."""
    present = [modality for modality in MODALITIES if split.valid[modality].any()]
    alone = {str(modality): frozenset({modality}) for modality in present} if len(present) > 1 else {}
    return alone | {"all": frozenset(MODALITIES)}


def without_words(
    split: AlignedSplit, *, modalities: frozenset[Modality], level: float, seed: int
) -> AlignedSplit:
    """The split as if each word of some modalities had been lost, each by itself, with probability `level`.

    As the evaluation of LNLN (Zhang et al., 2024) and of TFR-Net, but without words that are spared, so that the rate is
    what it says. The draws of a seed are the same at every level and whatever else is lost: what is missing at a low level
    is missing at a higher one too, and no segment is left out, also where nothing of it remains. See `Perturbation` for the
    arguments.
    """
    draws = word_draws(split, seed=seed)
    valid = {
        modality: split.valid[modality] & (draws[modality] >= level)
        if modality in modalities
        else split.valid[modality]
        for modality in MODALITIES
    }
    features = {
        modality: np.where(valid[modality][:, None], split.features[modality], np.float32(0))
        if modality in modalities
        else split.features[modality]
        for modality in MODALITIES
    }
    return replace(split, valid=valid, features=features)


def with_noise(
    split: AlignedSplit, *, modalities: frozenset[Modality], level: float, seed: int
) -> AlignedSplit:
    """The split with Gaussian noise on every feature of every valid word of some modalities.

    `level` is the standard deviation of the noise, in standard deviations of each feature over train, so that the noise
    perturbs a loud and a faint feature alike. It follows what the noise of MultiBench (Liang et al., 2021) is meant to be;
    its code adds the noise once per segment instead of once per row. The noise of a seed is the same at every level but for
    its size, and whatever else is noisy. See `Perturbation` for the arguments.
    """
    features = dict(split.features)
    for position, modality in enumerate(MODALITIES):
        if modality in modalities:
            # A third number, so that the noise has nothing to do with the draws of missing words.
            noise = np.random.default_rng((seed, position, 1)).standard_normal(
                split.features[modality].shape, np.float32
            )
            noise *= np.float32(level)
            noise[~split.valid[modality]] = 0
            noise += split.features[modality]
            features[modality] = noise
    return replace(split, features=features)


def end_to_end(copies: Sequence[AlignedSplit]) -> AlignedSplit:
    """Perturbed copies of one split as one split, one copy after the other, so that a network sees them in one pass.

    Args:
        copies: copies of one split without tokens, at least one.
    """
    first = copies[0]
    n_words = int(first.offsets[-1])
    starts = [copy.offsets[:-1] + number * n_words for number, copy in enumerate(copies)]
    return AlignedSplit(
        split=first.split,
        ids=first.ids * len(copies),
        labels=np.concatenate([copy.labels for copy in copies]),
        offsets=np.concatenate([*starts, [n_words * len(copies)]]),
        features={
            modality: np.concatenate([copy.features[modality] for copy in copies]) for modality in MODALITIES
        },
        valid={
            modality: np.concatenate([copy.valid[modality] for copy in copies]) for modality in MODALITIES
        },
        columns=first.columns,
    )


def word_draws(split: AlignedSplit, *, seed: int) -> dict[Modality, Float64[np.ndarray, "word"]]:
    """A number in [0, 1) for each word and modality: the word is lost at every level above it."""
    return {
        modality: np.random.default_rng((seed, position)).random(len(split.valid[modality]))
        for position, modality in enumerate(MODALITIES)
    }


def mask_table(split: AlignedSplit, *, rates: Sequence[float], seeds: Sequence[int]) -> WordMasks:
    """The words that `without_words` hides of a split at each rate, for each seed.

    Args:
        split: the split whose words are lost.
        rates: probabilities of a word to be lost, rising, at most 255 of them.
        seeds: seeds of the draws.
    """
    return WordMasks(
        split.split,
        split.ids,
        split.offsets,
        tuple(rates),
        {
            seed: {
                # A word is hidden where its draw is below the rate: the first such rate is the next one above the draw.
                modality: np.searchsorted(rates, draws, side="right").astype(np.uint8)
                for modality, draws in word_draws(split, seed=seed).items()
            }
            for seed in seeds
        },
    )
