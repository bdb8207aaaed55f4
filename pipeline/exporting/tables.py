"""Features as Parquet with a dataset card, as `datasets.load_dataset` takes them from a folder."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pipeline.artifacts.files import write_whole_folder
from pipeline.artifacts.segments import SPLITS, Split
from pipeline.artifacts.sequences import MODALITIES
from pipeline.exporting.extracted import Extracted

# The name that `datasets` gives the split.
_NAMES: dict[Split, str] = {"train": "train", "valid": "validation", "test": "test"}
_ROWS_PER_GROUP = 256


def export_tables(extracted: Extracted, folder: Path) -> None:
    """Write `data/<split>-00000-of-00001.parquet`, one row per segment, and `README.md`.

    Features lie on the words of their segment, not normalised: a list of vectors per modality, and which of them are valid.
    """
    write_whole_folder(folder, lambda empty: _fill(extracted, empty))


def _fill(extracted: Extracted, folder: Path) -> None:
    schema = _schema(extracted)
    (folder / "data").mkdir()
    for split in SPLITS:
        path = folder / "data" / f"{_NAMES[split]}-00000-of-00001.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            rows: list[dict[str, object]] = []
            for row in _rows(extracted, split):
                rows.append(row)
                if len(rows) == _ROWS_PER_GROUP:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows = []
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema))
    (folder / "README.md").write_text(_card(extracted), encoding="utf-8")


def _schema(extracted: Extracted) -> pa.Schema:
    fields = [
        *((name, pa.string()) for name in ("id", "video", "speaker", "language", "transcript")),
        ("label", pa.float64()),
        ("words", pa.list_(pa.string())),
        ("word_start_s", pa.list_(pa.float64())),
        ("word_end_s", pa.list_(pa.float64())),
    ]
    for modality in MODALITIES:
        dim = len(extracted.sequences[modality].columns)
        fields.append((modality, pa.list_(pa.list_(pa.float32(), dim))))
        fields.append((f"{modality}_valid", pa.list_(pa.bool_())))
    return pa.schema(fields)


def _rows(extracted: Extracted, split: Split) -> Iterator[dict[str, object]]:
    for segment, aligned in extracted.aligned(split):
        words = extracted.spoken[segment.id].words[: extracted.align["max_words"]]
        row: dict[str, object] = {
            "id": segment.id,
            "video": segment.video,
            "speaker": segment.speaker,
            "language": segment.language,
            "transcript": segment.text,
            "label": segment.label,
            "words": [word.text for word in words],
            "word_start_s": [word.start_s for word in words],
            "word_end_s": [word.end_s for word in words],
        }
        for modality in MODALITIES:
            row[modality] = list(aligned.features[modality])
            row[f"{modality}_valid"] = aligned.valid[modality].tolist()
        yield row


def _card(extracted: Extracted) -> str:
    header = {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"data/{name}-*.parquet"} for name in _NAMES.values()],
            }
        ],
        "tags": ["multimodal", "sentiment-analysis"],
    }
    columns = "\n".join(
        f"| `{modality}` | {len(extracted.sequences[modality].columns)} | "
        f"{', '.join(f'`{name}`' for name in extracted.sequences[modality].columns[:4])}"
        f"{', …' if len(extracted.sequences[modality].columns) > 4 else ''} |"
        for modality in MODALITIES
    )
    counts = "\n".join(f"| {_NAMES[split]} | {len(extracted.of(split))} |" for split in SPLITS)
    return f"""---
{yaml.safe_dump(header, sort_keys=False)}---

# Aligned multimodal features

One row per segment of speech: its label, its words with their times in seconds from its start, and for each word a vector of
each modality. `<modality>_valid` says which vectors are real; the others are zeros that must not be read. A segment without
words has one vector per modality that spans all of it. Nothing is normalised.

| split | segments |
|---|---|
{counts}

| modality | dimensions | columns |
|---|---|---|
{columns}

The licence is that of the corpus the features were extracted from; features of people's voices and faces are data on people.
"""
