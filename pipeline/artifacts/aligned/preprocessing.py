"""What a new recording has to go through before a checkpoint may see it: the same as what training saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.aligned.normalisation import Normalisation, is_usable
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.formats.files import read_tensors, tensors_to_bytes, write_bytes
from pipeline.errors import PipelineError

_KIND, _VERSION = "preprocessing", 2
_HEADER = ("language", "words", "extractors", "columns", "align", "train")


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Everything between a file of a recording and a row that a trained network reads.

    Attributes:
        language: the language that most segments of train are in, an ISO 639 code.
        words: `settings` and `libraries` of what found the words, and its `models` where it has any: name, and commit or digest.
        extractors: per modality the header of its features: `settings`, `libraries` and `device`, or `precomputed` with the
            name of the file that they were taken from, which no new recording is in.
        columns: names of the feature columns per modality.
        align: the settings of `align_segment`.
        train: description of the training split, see `describe_train`; beside checkpoints of classes their names, `classes`.
        normalisation: the scaler that was fitted on train.
    """

    language: str
    words: Mapping[str, Any]
    extractors: Mapping[Modality, Mapping[str, Any]]
    columns: Mapping[Modality, list[str]]
    align: Mapping[str, Any]
    train: Mapping[str, Any]
    normalisation: Normalisation


def preprocessing_path(folder: Path) -> Path:
    """Where it lies beside the checkpoints of a stage, so that a copy of their folder is enough to predict."""
    return folder / "preprocessing.safetensors"


def of_classes(preprocessing: Preprocessing, classes: Sequence[str]) -> Preprocessing:
    """The same, knowing the names of the classes that a model tells apart; itself where labels are no classes."""
    if not classes:
        return preprocessing
    return replace(preprocessing, train={**preprocessing.train, "classes": list(classes)})


def of_corpora(preprocessing: Preprocessing, names: Sequence[str] | None) -> Preprocessing:
    """The same, knowing which corpora of a pool a model learnt from; itself where `names` is None, which stands for all."""
    if names is None:
        return preprocessing
    found = preprocessing.train.get("corpora", {})
    return replace(
        preprocessing,
        train={**preprocessing.train, "corpora": {name: n for name, n in found.items() if name in names}},
    )


def write_preprocessing(path: Path, preprocessing: Preprocessing) -> None:
    """Write it as a byte-deterministic safetensors file: a readable header and the scaler."""
    scaler = preprocessing.normalisation
    tensors = {f"{modality}_mean": scaler.mean[modality] for modality in MODALITIES}
    tensors |= {f"{modality}_std": scaler.std[modality] for modality in MODALITIES}
    header = {name: getattr(preprocessing, name) for name in _HEADER}
    write_bytes(path, tensors_to_bytes(tensors, kind=_KIND, version=_VERSION, header=header))


def read_preprocessing(path: Path) -> Preprocessing:
    """Read what `write_preprocessing` wrote; raises PipelineError where it is missing, damaged or of another version."""
    tensors, header = read_tensors(path, kind=_KIND, version=_VERSION)
    _check(tensors, header, path)
    return Preprocessing(
        normalisation=Normalisation(
            mean={modality: tensors[f"{modality}_mean"] for modality in MODALITIES},
            std={modality: tensors[f"{modality}_std"] for modality in MODALITIES},
        ),
        **{name: header[name] for name in _HEADER},
    )


def _check(tensors: Mapping[str, np.ndarray], header: Mapping[str, Any], path: Path) -> None:
    """Refuse a file that would scale features by nothing, or lacks a part.

    Raises:
        PipelineError: a part is missing or of another form, a number is not finite, or a deviation is not positive.
    """
    forms = {"language": str} | dict.fromkeys(("words", "extractors", "columns", "align", "train"), dict)
    wrong = [name for name, form in forms.items() if not isinstance(header.get(name), form)]
    wrong += [
        f"{modality}_{what}"
        for modality in MODALITIES
        for what in ("mean", "std")
        if f"{modality}_{what}" not in tensors
    ]
    if wrong:
        raise PipelineError(
            f"{path}: {wrong[0]} is missing or of another form; get another copy, or delete it and run `dvc repro`"
        )
    for modality in MODALITIES:
        mean, std = tensors[f"{modality}_mean"], tensors[f"{modality}_std"]
        if mean.ndim != 1 or mean.shape != std.shape:
            raise PipelineError(
                f"{path}: {modality} has means of shape {mean.shape} and deviations of shape {std.shape}; expected as many of each"
            )
        if not is_usable(mean, std):
            raise PipelineError(
                f"{path}: a mean of {modality} is not finite, or a standard deviation is not above 0, so no feature could be "
                "scaled by it; get another copy, or run `dvc repro align`"
            )
