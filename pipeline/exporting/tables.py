"""Features as Parquet with a dataset card, as `datasets.load_dataset` takes them from a folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.formats.files import write_whole_folder
from pipeline.corpus.facts import Facts, facts_to_yaml
from pipeline.exporting.arrays import further_label
from pipeline.exporting.extracted import Extracted

NAMES: dict[Split, str] = {"train": "train", "valid": "validation", "test": "test"}
"""The name that `datasets` gives each split."""
_ROWS_PER_GROUP = 256
METADATA = "grcf"
"""Key of the metadata of the files, with the names of the features and the facts of the corpus."""
# What only some corpora say, by the field of a segment.
_OPTIONAL: dict[str, pa.DataType] = {
    "rater": pa.string(),
    "trusted": pa.bool_(),
    "label_spread": pa.float64(),
    "ratings": pa.list_(pa.struct([("rater", pa.string()), ("label", pa.float64())])),
}


def export_tables(extracted: Extracted, folder: Path, *, facts: Facts | None = None) -> None:
    """Write `data/<split>-00000-of-00001.parquet`, one row per segment, and `README.md`.

    Features lie on the words of their segment, not normalised: a list of vectors per modality, and which of them are valid.
    `read_tables` reads it back.

    Args:
        extracted: features of all segments.
        folder: the folder; it is whole or absent.
        facts: facts of the exported corpus, see `exported_facts`, kept in the metadata of the files; None where nobody knows them.
    """
    write_whole_folder(folder, lambda empty: _fill(extracted, empty, facts))


def _fill(extracted: Extracted, folder: Path, facts: Facts | None) -> None:
    schema = _schema(extracted, facts)
    (folder / "data").mkdir()
    for split in SPLITS:
        path = folder / "data" / f"{NAMES[split]}-00000-of-00001.parquet"
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


def _schema(extracted: Extracted, facts: Facts | None) -> pa.Schema:
    fields = [
        *((name, pa.string()) for name in ("id", "video", "speaker", "language", "transcript")),
        ("duration_s", pa.float64()),
        ("label", pa.float64()),
        *((f"label_{further_label(name)}", pa.float64()) for name in _others(extracted)),
        *(
            (name, kind)
            for name, kind in _OPTIONAL.items()
            if any(getattr(segment, name) for segment in extracted.segments)
        ),
        ("words", pa.list_(pa.string())),
        ("word_start_s", pa.list_(pa.float64())),
        ("word_end_s", pa.list_(pa.float64())),
    ]
    for modality in MODALITIES:
        dim = len(extracted.sequences[modality].columns)
        fields.append((modality, pa.list_(pa.list_(pa.float32(), dim))))
        fields.append((f"{modality}_valid", pa.list_(pa.bool_())))
    known = {
        "columns": {modality: list(extracted.sequences[modality].columns) for modality in MODALITIES},
        "facts": None if facts is None else facts_to_yaml(facts),
    }
    return pa.schema(fields, metadata={METADATA: json.dumps(known)})


def _others(extracted: Extracted) -> list[str]:
    return sorted({name for segment in extracted.segments for name in segment.other_labels})


def _rows(extracted: Extracted, split: Split) -> Iterator[dict[str, object]]:
    for segment, aligned in extracted.aligned(split):
        words = extracted.spoken[segment.id].words[: extracted.align["max_words"]]
        row: dict[str, object] = {
            "id": segment.id,
            "video": segment.video,
            "speaker": segment.speaker,
            "language": segment.language,
            "transcript": segment.text,
            "duration_s": segment.duration_s if segment.has_length else None,
            "label": segment.label,
            **{f"label_{further_label(name)}": value for name, value in segment.other_labels.items()},
            **{name: getattr(segment, name) for name in _OPTIONAL},
            "ratings": [{"rater": rater, "label": label} for rater, label in sorted(segment.ratings.items())],
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
                "data_files": [{"split": name, "path": f"data/{name}-*.parquet"} for name in NAMES.values()],
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
    counts = "\n".join(f"| {NAMES[split]} | {len(extracted.of(split))} |" for split in SPLITS)
    return f"""---
{yaml.safe_dump(header, sort_keys=False)}---

# Aligned multimodal features

One row per segment of speech: its label, its words with their times in seconds from its start, and for each word a vector of
each modality. `<modality>_valid` says which vectors are real; the others are zeros that must not be read. A segment without
words has one vector per modality that spans all of it. Nothing is normalised. `label_<name>` are further labels; `rater`, `trusted`,
`label_spread` and `ratings` are there where the corpus says something by them.

| split | segments |
|---|---|
{counts}

| modality | dimensions | columns |
|---|---|---|
{columns}

The licence is that of the corpus the features were extracted from; features of people's voices and faces are data on people.
"""
