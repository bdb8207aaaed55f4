"""Trained models at work: restored once, then asked for predictions as often as needed, with all modalities or only some."""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice, starmap

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy.special import expit, softmax
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.tokens import TokenizedText
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import (
    SCORING_BATCH,
    check_columns,
    represent_split,
    restore,
    score_split,
)
from pipeline.grcf.perturbations import Perturbation, end_to_end

ALL = frozenset(MODALITIES)

# Of the features of copies that are predicted in one pass, and of a piece that is perturbed by itself: 64 MiB.
_NUMBERS_AT_ONCE = 1 << 24


class Scorer:
    """The models of several seeds, restored from their checkpoints.

    Attributes:
        seeds: seed of each model, in the order of the rows that `predict` gives.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint], *, device: str) -> None:
        """Restore the models.

        Args:
            checkpoints: trained models, one per seed.
            device: device on which the networks run.

        Raises:
            PipelineError: the tensors of a checkpoint do not fit its header.
        """
        self.seeds = tuple(checkpoint.seed for checkpoint in checkpoints)
        self._device = device
        self._models = [_Restored(checkpoint, device=device) for checkpoint in checkpoints]

    def predict(
        self,
        split: AlignedSplit,
        *,
        hidden: Set[Modality] = frozenset(),
        seeds: Sequence[int] | None = None,
    ) -> Float64[np.ndarray, "seed segment *class"]:
        """Predictions in label units, or as probabilities of label 1 or of each class (scores, after stage 1), one row per seed.

        Args:
            split: the segments to predict.
            hidden: modalities that are masked, without training again.
            seeds: seeds of the models that predict; None for all.

        Raises:
            PipelineError: a model was trained on other features.
        """
        tensors = SplitTensors(split, device=self._device)
        asked = self._models if seeds is None else [self._models[self.seeds.index(seed)] for seed in seeds]
        return np.stack([model.predict(split, tensors, hidden) for model in asked])

    def represent(self, split: AlignedSplit) -> Float32[np.ndarray, "seed segment width"]:
        """The fused representations, of which the scores are linear functions; directions mean nothing from seed to seed.

        Raises:
            PipelineError: a model was trained on other features.
        """
        tensors = SplitTensors(split, device=self._device)
        return np.stack([model.represent(split, tensors) for model in self._models])


def predict_perturbed(
    scorers: Mapping[str, Scorer],
    split: AlignedSplit,
    perturbation: Perturbation,
    *,
    modalities: frozenset[Modality],
    levels: Sequence[float],
    seed: int,
    clean: Mapping[str, Float64[np.ndarray, "segment *class"]],
) -> dict[str, Float64[np.ndarray, "level segment *class"]]:
    """What the models of one seed predict of a split that is perturbed more and more.

    A small split is predicted at several levels in one pass, which takes the time of its calls and not of its arithmetic. A
    large one is perturbed and predicted a piece at a time, so that its size makes no difference to memory; at a level of 0,
    which changes nothing, its predictions are those of the split as it is, to the bit.

    Args:
        scorers: the models that are asked, by name.
        split: the split as it is.
        perturbation: what makes it worse.
        modalities: the modalities that are perturbed.
        levels: how much, at least one.
        seed: seed of the model of each scorer, and of the perturbation.
        clean: what these models predict of the split as it is, by name.
    """
    by_piece: dict[str, list[Float64[np.ndarray, "level segment *class"]]] = {name: [] for name in scorers}
    pieces = _pieces(split)
    is_known = np.array([len(pieces) > 1 and level == 0 for level in levels])
    if is_known.all():
        return {name: np.stack([rows] * len(levels)) for name, rows in clean.items()}
    asked = [level for level, known in zip(levels, is_known, strict=True) if not known]
    for copies in perturbation.by_piece(
        starmap(split.stretch, pieces) if len(pieces) > 1 else [split],
        modalities=modalities,
        levels=asked,
        seed=seed,
    ):
        for name, predictions in _predict_copies(scorers, copies, seed=seed).items():
            by_piece[name].append(predictions)
    by_level = {name: np.empty((len(levels), *rows.shape)) for name, rows in clean.items()}
    for name, rows in by_level.items():
        rows[~is_known] = np.concatenate(by_piece[name], axis=1)
        rows[is_known] = clean[name]
    return by_level


def _pieces(split: AlignedSplit) -> list[tuple[int, int]]:
    """Ends of the stretches of a split that are perturbed by themselves; whole batches, so that every batch is as in the whole.

    A text encoder that learnt keeps the word vectors of the tokens that it read last, so a split with tokens is one piece.
    """
    n_batches = math.ceil(len(split) / SCORING_BATCH)
    n_numbers_of_batch = _n_numbers(split) // max(n_batches, 1)
    if split.tokens is not None or n_numbers_of_batch * n_batches <= _NUMBERS_AT_ONCE:
        return [(0, len(split))]
    n_segments = SCORING_BATCH * max(1, _NUMBERS_AT_ONCE // n_numbers_of_batch)
    return [(start, start + n_segments) for start in range(0, len(split), n_segments)]


def _predict_copies(
    scorers: Mapping[str, Scorer], copies: Iterator[AlignedSplit], *, seed: int
) -> dict[str, Float64[np.ndarray, "copy segment *class"]]:
    found: dict[str, list[Float64[np.ndarray, "copy segment *class"]]] = {name: [] for name in scorers}
    for together in _passes(copies):
        split = together[0] if len(together) == 1 else end_to_end(together)
        for name, scorer in scorers.items():
            (row,) = scorer.predict(split, seeds=[seed])
            found[name].append(row.reshape(len(together), -1, *row.shape[1:]))
    return {name: np.concatenate(rows) for name, rows in found.items()}


def _passes(copies: Iterator[AlignedSplit]) -> Iterator[list[AlignedSplit]]:
    for first in copies:
        at_once = 1 if first.tokens is not None else max(1, _NUMBERS_AT_ONCE // max(_n_numbers(first), 1))
        yield [first, *islice(copies, at_once - 1)]


def _n_numbers(split: AlignedSplit) -> int:
    return sum(rows.size for rows in split.features.values())


class _Restored:
    """One model. Of a text encoder that learnt it keeps the word vectors that were read last, not the weights.

    Encoders are large and there is one per seed; the same words are asked about many times with other rows hidden.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str) -> None:
        self._checkpoint, self._device = checkpoint, device
        self._network, self._calibration = restore(checkpoint, device=device, with_encoder=False)
        self._read: tuple[TokenizedText, Float[Tensor, "word dim"]] | None = None

    def predict(
        self, split: AlignedSplit, tensors: SplitTensors, hidden: Set[Modality]
    ) -> Float64[np.ndarray, "segment *class"]:
        readable = self._readable(split, tensors)
        output = self._calibration(score_split(self._network, readable, hidden=hidden))
        if self._checkpoint.link == "softmax":
            return np.asarray(softmax(output, axis=-1))
        return np.asarray(expit(output)) if self._checkpoint.link == "logistic" else output

    def represent(self, split: AlignedSplit, tensors: SplitTensors) -> Float32[np.ndarray, "segment width"]:
        return represent_split(self._network, self._readable(split, tensors))

    def _readable(self, split: AlignedSplit, tensors: SplitTensors) -> SplitTensors:
        """The tensors as the network takes them: with word vectors where there are tokens."""
        check_columns(self._checkpoint, split)
        return tensors if split.tokens is None else tensors.with_text(self._vectors(split.tokens))

    def _vectors(self, tokens: TokenizedText) -> Float[Tensor, "word dim"]:
        """The word vectors of the text encoder; hidden words have theirs, as in training."""
        if self._read is None or self._read[0] is not tokens:
            encoder = restore(self._checkpoint, device=self._device)[0].word_encoder
            assert encoder is not None, "check_columns refuses tokens without an encoder"
            self._read = tokens, encoder.read_all(tokens)
        return self._read[1]


def predict(
    checkpoints: Sequence[Checkpoint],
    split: AlignedSplit,
    *,
    hidden: Set[Modality] = frozenset(),
    device: str,
) -> Float64[np.ndarray, "seed segment *class"]:
    """Predict one split once; see `Scorer` for models that are asked more often."""
    return Scorer(checkpoints, device=device).predict(split, hidden=hidden)


def hidden_subsets(split: AlignedSplit) -> dict[str, frozenset[Modality]]:
    """The modalities that are hidden in each row of the modality table.

    The rows: everything is visible, each present modality is left out, each one stands alone, and nothing is visible.
    """
    present = split.modalities
    subsets: dict[str, frozenset[Modality]] = {"all": frozenset()}
    if len(present) > 1:
        subsets |= {f"without {modality}": frozenset({modality}) for modality in present}
        subsets |= {f"only {modality}": ALL - {modality} for modality in present}
    return subsets | {"nothing": ALL}
