"""One split, ready for training: three modalities on one word axis, normalised, with masks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pipeline.artifacts.files import read_tensors, rebuilding, tensors_to_bytes, write_bytes
from pipeline.artifacts.segments import Split
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.artifacts.tokens import TokenizedText, tokens_from
from pipeline.errors import PipelineError

_KIND, _VERSION = "aligned split", 1


@dataclass(frozen=True, eq=False)
class AlignedSplit:
    """The segments of one split; segment i owns the words `offsets[i]:offsets[i + 1]`, at least one.

    Word w has the row `features[m][w]` in modality m, real where `valid[m][w]` and zeros elsewhere. Words of all segments
    lie end to end: padding is the business of whoever makes a batch.

    Where the text encoder learns with the network, `tokens` holds what it reads, `columns` names the vectors that it makes
    of them, and the rows of text have no columns yet.

    Raises:
        PipelineError: arrays whose lengths do not fit together, or a segment without a word slot.
    """

    split: Split
    ids: tuple[str, ...]
    labels: Float64[np.ndarray, "segment"]
    offsets: Int64[np.ndarray, "boundary"]
    features: Mapping[Modality, Float32[np.ndarray, "word _"]]
    valid: Mapping[Modality, Bool[np.ndarray, "word"]]
    columns: Mapping[Modality, tuple[str, ...]]
    tokens: TokenizedText | None = None

    def __post_init__(self) -> None:
        n_words = int(self.offsets[-1]) if len(self.offsets) else -1
        lengths_fit = len(self.ids) == len(self.labels) == len(self.offsets) - 1 and all(
            self.features[modality].shape == (n_words, self._n_columns(modality))
            and self.valid[modality].shape == (n_words,)
            for modality in MODALITIES
        )
        if self.tokens is not None:
            lengths_fit &= np.array_equal(self.tokens.word_offsets, self.offsets)
        if not lengths_fit or (np.diff(self.offsets) < 1).any():
            raise PipelineError(
                f"the aligned {self.split} split does not fit together: {len(self.ids)} ids, {len(self.labels)} labels, "
                f"{n_words} words; delete it and run `dvc repro`"
            )

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.ids)

    def _n_columns(self, modality: Modality) -> int:
        return 0 if modality == "text" and self.tokens is not None else len(self.columns[modality])


def write_aligned(path: Path, aligned: AlignedSplit) -> None:
    """Write one split as a byte-deterministic safetensors file."""
    tensors = {"labels": aligned.labels, "offsets": aligned.offsets}
    for modality in MODALITIES:
        tensors[modality] = aligned.features[modality]
        tensors[f"{modality}_valid"] = aligned.valid[modality]
    header: dict[str, Any] = {"split": aligned.split, "ids": aligned.ids, "columns": dict(aligned.columns)}
    if aligned.tokens is not None:
        tensors |= aligned.tokens.tensors()
        header["encoder"] = dict(aligned.tokens.encoder)
    write_bytes(path, tensors_to_bytes(tensors, kind=_KIND, version=_VERSION, header=header))


def read_aligned(path: Path) -> AlignedSplit:
    """Read what `write_aligned` wrote."""
    tensors, header = read_tensors(path, kind=_KIND, version=_VERSION)
    with rebuilding(path, _KIND):
        return AlignedSplit(
            split=header["split"],
            ids=tuple(header["ids"]),
            labels=tensors["labels"],
            offsets=tensors["offsets"],
            features={modality: tensors[modality] for modality in MODALITIES},
            valid={modality: tensors[f"{modality}_valid"] for modality in MODALITIES},
            columns={modality: tuple(header["columns"][modality]) for modality in MODALITIES},
            tokens=tokens_from(tensors, word_offsets=tensors["offsets"], encoder=header.get("encoder", {})),
        )


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Mean and standard deviation of each feature over the valid words of the train split, per modality."""

    mean: Mapping[Modality, Float32[np.ndarray, "_"]]
    std: Mapping[Modality, Float32[np.ndarray, "_"]]
