"""The Parquet files of an export, read back as what the stages had extracted."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.artifacts.corpus.segments import SPLITS, Segment, Split
from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence, Modality
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.formats.foreign import refuse_stand_in, require_plain_file
from pipeline.corpus.facts import Facts, facts_from
from pipeline.errors import PipelineError
from pipeline.exporting.extracted import Extracted
from pipeline.exporting.tables import METADATA, NAMES
from pipeline.yaml12 import parse_yaml

_LABEL = "label_"
_BATCH = 256


def is_exported(folder: Path) -> bool:
    """Whether a folder holds Parquet files by split, as `export datasets` writes them, and no table of layout `folder`."""
    return (
        folder.is_dir()
        and not (folder / "segments.csv").is_file()
        and any(any(folder.glob(f"data/{name}-*.parquet")) for name in NAMES.values())
    )


def read_tables(folder: Path) -> tuple[Extracted, Facts | None]:
    """Read what `export_tables` wrote: segments without media, their words, and a row per word of each modality.

    Args:
        folder: the folder with `data/<split>-*.parquet`.

    Returns:
        what was exported, without settings of the alignment; and the facts of the corpus, None where it was written without.

    Raises:
        PipelineError: a split is missing, or a file is damaged or none of such an export.
    """
    columns: Mapping[str, Any] = {}
    facts: Facts | None = None
    segments: list[Segment] = []
    spoken: dict[str, SegmentWords] = {}
    sequences: dict[Modality, list[FeatureSequence]] = {modality: [] for modality in MODALITIES}
    for split in SPLITS:
        files = sorted(folder.glob(f"data/{NAMES[split]}-*.parquet"))
        if not files:
            raise PipelineError(
                f"{folder}: holds no data/{NAMES[split]}-*.parquet; expected one for each of {', '.join(NAMES.values())}"
            )
        for path in files:
            known, rows = _open(path)
            if not columns:
                columns = known["columns"]
                source = f"{path}, metadata"
                text = known.get("facts")
                facts = None if text is None else facts_from(parse_yaml(text, source=source), source=source)
            elif columns != known["columns"]:
                raise PipelineError(f"{path}: has other features than the files before it; export all again")
            for row in rows:
                segment = _segment(path, row, split)
                segments.append(segment)
                spoken[segment.id] = SegmentWords(
                    segment.id, "given" if segment.timed_words else "none", segment.timed_words
                )
                for modality in MODALITIES:
                    sequences[modality].append(
                        _sequence(path, row, modality, segment, len(columns[modality]))
                    )
    ids = [segment.id for segment in segments]
    packed = {
        modality: pack(
            modality, ids, sequences[modality], columns=columns[modality], extractor={"exported": str(folder)}
        )
        for modality in MODALITIES
    }
    return Extracted(tuple(segments), spoken, packed, {}), facts


def _open(path: Path) -> tuple[Mapping[str, Any], Iterator[Mapping[str, Any]]]:
    require_plain_file(path, what="a Parquet file")
    refuse_stand_in(path)
    try:
        file = pq.ParquetFile(path)
        metadata = json.loads((file.schema_arrow.metadata or {}).get(METADATA.encode(), b"null"))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise PipelineError(f"{path}: cannot be read ({str(error)[:120]}); export it again") from error
    if not isinstance(metadata, dict) or set(metadata.get("columns", ())) != set(MODALITIES):
        raise PipelineError(
            f"{path}: does not say what its features are; expected a file of `python -m pipeline export datasets`; save another "
            "table as CSV and import that"
        )
    return metadata, _rows(path, file)


def _rows(path: Path, file: pq.ParquetFile) -> Iterator[Mapping[str, Any]]:
    try:
        for batch in file.iter_batches(batch_size=_BATCH):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise PipelineError(f"{path}: is damaged ({str(error)[:120]}); export it again") from error


def _segment(path: Path, row: Mapping[str, Any], split: Split) -> Segment:
    try:
        words = tuple(
            Word(text, start_s, end_s)
            for text, start_s, end_s in zip(row["words"], row["word_start_s"], row["word_end_s"], strict=True)
        )
        others = {
            name.removeprefix(_LABEL): value
            for name, value in row.items()
            if name.startswith(_LABEL) and name != "label_spread" and value is not None
        }
        return Segment(
            id=row["id"],
            split=split,
            label=row["label"],
            speaker=row["speaker"],
            video=row["video"],
            language=row["language"],
            text=row["transcript"],
            media=None,
            media_sha256=None,
            has_audio=False,
            has_video=False,
            start_s=0.0,
            end_s=1.0 if row["duration_s"] is None else row["duration_s"],
            has_length=row["duration_s"] is not None,
            timed_words=words,
            other_labels=others,
            label_spread=row.get("label_spread"),
            rater=row.get("rater"),
            ratings={rating["rater"]: rating["label"] for rating in row.get("ratings") or ()},
            trusted=bool(row.get("trusted")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            f"{path}: the row of {str(row.get('id'))[:60]!r} is none of an export ({error!s:.80}); export it again"
        ) from error


def _sequence(
    path: Path, row: Mapping[str, Any], modality: Modality, segment: Segment, dim: int
) -> FeatureSequence:
    """A row per word, which stands for the middle of its word alone; a segment without words has one of sound and of face."""
    words = segment.timed_words
    if modality == "text" and not words:
        return FeatureSequence.empty(dim, None)
    slots = words or (Word("", 0.0, segment.duration_s),)
    try:
        values = np.array(row[modality], np.float32).reshape(len(slots), dim)
        valid = np.array(row[f"{modality}_valid"], bool).reshape(len(slots))
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            f"{path}: {modality} of {segment.id!r} does not fit to its {len(words)} words; export it again"
        ) from error
    middles_s = np.maximum.accumulate([(word.start_s + word.end_s) / 2 for word in slots])
    return FeatureSequence(
        values,
        middles_s,
        valid,
        spans_s=None if modality == "text" else np.stack([middles_s, middles_s], axis=1),
    )
