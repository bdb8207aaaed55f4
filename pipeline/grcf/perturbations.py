"""Perturbations of a split that models are tested on: missing words and noise; and a record of the words that were missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float32, Float64

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.evaluated.masks import WordMasks


@dataclass(frozen=True)
class Perturbation:
    """Something that makes a split worse by a level.

    Attributes:
        generator: what the random numbers of a modality come from, by the seed and the number of the modality.
        draw: random numbers for the words of a modality. It must draw for two pieces in turn what it draws for both together.
        apply: a perturbed copy of a split, by the numbers that were drawn for some of its modalities and the level; 0 changes nothing.
    """

    generator: Callable[[int, int], np.random.Generator]
    draw: Callable[[np.random.Generator, AlignedSplit, Modality], np.ndarray]
    apply: Callable[[AlignedSplit, Mapping[Modality, np.ndarray], float], AlignedSplit]

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
        (copies,) = self.by_piece([split], modalities=modalities, levels=[level], seed=seed)
        (perturbed,) = copies
        return perturbed

    def by_piece(
        self,
        pieces: Iterable[AlignedSplit],
        *,
        modalities: frozenset[Modality],
        levels: Sequence[float],
        seed: int,
    ) -> Iterator[Iterator[AlignedSplit]]:
        """The copies of each piece of a split at all levels; pieces make no difference to what is drawn.

        Args:
            pieces: stretches of one split that follow one another, from its first segment on.
            modalities: the modalities that are perturbed.
            levels: how much.
            seed: seed of everything random.
        """
        rngs = {
            modality: self.generator(seed, position)
            for position, modality in enumerate(MODALITIES)
            if modality in modalities
        }
        for piece in pieces:
            drawn = {modality: self.draw(rng, piece, modality) for modality, rng in rngs.items()}
            yield map(partial(self.apply, piece, drawn), levels)


def perturbed_modalities(split: AlignedSplit) -> dict[str, frozenset[Modality]]:
    """Which modalities are perturbed in turn, by name: each that is present, and all of them at once."""
    present = split.modalities
    alone = {str(modality): frozenset({modality}) for modality in present} if len(present) > 1 else {}
    return alone | {"all": frozenset(MODALITIES)}


def _draw_words(
    rng: np.random.Generator, split: AlignedSplit, modality: Modality
) -> Float64[np.ndarray, "word"]:
    return rng.random(len(split.valid[modality]))


def _lose_words(split: AlignedSplit, drawn: Mapping[Modality, np.ndarray], level: float) -> AlignedSplit:
    valid = {**split.valid} | {
        modality: split.valid[modality] & (draws >= level) for modality, draws in drawn.items()
    }
    features = {**split.features} | {
        modality: np.where(valid[modality][:, None], split.features[modality], np.float32(0))
        for modality in drawn
    }
    return replace(split, valid=valid, features=features)


without_words = Perturbation(
    generator=lambda seed, position: np.random.default_rng((seed, position)),
    draw=_draw_words,
    apply=_lose_words,
)
"""The split as if each word of some modalities had been lost, each by itself, with probability `level`.

As the evaluation of LNLN (Zhang et al., 2024) and of TFR-Net, but without words that are spared, so that the rate is
what it says. The draws of a seed are the same at every level and whatever else is lost: what is missing at a low level
is missing at a higher one too, and no segment is left out, also where nothing of it remains.
"""


def _draw_noise(
    rng: np.random.Generator, split: AlignedSplit, modality: Modality
) -> Float32[np.ndarray, "word _"]:
    return rng.standard_normal(split.features[modality].shape, np.float32)


def _add_noise(split: AlignedSplit, drawn: Mapping[Modality, np.ndarray], level: float) -> AlignedSplit:
    features = {**split.features}
    for modality, draws in drawn.items():
        noise = draws * np.float32(level)
        noise[~split.valid[modality]] = 0
        noise += split.features[modality]
        features[modality] = noise
    return replace(split, features=features)


with_noise = Perturbation(
    # A third number, so that the noise has nothing to do with the draws of missing words.
    generator=lambda seed, position: np.random.default_rng((seed, position, 1)),
    draw=_draw_noise,
    apply=_add_noise,
)
"""The split with Gaussian noise on every feature of every valid word of some modalities.

`level` is the standard deviation of the noise, in standard deviations of each feature over train, so that the noise
perturbs a loud and a faint feature alike. It follows what the noise of MultiBench (Liang et al., 2021) is meant to be;
its code adds the noise once per segment instead of once per row. The noise of a seed is the same at every level but for
its size, and whatever else is noisy.
"""


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
        modality: _draw_words(without_words.generator(seed, position), split, modality)
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
