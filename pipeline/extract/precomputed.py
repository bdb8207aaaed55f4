"""Features that were made elsewhere and lie in the corpus folder, instead of extraction."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence, Modality
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.artifacts.features.packed import PackedSequences, pack
from pipeline.errors import PipelineError
from pipeline.extract.given_arrays import positions_of, read_arrays
from pipeline.pickles.layouts import PICKLE_LAYOUTS, find_pickle, read_feature_pickle
from pipeline.pickles.rows import GivenWindows
from pipeline.storage.links import outside_target

# A word lasts a third of a second on average; rows further apart than this leave words without any.
_COARSE_S = 0.25
# Extractors pad and round; rows further than this from their segment are none of it.
_SLACK_S = 0.5
_ARRAYS = ("ids", "values", "offsets", "times_s", "valid", "spans_s", "columns")


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
    _refuse_link_out(path, folder)
    found: dict[str, FeatureSequence] = {}
    counts = dict.fromkeys(("rows", "padding", "zero", "not_finite"), 0)
    duration_s = {segment.id: segment.duration_s for segment in segments}
    sides, dims = set(), set()
    # PICKLE_LAYOUTS holds every layout that `is_precomputed` lets through without a name.
    for given in read_feature_pickle(path, layout=next(known for known in PICKLE_LAYOUTS if known == layout)):
        windows = GivenWindows(given)
        counts = {what: n + windows.counts(modality)[what] for what, n in counts.items()}
        sides.add(windows.sides[modality])
        dims.add(given.features[modality].shape[2])
        for sample, id_ in enumerate(given.ids):
            if id_ in duration_s:
                rows = windows.rows(modality, sample)
                at_s = (np.arange(len(rows.valid)) + 0.5) * (duration_s[id_] / max(1, len(rows.valid)))
                spans_s = coarse_spans(at_s, duration_s[id_]) if len(at_s) == 1 else None
                found[id_] = FeatureSequence(rows.values, at_s, rows.valid, spans_s=spans_s)
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


def coarse_spans(
    times_s: Float64[np.ndarray, "row"], duration_s: float
) -> Float64[np.ndarray, "row 2"] | None:
    """The stretch that each row stands for, where rows are rarer than words: up to half-way to its neighbours.

    The first and the last reach to the ends of the segment, so a single row covers all of it.

    Args:
        times_s: middles of the rows, seconds from the start of the segment.
        duration_s: length of the segment, seconds.

    Returns:
        start and end of each row in seconds from the start of the segment; None where rows are closer than words are.
    """
    if not len(times_s) or (len(times_s) > 1 and float(np.median(np.diff(times_s))) <= _COARSE_S):
        return None
    bounds_s = np.concatenate([[0.0], (times_s[1:] + times_s[:-1]) / 2, [duration_s]])
    return np.stack([np.minimum(bounds_s[:-1], times_s), np.maximum(bounds_s[1:], times_s)], axis=1)


def rows_of_words(packed: PackedSequences, spoken: Sequence[SegmentWords]) -> PackedSequences:
    """Text features with a row per word: a file with one row per segment describes each of its words by that row.

    Args:
        packed: features as the file has them.
        spoken: words of the same segments.

    Raises:
        PipelineError: a segment has more than one row, and not one per word.
    """
    n_rows, n_words = np.diff(packed.offsets), np.array([len(row.words) for row in spoken])
    if tuple(row.id for row in spoken) == packed.ids and (n_rows == n_words).all():
        return packed
    if n_rows.max(initial=0) > 1:
        _refuse_other_rows(packed, spoken)
        return packed
    sequences = []
    for row in spoken:
        whole = packed[row.id]
        n = len(row.words) if len(whole.values) else 0
        middles_s = np.array([(word.start_s + word.end_s) / 2 for word in row.words[:n]], np.float64)
        missing = FeatureSequence(
            np.zeros((len(row.words), len(packed.columns)), np.float32),
            np.zeros(len(row.words)),
            np.zeros(len(row.words), bool),
            whole.failure,
        )
        repeated = FeatureSequence(
            np.repeat(whole.values, n, axis=0), np.maximum.accumulate(middles_s), np.repeat(whole.valid, n)
        )
        sequences.append(repeated if n else missing)
    extractor = {**packed.extractor, "rows": "one per segment, which describes each of its words"}
    return pack("text", [row.id for row in spoken], sequences, columns=packed.columns, extractor=extractor)


def _refuse_other_rows(packed: PackedSequences, spoken: Sequence[SegmentWords]) -> None:
    for row in spoken:
        n_rows, n_words = len(packed[row.id].values), len(row.words)
        if n_rows != n_words:
            raise PipelineError(
                f"text.precomputed: {packed.extractor['precomputed']} has {n_rows} rows for segment {row.id}, which has "
                f"{n_words} words; expected one row per word in their order, or one per segment; give the words too, in words.csv, "
                "or leave it empty"
            )


def read_npz(modality: Modality, segments: Sequence[Segment], *, folder: Path, name: str) -> PackedSequences:
    """Take the features of a modality from an `.npz` file of the corpus.

    The file holds `ids`, one per segment, and `values`, shape (row, dim). Without more, there is a row per segment, which
    covers all of it. With `offsets`, segment i owns the rows `offsets[i]:offsets[i + 1]`, and `times_s` says where the middle of
    each lies, in seconds from the start of its segment. `columns` may name the dimensions, and `valid` the rows that hold
    something; those with a value that is not finite are invalid in any case. `spans_s`, shape (row, 2), says which stretch each row
    stands for, NaN where it stands for its moment; without it that is guessed from how far the times are apart. A segment that the file does not have has no
    rows. Nothing in the file is unpickled.

    Args:
        modality: modality that the features describe.
        segments: segments whose features are wanted.
        folder: corpus folder.
        name: name of the file, relative to the folder.

    Raises:
        PipelineError: the file is missing, leads out of the folder, is no such file, its arrays do not fit together,
            one of the segments is there twice, it has none of them, or all rows of a segment lie outside of it.
    """
    path = folder / name
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise PipelineError(f"{path}: leads out of the corpus folder; name the file relative to {folder}")
    _refuse_link_out(path, folder)
    arrays = _read_arrays(path)
    _check_fit(path, arrays)
    values, times_s = arrays["values"], arrays.get("times_s")
    offsets = arrays.get("offsets", np.arange(len(arrays["ids"]) + 1))
    usable = np.isfinite(values).all(axis=1) & arrays.get("valid", True)
    position = positions_of(arrays["ids"], [segment.id for segment in segments], path=path)
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
        at_s = (
            np.full(len(given), segment.duration_s / 2)
            if times_s is None
            else times_s[rows].astype(np.float64)
        )
        sequences.append(
            FeatureSequence(
                np.where(valid[:, None], given, np.float32(0)),
                at_s,
                valid,
                spans_s=_spans_of(arrays.get("spans_s"), rows, at_s, segment.duration_s),
            )
        )
    _check_some(path, position, segments)
    _say_missing(path, position, segments)
    _check_within(path, segments, sequences)
    columns = [_text(column) for column in arrays.get("columns", np.arange(values.shape[1])).tolist()]
    return pack(
        modality,
        [segment.id for segment in segments],
        sequences,
        columns=columns,
        extractor={
            "precomputed": name,
            "times": "the file's"
            if times_s is not None
            else "none are given: the one row covers its segment",
            "given_rows": {"rows": len(usable), "invalid": int((~usable).sum())},
        },
    )


def _spans_of(
    spans_s: np.ndarray | None, rows: slice, times_s: Float64[np.ndarray, "row"], duration_s: float
) -> Float64[np.ndarray, "row 2"] | None:
    """The stretch of each row of a segment, as the file has it, else as its times let guess; None where all are moments."""
    if spans_s is None:
        return coarse_spans(times_s, duration_s)
    given = spans_s[rows].astype(np.float64)
    moments = np.asarray(np.isnan(given)).any(axis=1, keepdims=True)
    if moments.all():
        return None
    # Sequences are kept with a span for every row or with none, so a moment among stretches is a stretch without length.
    return np.where(moments, times_s[:, None], given)


def _refuse_link_out(path: Path, folder: Path) -> None:
    try:
        target = outside_target(path, folder=folder)
    except (OSError, ValueError):
        return  # whoever reads it says what is wrong with it
    if target is not None:
        raise PipelineError(
            f"{path}: is a link to {target}, outside of the corpus folder; put the file itself there"
        )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _check_some(path: Path, found: Mapping[str, object], segments: Sequence[Segment]) -> None:
    if not any(segment.id in found for segment in segments):
        raise PipelineError(
            f"{path}: has none of the {len(segments)} segments, the first of which is {segments[0].id!r}; "
            "its ids have to be those of the corpus's table"
        )


def _say_missing(path: Path, found: Mapping[str, object], segments: Sequence[Segment]) -> None:
    missing = [segment.id for segment in segments if segment.id not in found]
    if missing:
        sys.stderr.write(
            f"{path}: has no rows for {len(missing)} of {len(segments)} segments, such as {missing[0]!r}; they go without\n"
        )


def _check_within(path: Path, segments: Sequence[Segment], sequences: Sequence[FeatureSequence]) -> None:
    """Refuse times that are not seconds of the segment, and say where rows lie behind its end, on standard error.

    Raises:
        PipelineError: all rows of a segment lie outside of it, so that no word would have any, or a wrong one.
    """
    outside, behind = [], []
    for segment, sequence in zip(segments, sequences, strict=True):
        # Where nobody gave a length, there is none to judge by.
        if not len(sequence.times_s) or not segment.has_length:
            continue
        last_s = segment.duration_s + _SLACK_S
        is_within = (sequence.times_s >= -_SLACK_S) & (sequence.times_s <= last_s)
        if sequence.spans_s is not None:
            is_within &= (sequence.spans_s[:, 1] >= -_SLACK_S) & (sequence.spans_s[:, 0] <= last_s)
        if not is_within.any():
            outside.append((segment, sequence))
        elif sequence.times_s[-1] > last_s:
            behind.append((segment, sequence))
    if outside:
        segment, sequence = outside[0]
        raise PipelineError(
            f"{path}: of {len(outside)} of {len(segments)} segments all rows lie outside of the segment, such as those of "
            f"{segment.id!r}, at {sequence.times_s[0]:g}–{sequence.times_s[-1]:g} s in a segment of {segment.duration_s:g} s; expected "
            "times_s and spans_s in seconds from the start of the segment, not of its recording"
        )
    if behind:
        segment, sequence = behind[0]
        sys.stderr.write(
            f"{path}: {len(behind)} of {len(segments)} segments have rows behind their end, such as {segment.id!r} up to "
            f"{sequence.times_s[-1]:g} s in a segment of {segment.duration_s:g} s; no word has these. Where the segment is longer than "
            "that, give its start_s and end_s in the table of the corpus\n"
        )


def _read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    arrays = read_arrays(path, _ARRAYS)
    missing = [name for name in ("ids", "values") if name not in arrays]
    if missing:
        raise PipelineError(f"{path}: the array {missing[0]!r} is missing; expected ids and values")
    return arrays


def _check_fit(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays of another form, and those that do not fit together.

    Raises:
        PipelineError: the sentence names the array, what it is, and what was expected.
    """
    values, ids = arrays["values"], arrays["ids"]
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating) or values.shape[1] == 0:
        raise PipelineError(
            f"{path}: values is {values.dtype} of shape {values.shape}; expected floating point of shape (row, dim)"
        )
    forms = {
        "ids": ("USiu", None, "one text per segment"),
        "offsets": ("iu", len(ids) + 1 if ids.ndim == 1 else None, "one whole number more than ids"),
        "times_s": ("fiu", len(values), "one number of seconds per row"),
        "valid": ("b", len(values), "true or false per row"),
        "columns": ("USiu", values.shape[1], "one text per dimension"),
    }
    for name, (kinds, length, expected) in forms.items():
        array = arrays.get(name)
        if array is not None and (
            array.ndim != 1 or array.dtype.kind not in kinds or (length is not None and len(array) != length)
        ):
            raise PipelineError(
                f"{path}: the arrays do not fit together: {name} is {array.dtype} of shape {array.shape} beside values of shape "
                f"{values.shape}; expected {expected}"
            )
    spans_s = arrays.get("spans_s")
    if spans_s is not None and (
        spans_s.shape != (len(values), 2)
        or spans_s.dtype.kind != "f"
        or np.isinf(spans_s).any()
        or (spans_s[:, 0] > spans_s[:, 1]).any()
    ):
        raise PipelineError(
            f"{path}: spans_s is {spans_s.dtype} of shape {spans_s.shape}; expected a start and an end in seconds for each of "
            f"{len(values)} rows, the start first, or NaN"
        )
    if "offsets" not in arrays and len(ids) != len(values):
        raise PipelineError(
            f"{path}: the arrays do not fit together: {len(values)} rows for {len(ids)} ids; expected a row per id, or offsets "
            "with one entry more than ids and times_s with one entry per row"
        )
    if "offsets" in arrays:
        _check_offsets(path, arrays)


def _check_offsets(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    offsets, n_rows = arrays["offsets"].astype(np.float64), len(arrays["values"])
    if "times_s" not in arrays:
        raise PipelineError(
            f"{path}: the arrays do not fit together: has offsets and no times_s; expected one entry per row"
        )
    if (np.diff(offsets) < 0).any() or (offsets[0], offsets[-1]) != (0, n_rows):
        raise PipelineError(
            f"{path}: the arrays do not fit together: offsets go from {offsets[0]:g} to {offsets[-1]:g}; expected them to rise from 0 to the "
            f"{n_rows} rows of values"
        )
    times_s = arrays["times_s"].astype(np.float64)
    if not np.isfinite(times_s).all():
        raise PipelineError(
            f"{path}: {int((~np.isfinite(times_s)).sum())} of {n_rows} times_s are not finite; expected seconds"
        )
    within = np.ones(max(0, n_rows - 1), bool)
    firsts = arrays["offsets"][(offsets > 0) & (offsets < n_rows)].astype(np.int64)
    within[firsts - 1] = False
    falls = (np.diff(times_s) < 0) & within
    if falls.any():
        raise PipelineError(
            f"{path}: {int(falls.sum())} of {n_rows} times_s are before the one in front of them in the same segment; sort the rows by "
            "time"
        )
