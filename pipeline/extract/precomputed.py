"""Features that were made elsewhere and lie in the corpus folder, instead of extraction."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import FeatureSequence, Modality, PackedSequences, pack
from pipeline.artifacts.words import SegmentWords
from pipeline.errors import PipelineError
from pipeline.pickles.layouts import PICKLE_LAYOUTS, find_pickle, read_feature_pickle
from pipeline.pickles.rows import GivenWindows

_ARRAYS = ("ids", "values", "offsets", "times_s", "valid", "columns")


def is_precomputed(name: str | None, *, layout: str) -> bool:
    """Whether a modality is given: a file is named, or the corpus is a feature pickle."""
    return name is not None or layout in PICKLE_LAYOUTS


def read_precomputed(
    modality: Modality, segments: Sequence[Segment], *, folder: Path, layout: str, name: str | None
) -> PackedSequences:
    """Take the features of a modality from a file of the corpus: the `.npz` that is named, or else its feature pickle.

    The header of the packed file says where they come from, where their times do, and how many rows hold nothing.

    Args:
        modality: modality that the features describe.
        segments: segments whose features are wanted.
        folder: corpus folder.
        layout: layout of the folder.
        name: name of the `.npz`, relative to the folder; None for the pickle.

    Raises:
        PipelineError: see `read_npz` and `read_feature_pickle`; or the file has none of the segments.
    """
    if name is not None:
        return read_npz(modality, segments, folder=folder, name=name)
    path = find_pickle(folder)
    found: dict[str, FeatureSequence] = {}
    counts = dict.fromkeys(("rows", "padding", "zero", "not_finite"), 0)
    duration_s = {segment.id: segment.duration_s for segment in segments}
    sides, dims = set(), set()
    # PICKLE_LAYOUTS holds every layout that `is_precomputed` lets through without a name.
    for given in read_feature_pickle(path, layout=next(each for each in PICKLE_LAYOUTS if each == layout)):
        windows = GivenWindows(given)
        counts = {what: n + windows.counts(modality)[what] for what, n in counts.items()}
        sides.add(windows.sides[modality])
        dims.add(given.features[modality].shape[2])
        for sample, id_ in enumerate(given.ids):
            if id_ in duration_s:
                rows = windows.rows(modality, sample)
                at_s = (np.arange(len(rows.valid)) + 0.5) * (duration_s[id_] / max(1, len(rows.valid)))
                found[id_] = FeatureSequence(rows.values, at_s, rows.valid)
    if len(dims) > 1:
        raise PipelineError(
            f"{path}: {modality} has {sorted(dims)} dimensions in its splits; expected one number"
        )
    (dim,) = dims
    _check_some(path, found, segments)
    missing = FeatureSequence.empty(dim, f"{path}: has no rows")
    return pack(
        modality,
        [segment.id for segment in segments],
        [found.get(segment.id, missing) for segment in segments],
        columns=[f"{modality}_{position + 1}" for position in range(dim)],
        extractor={
            "precomputed": path.name,
            "layout": layout,
            "times": "none are given: rows lie evenly over their segment",
            "padding": " and ".join(sorted(sides)),
            "given_rows": counts,
        },
    )


def check_one_row_per_word(packed: PackedSequences, spoken: Sequence[SegmentWords]) -> None:
    """Refuse text features of other words.

    Raises:
        PipelineError: a segment does not have one row per word.
    """
    for row in spoken:
        n_rows, n_words = len(packed[row.id].values), len(row.words)
        if n_rows != n_words:
            raise PipelineError(
                f"text.precomputed: {packed.extractor['precomputed']} has {n_rows} rows for segment {row.id}, which has "
                f"{n_words} words; expected one row per word, in their order; give the words too, in words.csv, or leave it empty"
            )


def read_npz(modality: Modality, segments: Sequence[Segment], *, folder: Path, name: str) -> PackedSequences:
    """Take the features of a modality from an `.npz` file of the corpus.

    The file holds `ids`, one per segment, and `values`, shape (row, dim). Without more, there is one row per segment, placed in
    its middle. With `offsets`, segment i owns the rows `offsets[i]:offsets[i + 1]`, and `times_s` says where the middle of
    each lies, in seconds from the start of its segment. `columns` may name the dimensions, and `valid` the rows that hold
    something; those with a
    value that is not finite are invalid in any case. A segment that the file does not have has no rows. Nothing in the file is
    unpickled.

    Args:
        modality: modality that the features describe.
        segments: segments whose features are wanted.
        folder: corpus folder.
        name: name of the file, relative to the folder.

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
    usable = np.isfinite(values).all(axis=1) & arrays.get("valid", True)
    position = {str(id_): index for index, id_ in enumerate(arrays["ids"])}
    sequences = []
    for segment in segments:
        if segment.id not in position:
            sequences.append(
                FeatureSequence.empty(values.shape[1], f"{path}: has no rows for segment {segment.id}")
            )
            continue
        rows = slice(int(offsets[position[segment.id]]), int(offsets[position[segment.id] + 1]))
        given = values[rows].astype(np.float32)
        valid = usable[rows] & np.isfinite(given).all(axis=1)
        at_s = np.full(len(given), segment.duration_s / 2) if times_s is None else times_s[rows]
        sequences.append(FeatureSequence(np.where(valid[:, None], given, np.float32(0)), at_s, valid))
    _check_some(path, position, segments)
    columns = [str(column) for column in arrays.get("columns", np.arange(values.shape[1]))]
    return pack(
        modality,
        [segment.id for segment in segments],
        sequences,
        columns=columns,
        extractor={
            "precomputed": name,
            "times": "the file's"
            if times_s is not None
            else "none are given: the one row lies in the middle",
            "given_rows": {"rows": len(usable), "invalid": int((~usable).sum())},
        },
    )


def _check_some(path: Path, found: Mapping[str, object], segments: Sequence[Segment]) -> None:
    if not any(segment.id in found for segment in segments):
        raise PipelineError(
            f"{path}: has none of the {len(segments)} segments, the first of which is {segments[0].id!r}; "
            "its ids have to be those of the corpus's table"
        )


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            _check_sizes(path, file)
            arrays = {name: file[name] for name in _ARRAYS if name in file.files}
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not found; put the file there or leave it empty to extract") from error
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise PipelineError(
            f"{path}: not an .npz file of plain arrays ({' '.join(str(error).split())}); write it by numpy.savez"
        ) from error
    missing = [name for name in ("ids", "values") if name not in arrays]
    if missing:
        raise PipelineError(f"{path}: the array {missing[0]!r} is missing; expected ids and values")
    return arrays


def _check_sizes(path: Path, file: np.lib.npyio.NpzFile) -> None:
    """Refuse an array whose shape is larger than its bytes: NumPy makes room for the shape before it reads them."""
    assert file.zip is not None
    for member in file.zip.infolist():
        with file.zip.open(member) as content:
            version = np.lib.format.read_magic(content)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(content)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename} announces the shape {shape} in {member.file_size} bytes")


def _check_fit(path: Path, arrays: Mapping[str, np.ndarray], offsets: np.ndarray) -> None:
    values, ids = arrays["values"], arrays["ids"]
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise PipelineError(
            f"{path}: values is {values.dtype} of shape {values.shape}; expected floating point of shape (row, dim)"
        )
    if len(set(ids.tolist())) < len(ids):
        raise PipelineError(f"{path}: an id occurs twice; every segment needs rows of its own")
    fits = (
        len(offsets) == len(ids) + 1
        and (np.diff(offsets) >= 0).all()
        and (offsets[0], offsets[-1]) == (0, len(values))
        and ("offsets" not in arrays or "times_s" in arrays)
        and len(arrays.get("times_s", values)) == len(values)
        and len(arrays.get("columns", values.T)) == values.shape[1]
        and arrays.get("valid", np.zeros(len(values), bool)).shape == (len(values),)
        and arrays.get("valid", np.zeros(0, bool)).dtype == bool
    )
    if not fits:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise PipelineError(
            f"{path}: the arrays do not fit together ({shapes}); expected one row per id, or offsets with one entry more than "
            "ids, and times_s with one entry per row"
        )
