"""A folder with the feature sequences of one modality: an index and shards by recording, so that a change of one recording rewrites one file.

A shard holds nothing that another recording could change: columns, extractor, failures and notes are in the index. `sharding/files.py`
says how they are written.
"""

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence, Modality
from pipeline.artifacts.corpus.tokens import tokens_from
from pipeline.artifacts.features.draft import FeatureDraft
from pipeline.artifacts.features.packed import PackedSequences
from pipeline.artifacts.formats.files import (
    check_header,
    map_tensors,
    read_json,
    rebuilding,
    write_text,
)
from pipeline.artifacts.formats.foreign import refuse_stand_in
from pipeline.artifacts.sharding.assignment import LIMIT_BYTES, assign_shards, refuse_repeated
from pipeline.artifacts.sharding.files import (
    INDEX,
    OTHER_OPEN_FILES,
    ShardFile,
    allowed_open_files,
    check_there,
    remove_others,
    shard_file,
    write_shard,
)
from pipeline.artifacts.sharding.spooled import spooling
from pipeline.errors import PipelineError

_INDEX_KIND, _INDEX_VERSION = "index of feature shards", 1
# Version 1 held a whole corpus, and what is in the index now.
_KIND, _VERSION = "feature sequences", 2
_TENSORS = ("offsets", "values", "times_s", "valid")
# What a shard has of its own: the description of its arrays, padded.
_SHARD_BYTES = 2048
# Mapped at once in any case. Each is an open file, of which a process may have 256 on some systems, and `align` reads three modalities.
_MAPPED_MIN = 64


@dataclass(frozen=True, slots=True)
class _Shard:
    """A shard as the index has it; `first` is the position of its first segment."""

    file: ShardFile
    first: int
    n_segments: int


class ShardedSequences:
    """The sequences of one modality of a corpus, mapped shard by shard when they are looked at; see `Sequences`.

    Segments that are asked for in the order in which they were written are found without a table of all ids.
    """

    def __init__(
        self,
        folder: Path,
        *,
        modality: Modality,
        ids: tuple[str, ...],
        columns: tuple[str, ...],
        dim: int,
        failures: Mapping[str, str],
        notes: Mapping[str, tuple[str, ...]],
        extractor: Mapping[str, Any],
        shards: Sequence[_Shard],
    ) -> None:
        self.folder, self.modality, self.ids, self.columns, self.dim = folder, modality, ids, columns, dim
        self.failures, self.notes, self.extractor = failures, notes, extractor
        self._shards = shards
        self._firsts = [shard.first for shard in shards]
        self._mapped: OrderedDict[int, PackedSequences] = OrderedDict()
        # The segment of each shard that comes next, where they are asked for in order.
        self._next = {ids[first]: first for first in self._firsts}

    def __getitem__(self, segment_id: str) -> FeatureSequence:
        """The sequence of one segment; KeyError where the id is unknown.

        Raises:
            PipelineError: its shard is missing, damaged, or of another form.
        """
        position = self._next.get(segment_id)
        if position is None:
            position = self._positions[segment_id]
            number = bisect_right(self._firsts, position) - 1
        else:
            number = bisect_right(self._firsts, position) - 1
            del self._next[segment_id]
            shard = self._shards[number]
            following = shard.first + (position + 1 - shard.first) % shard.n_segments
            self._next[self.ids[following]] = following
        return self._part(number).at(position - self._firsts[number])

    def parts(self) -> Iterator[PackedSequences]:
        """All segments in the order of `ids`, a shard at a time.

        Raises:
            PipelineError: a shard is missing, damaged, or of another form.
        """
        for number in range(len(self._shards)):
            yield self._map(number)

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {id_: position for position, id_ in enumerate(self.ids)}

    @cached_property
    def _mapped_max(self) -> int:
        """How many shards are mapped at once: all, if the system lets that many files be open.

        Recordings are dealt to shards by their names, so whoever goes through a corpus in its order comes to any shard at any time. With fewer
        mapped than there are, nearly every recording would have one opened and checked anew.
        """
        if len(self._shards) <= _MAPPED_MIN:
            return _MAPPED_MIN
        n_files = allowed_open_files(len(MODALITIES) * len(self._shards) + OTHER_OPEN_FILES)
        return max(_MAPPED_MIN, (n_files - OTHER_OPEN_FILES) // len(MODALITIES))

    def _part(self, number: int) -> PackedSequences:
        found = self._mapped.pop(number, None)
        if found is None:
            found = self._map(number)
        self._mapped[number] = found
        if len(self._mapped) > self._mapped_max:
            self._mapped.popitem(last=False)
        return found

    def _map(self, number: int) -> PackedSequences:
        shard = self._shards[number]
        path = self.folder / shard.file.file
        check_there(self.folder, shard.file, advice=_advice(self.folder, self.modality))
        tensors, header = map_tensors(path, kind=_KIND, version=_VERSION)
        with rebuilding(path, _KIND):
            ids = self.ids[shard.first : shard.first + shard.n_segments]
            if header["modality"] != self.modality:
                raise PipelineError(
                    f"{path}: holds features of {header['modality']}, but {INDEX} beside it says {self.modality}; "
                    f"{_advice(self.folder, self.modality)}"
                )
            if tuple(header["ids"]) != ids or tensors["values"].shape[1:] != (self.dim,):
                raise PipelineError(
                    f"{path}: holds other segments or columns than {INDEX} beside it says; "
                    f"{_advice(self.folder, self.modality)}"
                )
            return self._rebuilt(tensors, ids)

    def _rebuilt(self, tensors: Mapping[str, np.ndarray], ids: tuple[str, ...]) -> PackedSequences:
        offsets, n_rows = tensors["offsets"], len(tensors["values"])
        of_rows = [tensors[name] for name in ("times_s", "valid", "quality", "spans_s") if name in tensors]
        if (
            len(offsets) != len(ids) + 1
            or (offsets[0], offsets[-1]) != (0, n_rows)
            or (np.diff(offsets) < 0).any()
            or any(len(found) != n_rows for found in of_rows)
        ):
            raise ValueError("its arrays do not fit together")
        return PackedSequences(
            modality=self.modality,
            ids=ids,
            columns=self.columns,
            failures=self.failures,
            extractor=self.extractor,
            tokens=tokens_from(tensors, word_offsets=offsets, encoder=self.extractor.get("settings", {})),
            quality=tensors.get("quality"),
            spans_s=tensors.get("spans_s"),
            notes=self.notes,
            **{name: tensors[name] for name in _TENSORS},
        )


def read_sequences(folder: Path, *, names: dict[str, str] | None = None) -> ShardedSequences:
    """Read the index that `write_sequences` wrote; the rows stay in the shards until they are looked at.

    Args:
        folder: the folder.
        names: ids that are in memory already, each by itself; those that are not there yet are added.

    Raises:
        PipelineError: the index or a shard is missing, cut short, or of another form.
    """
    path = folder / INDEX
    refuse_stand_in(path)
    index = read_json(path)
    check_header(index, kind=_INDEX_KIND, version=_INDEX_VERSION, source=str(path))
    with rebuilding(path, _INDEX_KIND):
        modality: Modality = MODALITIES[MODALITIES.index(index["modality"])]
        ids: list[str] = []
        shards = []
        for entry in index["shards"]:
            of_shard = entry["ids"]
            if not of_shard:
                raise ValueError("a shard without segments")
            shards.append(_Shard(shard_file(entry), len(ids), len(of_shard)))
            ids.extend(of_shard if names is None else [names.setdefault(id_, id_) for id_ in of_shard])
        refuse_repeated(ids, source=path, advice=_advice(folder, modality))
        found = ShardedSequences(
            folder,
            modality=modality,
            ids=tuple(ids),
            columns=tuple(index["columns"]),
            dim=int(index["dim"]),
            failures=dict(index["failures"]),
            notes={id_: tuple(notes) for id_, notes in index["notes"].items()},
            extractor=dict(index["extractor"]),
            shards=shards,
        )
    for shard in shards:
        check_there(folder, shard.file, advice=_advice(folder, modality))
    return found


def _advice(folder: Path, modality: Modality) -> str:
    return f"delete {folder} and run `dvc repro {modality}` to make it anew"


def write_sequences(
    folder: Path,
    packed: PackedSequences,
    *,
    recordings: Sequence[str] | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> None:
    """Write sequences that are in memory; see `write_sequences_of`.

    Args:
        folder: folder to write.
        packed: the sequences.
        recordings: name of the recording of each segment, in the order of its ids; None where each is one of its own.
        limit_bytes: what a shard may take.
    """
    write_sequences_of(
        folder,
        packed.modality,
        packed.ids,
        (packed.at(position) for position in range(len(packed.ids))),
        recordings=packed.ids if recordings is None else recordings,
        columns=packed.columns,
        extractor=packed.extractor,
        limit_bytes=limit_bytes,
    )


def write_sequences_of(
    folder: Path,
    modality: Modality,
    ids: Sequence[str],
    sequences: Iterable[FeatureSequence],
    *,
    recordings: Sequence[str],
    columns: Sequence[str],
    extractor: Mapping[str, Any],
    limit_bytes: int = LIMIT_BYTES,
) -> None:
    """Write the sequences of a corpus as shards and an index; each sequence is looked at once, and none is held.

    The segments of a shard stand in the order of `ids`. Which shard a recording is in: see `assign_shards`. A shard that is there
    already, with the same bytes, stays as it is.

    Args:
        folder: folder to write; it holds nothing else afterwards.
        modality: modality of the rows.
        ids: ids of the segments.
        sequences: sequence of each segment, in the same order.
        recordings: name of the recording of each segment, in the same order.
        columns: names of the features.
        extractor: what made them.
        limit_bytes: what a shard may take, unless a recording alone takes more.

    Raises:
        PipelineError: an id is there twice, or the file system refused; what the folder held before is whole then.
    """
    refuse_repeated(ids, source=folder, advice="correct the corpus and run `dvc repro manifest`")
    with spooling(folder) as spools:
        draft = FeatureDraft(spools)
        for id_, sequence in zip(ids, sequences, strict=True):
            draft.append(id_, sequence)
        shards = assign_shards(recordings, draft.n_bytes, limit_bytes=max(1, limit_bytes - _SHARD_BYTES))
        entries = []
        for positions in shards:
            of_shard = [ids[position] for position in positions]
            tensors = draft.tensors(positions)
            header = {"modality": modality, "ids": of_shard}
            written = write_shard(folder, tensors, header, kind=_KIND, version=_VERSION)
            n_rows = int(tensors["values"].shape[0])
            entries.append({**written.entry(), "rows": n_rows, "ids": of_shard})
        index = {
            "kind": _INDEX_KIND,
            "version": _INDEX_VERSION,
            "modality": modality,
            "columns": list(columns),
            "dim": len(columns) if draft.dim is None else draft.dim,
            "extractor": extractor,
            "failures": draft.failures,
            "notes": draft.notes,
            "shards": entries,
        }
        write_text(folder / INDEX, json.dumps(index, sort_keys=True, ensure_ascii=False, indent=1) + "\n")
    remove_others(folder, {entry["file"] for entry in entries})
