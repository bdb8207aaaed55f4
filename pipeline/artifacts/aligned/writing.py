"""Writing the folder of an aligned split; see `reading`."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.aligned.reading import INDEX_KIND, INDEX_VERSION, KIND, VERSION
from pipeline.artifacts.aligned.rows import Rows
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import OWNERS
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.formats.files import write_text
from pipeline.artifacts.sharding.assignment import LIMIT_BYTES, consecutive_shards
from pipeline.artifacts.sharding.files import INDEX, remove_others, write_shard
from pipeline.artifacts.sharding.spooled import Streamed

# What a shard has of its own: the description of its arrays, padded.
_SHARD_BYTES = 4096
# Label, trust and boundaries of words and windows; the quotes of five names, escaped twice.
_SEGMENT_BYTES = 8 + 1 + 8 + 8 + 5 * 6
# A name is JSON within JSON, in which a character may take seven bytes.
_CHARACTER_BYTES = 7
_RATING_BYTES = 8 + 8 + 8
_ROWS_AT_ONCE = 8192


def write_aligned(
    folder: Path,
    aligned: AlignedSplit,
    *,
    normalisation: Normalisation | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> None:
    """Write one split as shards and an index, the same bytes for the same split; rows that lie in a file are not held.

    A shard that is there already, with the same bytes, stays as it is.

    Args:
        folder: folder to write; it holds nothing else afterwards.
        aligned: the split.
        normalisation: what its rows go through when they are read; None for rows that are read as they are.
        limit_bytes: what a shard may take, unless a segment alone takes more.

    Raises:
        PipelineError: the file system refused; what the folder held before is whole then.
    """
    n_bytes = _bytes_of_segments(aligned)
    ends = consecutive_shards(aligned.ids, n_bytes, limit_bytes=max(1, limit_bytes - _SHARD_BYTES))
    entries = [
        {
            **write_shard(folder, *_shard(part), kind=KIND, version=VERSION).entry(),
            "segments": len(part),
            "words": int(part.offsets[-1]),
        }
        for part in (aligned.stretch(start, stop) for start, stop in ends)
    ]
    index = {
        "kind": INDEX_KIND,
        "version": INDEX_VERSION,
        "split": aligned.split,
        "columns": {modality: list(names) for modality, names in aligned.columns.items()},
        "encoder": None if aligned.tokens is None else dict(aligned.tokens.encoder),
        "normalisation": None if normalisation is None else _scales(normalisation),
        "shards": entries,
    }
    write_text(folder / INDEX, json.dumps(index, sort_keys=True, ensure_ascii=False, indent=1) + "\n")
    remove_others(folder, {entry["file"] for entry in entries})


def _bytes_of_segments(aligned: AlignedSplit) -> Int64[np.ndarray, "segment"]:
    """What each segment takes in a file, at most."""
    n_numbers = sum(aligned.features[modality].shape[1] for modality in MODALITIES)
    n_bytes = np.asarray(np.diff(aligned.offsets) * (4 * n_numbers + len(MODALITIES)) + _SEGMENT_BYTES)
    names = [aligned.ids, *(getattr(aligned, owner) for owner in OWNERS)]
    for of_segments in filter(None, names):
        n_bytes += _CHARACTER_BYTES * np.fromiter(map(len, of_segments), np.int64, len(of_segments))
    n_bytes += _RATING_BYTES * np.bincount(aligned.ratings.segment, minlength=len(aligned))
    if aligned.tokens is not None:
        n_windows = np.diff(aligned.tokens.window_offsets)
        n_tokens = np.diff(aligned.tokens.token_offsets[aligned.tokens.window_offsets])
        n_bytes += 8 * n_windows + 12 * n_tokens
    return n_bytes


def _shard(part: AlignedSplit) -> tuple[dict[str, np.ndarray | Streamed], dict[str, Any]]:
    """The arrays and the header of a shard, which say nothing of other segments."""
    raters, rater = np.unique(part.ratings.rater, return_inverse=True)
    tensors: dict[str, np.ndarray | Streamed] = {
        "labels": part.labels,
        "offsets": part.offsets,
        "trusted": part.trusted,
        "rating_segment": part.ratings.segment,
        "rating_rater": rater.astype(np.int64),
        "rating_label": part.ratings.label,
    }
    for modality in MODALITIES:
        rows = part.features[modality]
        tensors[modality] = Streamed(np.dtype(np.float32), rows.shape, partial(_blocks, rows))
        tensors[f"{modality}_valid"] = part.valid[modality]
    if part.tokens is not None:
        tensors |= part.tokens.tensors()
    header: dict[str, Any] = {owner: getattr(part, owner) for owner in OWNERS}
    header |= {"ids": part.ids, "raters": [part.ratings.names[position] for position in raters]}
    return tensors, header


def _blocks(rows: Rows) -> Iterator[Float32[np.ndarray, "some _"]]:
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[first : first + _ROWS_AT_ONCE]


def _scales(normalisation: Normalisation) -> dict[str, Any]:
    return {
        modality: {
            "mean": normalisation.mean[modality].tolist(),
            "std": normalisation.std[modality].tolist(),
        }
        for modality in MODALITIES
    }
