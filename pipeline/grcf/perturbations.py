"""What else may be wrong with a split that models are tested on, and a record of what was."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.masks import WordMasks
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.grcf.scoring import word_draws


def mask_table(split: AlignedSplit, *, rates: Sequence[float], seeds: Sequence[int]) -> WordMasks:
    """What `without_words` hides of a split at each rate, for each seed.

    Args:
        split: whose words.
        rates: chances of a word to be hidden, rising, at most 255 of them.
        seeds: of the draws.
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


def with_noise(
    split: AlignedSplit, *, modalities: frozenset[Modality], scale: float, seed: int
) -> AlignedSplit:
    """The split with Gaussian noise on every feature of every valid word of some modalities.

    The features are in units of their standard deviation over train, and so is the noise, so that it disturbs a loud and a
    faint feature alike. As the noise of MultiBench (Liang et al., 2021) is meant, which its code adds once per segment
    instead of once per row. The noise of a seed is the same at every scale but for its size, and whatever else is noisy.

    Args:
        split: what would be shown, normalised.
        modalities: whose features are noisy.
        scale: standard deviation of the noise, in those of train.
        seed: of the noise.
    """
    features = dict(split.features)
    for position, modality in enumerate(MODALITIES):
        if modality in modalities:
            # A third number, so that the noise has nothing to do with the draws of missing words.
            noise = np.random.default_rng((seed, position, 1)).standard_normal(
                split.features[modality].shape, np.float32
            )
            noise *= np.float32(scale)
            noise[~split.valid[modality]] = 0
            noise += split.features[modality]
            features[modality] = noise
    return replace(split, features=features)
