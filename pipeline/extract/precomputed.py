"""Features that were made elsewhere and lie in the corpus folder, instead of extraction."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import FeatureSequence, Modality, PackedSequences, pack
from pipeline.errors import PipelineError

_ARRAYS = ("ids", "values", "offsets", "times_s", "columns")


def read_precomputed(
    modality: Modality,
    segments: Sequence[Segment],
    *,
    folder: Path,
    name: str,
    extractor: Mapping[str, Any],
) -> PackedSequences:
    """Take the features of a modality from an `.npz` file of the corpus.

    The file holds `ids`, one a segment, and `values`, shape (row, dim). Without more, there is a row a segment, placed in
    its middle. With `offsets`, segment i owns the rows `offsets[i]:offsets[i + 1]`, and `times_s` says where the middle of
    each lies, in seconds from the start of its segment. `columns` may name the dimensions. Rows that hold a value that is
    not finite are invalid; a segment that the file does not have has no rows. Nothing in it is unpickled.

    Args:
        modality: what the features describe.
        segments: whose features are wanted.
        folder: the corpus folder.
        name: the file, relative to it.
        extractor: what the header of the packed file says of their origin.

    Raises:
        PipelineError: the file is missing, leads out of the folder, is no such file, its arrays do not fit together,
            or it has none of the segments.
    """
    path = folder / name
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise PipelineError(f"{path}: leads out of the corpus folder; name the file relative to {folder}")
    arrays = _read_arrays(path)
    values = arrays["values"]
    offsets = arrays.get("offsets", np.arange(len(arrays["ids"]) + 1))
    times_s = arrays.get("times_s")
    _check_fit(path, arrays, offsets)
    position = {str(id_): index for index, id_ in enumerate(arrays["ids"])}
    sequences = []
    for segment in segments:
        if segment.id not in position:
            sequences.append(
                FeatureSequence.empty(values.shape[1], f"{path}: has no rows for segment {segment.id}")
            )
            continue
        rows = slice(int(offsets[position[segment.id]]), int(offsets[position[segment.id] + 1]))
        mine = values[rows].astype(np.float32)
        valid = np.asarray(np.isfinite(mine).all(axis=1))
        at_s = np.full(len(mine), segment.duration_s / 2) if times_s is None else times_s[rows]
        sequences.append(FeatureSequence(np.where(valid[:, None], mine, np.float32(0)), at_s, valid))
    if not any(segment.id in position for segment in segments):
        raise PipelineError(
            f"{path}: has none of the {len(segments)} segments, the first of which is {segments[0].id!r}; "
            "its ids have to be those of the corpus's table"
        )
    columns = [str(column) for column in arrays.get("columns", np.arange(values.shape[1]))]
    return pack(
        modality, [segment.id for segment in segments], sequences, columns=columns, extractor=extractor
    )


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS if name in file.files}
    except FileNotFoundError as error:
        raise PipelineError(
            f"{path}: not found; put the file there or extract by setting it to null"
        ) from error
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise PipelineError(
            f"{path}: not an .npz file of plain arrays ({' '.join(str(error).split())}); write it by numpy.savez"
        ) from error
    missing = [name for name in ("ids", "values") if name not in arrays]
    if missing:
        raise PipelineError(f"{path}: the array {missing[0]!r} is missing; expected ids and values")
    return arrays


def _check_fit(path: Path, arrays: Mapping[str, np.ndarray], offsets: np.ndarray) -> None:
    values, ids = arrays["values"], arrays["ids"]
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise PipelineError(
            f"{path}: values is {values.dtype} of shape {values.shape}; expected floating point of shape (row, dim)"
        )
    if len(set(ids.tolist())) < len(ids):
        raise PipelineError(f"{path}: an id stands there twice; every segment needs rows of its own")
    fits = (
        len(offsets) == len(ids) + 1
        and (np.diff(offsets) >= 0).all()
        and (offsets[0], offsets[-1]) == (0, len(values))
        and ("offsets" not in arrays or "times_s" in arrays)
        and len(arrays.get("times_s", values)) == len(values)
        and len(arrays.get("columns", values.T)) == values.shape[1]
    )
    if not fits:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise PipelineError(
            f"{path}: the arrays do not fit together ({shapes}); expected a row an id, or offsets with one entry more than "
            "ids and times_s with one entry a row"
        )
