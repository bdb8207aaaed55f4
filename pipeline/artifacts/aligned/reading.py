"""A folder with one aligned split: an index and shards of neighbouring segments.

The rows of a shard are as they were aligned, and are normalised when they are read. Normalised, a change of one recording of
train would change every number of every split.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.artifacts.aligned.normalisation import Normalisation, is_usable
from pipeline.artifacts.aligned.rows import rows_of
from pipeline.artifacts.aligned.split import AlignedSplit, Ratings, boundaries_end_to_end
from pipeline.artifacts.corpus.segments import OWNERS
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.tokens import join_tokens, tokens_from
from pipeline.artifacts.formats.files import check_header, map_tensors, read_json, rebuilding
from pipeline.artifacts.formats.foreign import refuse_stand_in
from pipeline.artifacts.sharding.files import (
    INDEX,
    OTHER_OPEN_FILES,
    ShardFile,
    allowed_open_files,
    check_there,
    shard_file,
)
from pipeline.errors import PipelineError

INDEX_KIND, INDEX_VERSION = "index of an aligned split", 1
# Version 2 held a whole split, normalised.
KIND, VERSION = "aligned segments", 3
_ADVICE = "delete its folder and run `dvc repro` to make it anew"


def read_aligned(folder: Path) -> AlignedSplit:
    """Read what `write_aligned` wrote. Few rows are in memory; those of a large split stay in their files until they are looked at.

    Raises:
        PipelineError: the index or a shard is missing, cut short, damaged, or of another form.
    """
    index = _read_index(folder)
    with rebuilding(folder / INDEX, INDEX_KIND):
        scales = index["normalisation"]
        normalisation = None if scales is None else _normalisation(scales)
        encoder = index["encoder"] or {}
        columns: dict[Modality, tuple[str, ...]] = {
            modality: tuple(index["columns"][modality]) for modality in MODALITIES
        }
        files = [
            (shard_file(entry), int(entry["segments"]), int(entry["words"])) for entry in index["shards"]
        ]
        if not files:
            raise ValueError("no shard")
    # Any batch may want rows of any shard, so all are mapped; `evaluate` has two splits open.
    allowed_open_files(2 * len(files) + OTHER_OPEN_FILES)
    shards = [_read_shard(folder, *file) for file in files]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([shard.arrays[name] for shard in shards])

    with rebuilding(folder, KIND), _naming(folder):
        valid = {modality: joined(f"{modality}_valid") for modality in MODALITIES}
        tokens = [
            found
            for arrays, _ in shards
            if (found := tokens_from(arrays, word_offsets=arrays["offsets"], encoder=encoder)) is not None
        ]
        owners: dict[str, Any] = {owner: _end_to_end(shards, owner) for owner in OWNERS}
        return AlignedSplit(
            split=index["split"],
            ids=tuple(id_ for _, header in shards for id_ in header["ids"]),
            labels=joined("labels"),
            offsets=boundaries_end_to_end([shard.arrays["offsets"] for shard in shards]),
            features={
                modality: rows_of(
                    modality,
                    [shard.arrays[modality] for shard in shards],
                    valid[modality],
                    normalisation=normalisation,
                )
                for modality in MODALITIES
            },
            valid=valid,
            columns=columns,
            tokens=join_tokens(tokens) if tokens else None,
            trusted=joined("trusted"),
            ratings=_ratings(shards),
            **owners,
        )


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Say which folder it is whose parts do not fit together."""
    try:
        yield
    except PipelineError as error:
        raise PipelineError(f"{folder}: {error}") from error


def _read_index(folder: Path) -> Any:
    path = folder / INDEX
    if folder.is_file():
        raise PipelineError(
            f"{folder}: is a file, and expected the folder of an aligned split; run `dvc repro align` to make it anew"
        )
    refuse_stand_in(path)
    index = read_json(path)
    check_header(index, kind=INDEX_KIND, version=INDEX_VERSION, source=str(path))
    return index


class _Shard(NamedTuple):
    """The arrays of a shard, which stay in their file, and its header."""

    arrays: Mapping[str, np.ndarray]
    header: Mapping[str, Any]


def _read_shard(folder: Path, file: ShardFile, n_segments: int, n_words: int) -> _Shard:
    check_there(folder, file, advice=_ADVICE)
    path = folder / file.file
    arrays, header = map_tensors(path, kind=KIND, version=VERSION, writable=True)
    with rebuilding(path, KIND):
        found = len(header["ids"]), len(arrays["offsets"]), int(arrays["offsets"][-1])
        if found != (n_segments, n_segments + 1, n_words):
            raise PipelineError(f"{path}: holds other segments than {INDEX} beside it says; {_ADVICE}")
    return _Shard(arrays, header)


def _normalisation(scales: Mapping[str, Any]) -> Normalisation:
    """What `_scales` gave.

    Raises:
        ValueError: there are not as many means as deviations, or rows could not be scaled by them.
    """
    mean, std = (
        {modality: np.array(scales[modality][what], np.float32) for modality in MODALITIES}
        for what in ("mean", "std")
    )
    for modality in MODALITIES:
        if mean[modality].shape != std[modality].shape or not is_usable(mean[modality], std[modality]):
            raise ValueError(f"rows of {modality} could not be scaled")
    return Normalisation(mean, std)


def _end_to_end(shards: Iterable[_Shard], name: str) -> tuple[str, ...]:
    """Whose the segments of all shards are; equal names are in memory once, because JSON makes a text of its own for every segment."""
    once: dict[str, str] = {}
    return tuple(once.setdefault(found, found) for _, header in shards for found in header[name])


def _ratings(shards: Sequence[_Shard]) -> Ratings:
    """The single labels of all shards, each of which has its own list of raters."""
    names = tuple(sorted({name for _, header in shards for name in header["raters"]}))
    number = {name: position for position, name in enumerate(names)}
    segment, rater, first = [], [], 0
    for arrays, header in shards:
        numbers = np.array([number[name] for name in header["raters"]], np.int64)
        segment.append(arrays["rating_segment"] + first)
        rater.append(numbers[arrays["rating_rater"]])
        first += len(header["ids"])
    labels = [arrays["rating_label"] for arrays, _ in shards]
    return Ratings(np.concatenate(segment), np.concatenate(rater), np.concatenate(labels), names)
