"""What an extractor saw of each segment and what it was, without loading the features themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.features.packed import Sequences
from pipeline.artifacts.features.shards import ShardedSequences, read_sequences

_SEGMENTS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Extraction:
    """One modality of a corpus; `n_rows` and `n_valid` count the rows (frames or words) of each segment of `ids`.

    `failures` says why a segment came out empty, `extractor` describes what made the features, and `n_columns` is their
    dimension.
    """

    ids: tuple[str, ...]
    n_rows: Int64[np.ndarray, "segment"]
    n_valid: Int64[np.ndarray, "segment"]
    failures: Mapping[str, str]
    extractor: Mapping[str, Any]
    n_columns: int


def read_extraction(path: Path) -> Extraction:
    """Read the head of a folder that `write_sequences` wrote; the features stay on disk, however many there are.

    Raises:
        PipelineError: the folder is missing, or not such a folder.
    """
    return _head(read_sequences(path))


def read_extractions(paths: Mapping[Modality, Path]) -> dict[Modality, Extraction]:
    """Read the heads of several modalities; ids that they have in common are in memory once.

    Raises:
        PipelineError: a folder is missing, or not such a folder.
    """
    return {modality: _head(packed) for modality, packed in read_modalities(paths).items()}


def read_modalities(paths: Mapping[Modality, Path]) -> dict[Modality, ShardedSequences]:
    """Open the features of several modalities, which stay on the disk; ids that they have in common are in memory once.

    Raises:
        PipelineError: a folder is missing, or not such a folder.
    """
    names: dict[str, str] = {}
    return {modality: read_sequences(path, names=names) for modality, path in paths.items()}


def _head(packed: Sequences) -> Extraction:
    counts = [(np.diff(part.offsets), _n_valid(part.valid, part.offsets)) for part in packed.parts()]
    n_rows, n_valid = zip(*counts, strict=True) if counts else ((), ())
    nothing = np.zeros(0, np.int64)
    return Extraction(
        ids=packed.ids,
        n_rows=np.concatenate([nothing, *n_rows]),
        n_valid=np.concatenate([nothing, *n_valid]),
        failures=packed.failures,
        extractor=packed.extractor,
        n_columns=len(packed.columns),
    )


def _n_valid(
    valid: Bool[np.ndarray, "row"], offsets: Int64[np.ndarray, "boundary"]
) -> Int64[np.ndarray, "segment"]:
    """The number of valid rows of each segment; of the rows, a number each, some are held at a time."""
    n_valid = np.zeros(len(offsets) - 1, np.int64)
    for first in range(0, len(n_valid), _SEGMENTS_AT_ONCE):
        bounds = offsets[first : first + _SEGMENTS_AT_ONCE + 1]
        seen = np.concatenate([[0], np.cumsum(valid[bounds[0] : bounds[-1]])])
        n_valid[first : first + _SEGMENTS_AT_ONCE] = np.diff(seen[bounds - bounds[0]])
    return n_valid
