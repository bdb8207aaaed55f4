"""Predictions of trained checkpoints, with all modalities or only some."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from scipy.special import expit

from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.grcf.batches import SplitTensors
from pipeline.grcf.training import check_columns, restore, score_split

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
        network, curve = restore(checkpoint, device=device)
        output = curve(score_split(network, tensors, kept=kept))
        rows.append(expit(output) if checkpoint.link == "logistic" else output)
    return np.stack(rows)


def modality_subsets(split: AlignedSplit) -> dict[str, frozenset[Modality]]:
    """What the modality table shows: everything, each present modality left out, each one alone, and nothing."""
    present = frozenset(modality for modality in MODALITIES if split.valid[modality].any())
    subsets = {"all": ALL}
    if len(present) > 1:
        subsets |= {f"without {modality}": ALL - {modality} for modality in MODALITIES if modality in present}
        subsets |= {
            f"only {modality}": frozenset({modality}) for modality in MODALITIES if modality in present
        }
    return subsets | {"nothing": frozenset()}
