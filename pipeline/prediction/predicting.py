"""From one observed segment to a prediction, and to what each word and each modality does to it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64

from pipeline.align.splits import align_segment, assemble_split, normalise
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.words import Word
from pipeline.errors import PipelineError
from pipeline.grcf.scoring import ALL
from pipeline.prediction.observed import Observed
from pipeline.prediction.trained import TrainedModel

# Hiding each word in turn multiplies the rows by the number of words; so many at once fit into any memory.
_ROWS_AT_ONCE = 20_000
# Kernels that multiply a few rows sum in another order than those for many. Among copies of itself a segment gets the bits
# that it gets in a whole split.
_N_COPIES = 32


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one segment, in label units, or as a probability of the label 1 or of the most probable class.

    Attributes:
        observed: the segment with all that was extracted from it.
        seeds: seeds of the models.
        by_seed: prediction of each model.
        nothing: mean prediction with everything hidden; contributions do not add up to the distance from it.
        words: words that count, from the start of the segment.
        contribution: contribution of each word: the prediction minus that with the word's rows of all modalities hidden; mean
            over the seeds.
        contribution_sd: standard deviation of each contribution over the seeds, zeros for one seed.
        contribution_by_modality: contribution of each word in one modality alone, by modality: the prediction minus that with
            the word's row of this modality hidden and those of the others left; mean over the seeds, 0 where the word has no row.
            Modalities that were absent are left out.
        valid: whether each word had a row, by modality. One slot for the whole segment where there are no words.
        modality: contribution of each modality, hidden as a whole; None for one that was absent.
        probabilities: probability of each class by each model; None where labels are no classes.
    """

    observed: Observed
    seeds: tuple[int, ...]
    by_seed: Float64[np.ndarray, "seed"]
    nothing: float
    words: tuple[Word, ...]
    contribution: Float64[np.ndarray, "word"]
    contribution_sd: Float64[np.ndarray, "word"]
    contribution_by_modality: Mapping[Modality, Float64[np.ndarray, "word"]]
    valid: Mapping[Modality, Bool[np.ndarray, "slot"]]
    modality: Mapping[Modality, float | None]
    probabilities: Float64[np.ndarray, "seed class"] | None = None

    @property
    def chosen(self) -> int:
        """Number of the most probable class by the mean over seeds; 0 where labels are no classes."""
        return 0 if self.probabilities is None else int(self.probabilities.mean(axis=0).argmax())

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(self.by_seed.mean())

    @property
    def sd(self) -> float | None:
        """Standard deviation over the seeds, None for one seed."""
        return float(self.by_seed.std(ddof=1)) if len(self.by_seed) > 1 else None


def predict_observed(model: TrainedModel, observed: Observed) -> Prediction:
    """Align, normalise and predict one segment with every seed.

    Raises:
        PipelineError: nothing of the segment reaches the model: no word, no sound, no face.
    """
    split = _aligned(model, observed)
    copies = _copies(split, _N_COPIES)

    whole = model.scorer.predict(copies)[:, 0]
    # Of classes, everything else is about the probability of the one that is most probable.
    chosen = int(whole.mean(axis=0).argmax()) if model.classes else None

    def predicted(*hidden: Modality) -> Float64[np.ndarray, "seed"]:
        return _of_class(model.scorer.predict(copies, hidden=frozenset(hidden))[:, 0], chosen)

    by_seed = _of_class(whole, chosen)
    present = split.modalities
    if not present:
        raise PipelineError(
            f"{observed.segment.id}: no word, no sound and no face was found in it, so there is nothing to predict from"
            f"{_reasons(observed)}"
        )
    without = {modality: predicted(modality) for modality in present}
    nothing = float(predicted(*ALL).mean())
    words = observed.spoken.words[: len(split.valid["text"])]
    hidden_in: list[frozenset[Modality]] = [ALL, *(frozenset({modality}) for modality in present)]
    without_word = _without_each_word(model, split, len(words), hidden_in=hidden_in, chosen=chosen)
    effect, *effect_in_one = (by_seed[:, None] - hidden for hidden in without_word)
    several = len(by_seed) > 1
    return Prediction(
        observed=observed,
        seeds=tuple(checkpoint.seed for checkpoint in model.checkpoints),
        by_seed=by_seed,
        nothing=nothing,
        words=words,
        contribution=effect.mean(axis=0),
        contribution_sd=effect.std(axis=0, ddof=1) if several else np.zeros(len(words)),
        contribution_by_modality={
            # A word without a row is the same with the row hidden, but not to the last bit.
            modality: np.where(split.valid[modality][: len(words)], in_one.mean(axis=0), 0.0)
            for modality, in_one in zip(present, effect_in_one, strict=True)
        },
        valid=split.valid,
        modality={
            modality: float((by_seed - without[modality]).mean()) if modality in without else None
            for modality in MODALITIES
        },
        probabilities=whole if model.classes else None,
    )


def _of_class(
    prediction: Float64[np.ndarray, "seed *rest"], number: int | None
) -> Float64[np.ndarray, "seed *some"]:
    """The probabilities of one class; predictions as they are where labels are no classes."""
    return prediction if number is None else prediction[..., number]


def _reasons(observed: Observed) -> str:
    if observed.segment.media is None:
        return ""
    reasons = []
    empty: tuple[tuple[Modality, str], ...] = (
        ("audio", "its sound is silent"),
        ("visual", "no face in {} pictures"),
    )
    for modality, silent in empty:
        sequence, lacking = observed.sequences[modality], observed.lacking(modality)
        if lacking is not None:
            reasons.append(f"it has {lacking}")
        elif sequence.failure is not None:
            reasons.append(sequence.failure)
        elif len(sequence.valid):
            reasons.append(silent.format(len(sequence.valid)))
    return f" ({'; '.join(reasons)})" if reasons else ""


def _aligned(model: TrainedModel, observed: Observed) -> AlignedSplit:
    """The segment as a split of its own, by the functions and numbers of stage `align`."""
    preprocessing, segment = model.preprocessing, observed.segment
    columns = {modality: tuple(preprocessing.columns[modality]) for modality in MODALITIES}
    for modality in MODALITIES:
        sequence = observed.sequences[modality]
        n_columns = sequence.values.shape[1] if sequence.tokens is None else len(columns[modality])
        if n_columns != len(columns[modality]):
            raise PipelineError(
                f"{model.folder}: was trained on {len(columns[modality])} {modality} columns, but this version of the code "
                f"extracts {n_columns}; predict with the version that trained it, or run `dvc repro`"
            )
    aligned = align_segment(segment, observed.spoken, observed.sequences, **preprocessing.align)
    split = assemble_split(segment.split, [segment], [aligned], columns)
    return normalise(split, preprocessing.normalisation)


def _without_each_word(
    model: TrainedModel,
    split: AlignedSplit,
    n_words: int,
    *,
    hidden_in: Sequence[Set[Modality]],
    chosen: int | None,
) -> list[Float64[np.ndarray, "seed word"]]:
    """Predictions for the one segment of `split` with each of its words hidden in turn, in some modalities each time."""
    at_once = max(_ROWS_AT_ONCE // max(n_words, 1), 1)
    parts = [[np.zeros((len(model.checkpoints), 0))] for _ in hidden_in]
    for first in range(0, n_words, at_once):
        hidden = np.arange(first, min(first + at_once, n_words))
        visible = (np.arange(n_words) != hidden[:, None]).reshape(-1)
        # The same copies for all: a text encoder that learnt reads their words once.
        copies = _copies(split, len(hidden))
        for found, modalities in zip(parts, hidden_in, strict=True):
            valid = {m: rows & visible if m in modalities else rows for m, rows in copies.valid.items()}
            found.append(_of_class(model.scorer.predict(replace(copies, valid=valid)), chosen))
    return [np.concatenate(found, axis=1) for found in parts]


def _copies(split: AlignedSplit, n_copies: int) -> AlignedSplit:
    """The one segment of `split` so many times."""
    copies = split.select(np.zeros(n_copies, np.int64))
    return replace(copies, ids=tuple(f"{id_} {copy}" for copy, id_ in enumerate(copies.ids)))
