"""Predictions of trained checkpoints, with all modalities or only some, and with words missing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float64
from scipy.special import expit
from torch import Tensor

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.artifacts.tokens import TokenizedText
from pipeline.grcf.fit.loop import check_columns, restore, score_split
from pipeline.grcf.network.batches import SplitTensors

ALL = frozenset(MODALITIES)


def predict(
    checkpoints: Sequence[Checkpoint],
    split: AlignedSplit,
    *,
    kept: frozenset[Modality] = ALL,
    device: str,
) -> Float64[np.ndarray, "seed segment"]:
    """Predictions in label units or as probabilities of label 1 (scores, after stage 1), a row a checkpoint.

    Args:
        checkpoints: trained models.
        split: what they are asked about.
        kept: modalities that are shown; the others are masked, without training again.
        device: where the networks run.

    Raises:
        PipelineError: a checkpoint was trained on other features.
    """
    tensors = SplitTensors(split, device=device)
    rows = []
    for checkpoint in checkpoints:
        check_columns(checkpoint, split)
        network, curve = restore(checkpoint, device=device, with_encoder=False)
        shown = (
            tensors if split.tokens is None else tensors.with_text(_read(checkpoint, split.tokens, device))
        )
        output = curve(score_split(network, shown, kept=kept))
        rows.append(expit(output) if checkpoint.link == "logistic" else output)
    return np.stack(rows)


# The same words are asked about many times with other rows hidden, by seeds in turn.
@lru_cache(maxsize=16)
def _read(checkpoint: Checkpoint, tokens: TokenizedText, device: str) -> Float[Tensor, "word dim"]:
    """The word vectors of a checkpoint whose text encoder learnt; hidden words have theirs, as in training."""
    encoder = restore(checkpoint, device=device)[0].word_encoder
    assert encoder is not None, "check_columns refuses tokens without an encoder"
    return encoder.read_all(tokens)


def present_modalities(split: AlignedSplit) -> frozenset[Modality]:
    """Those of which a segment has a valid word."""
    return frozenset(modality for modality in MODALITIES if split.valid[modality].any())


def modality_subsets(split: AlignedSplit) -> dict[str, frozenset[Modality]]:
    """What the modality table shows: everything, each present modality left out, each one alone, and nothing."""
    present = present_modalities(split)
    subsets = {"all": ALL}
    if len(present) > 1:
        subsets |= {f"without {modality}": ALL - {modality} for modality in MODALITIES if modality in present}
        subsets |= {
            f"only {modality}": frozenset({modality}) for modality in MODALITIES if modality in present
        }
    return subsets | {"nothing": frozenset()}


def without_words(
    split: AlignedSplit, *, modalities: frozenset[Modality], rate: float, seed: int
) -> AlignedSplit:
    """The split as if each word of some modalities had been lost with probability `rate`, each on its own.

    As the evaluation of LNLN (Zhang et al., 2024) and of TFR-Net, but without words that are spared, so that the rate
    is what it says. The draws of a seed are the same at every rate and whatever else is lost: what is missing at a low
    rate is missing at a higher one too, and no segment is left out, also where nothing of it remains.

    Args:
        split: what would be shown.
        modalities: whose words are lost.
        rate: chance of each, 0 to 1.
        seed: of the draws.
    """
    draws = word_draws(split, seed=seed)
    valid = {
        modality: split.valid[modality] & (draws[modality] >= rate)
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


def word_draws(split: AlignedSplit, *, seed: int) -> dict[Modality, Float64[np.ndarray, "word"]]:
    """A number in [0, 1) for each word and modality: it is hidden at every rate above."""
    return {
        modality: np.random.default_rng((seed, position)).random(len(split.valid[modality]))
        for position, modality in enumerate(MODALITIES)
    }


def missing_kinds(split: AlignedSplit) -> dict[str, frozenset[Modality]]:
    """Whose words may be missing: of each modality that is present, and of all of them at once."""
    present = [modality for modality in MODALITIES if split.valid[modality].any()]
    kinds = {str(modality): frozenset({modality}) for modality in present} if len(present) > 1 else {}
    return kinds | {"all": ALL}
