"""Features as plain arrays: a folder that is a corpus of its own, every modality precomputed."""

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.artifacts.csv_cells import escaped
from pipeline.artifacts.files import write_text, write_whole_folder
from pipeline.artifacts.sequences import MODALITIES
from pipeline.artifacts.task import Task
from pipeline.corpus.facts import FACTS_FILE, LABEL, Facts, Features, facts_to_yaml
from pipeline.exporting.extracted import Extracted

_TABLE = ("id", "label", "text", "split", "speaker", "video", "language", "start_s", "end_s")
# Zip files hold a time for each member; without one of its own, the same arrays would give other bytes every day.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def export_arrays(
    extracted: Extracted, folder: Path, *, classes: Sequence[str] = (), facts: Facts | None = None
) -> None:
    """Write `text.npz`, `audio.npz`, `visual.npz`, `segments.csv`, `words.csv` and `corpus.yaml`.

    Each `.npz` holds `ids`, `offsets`, `values`, `times_s`, `valid` and `columns`, as `*.precomputed` reads them; times are
    seconds from the start of a segment. Put under `data/raw/`, the folder is a corpus of layout `folder`.

    Args:
        extracted: features of all segments.
        folder: the folder; it is whole or absent.
        classes: names of the classes that labels are the numbers of, to be written in their place; empty where they are none.
        facts: facts of the exported corpus, see `exported_facts`; None where nobody knows them, so that an import finds them.
    """

    def fill(empty: Path) -> None:
        _fill(extracted, empty, classes)
        if facts is not None:
            write_text(empty / FACTS_FILE, facts_to_yaml(facts))

    write_whole_folder(folder, fill)


def exported_facts(facts: Facts, task: Task) -> Facts:
    """The facts of what `export_arrays` writes: one label, that of the run, and every modality precomputed.

    Args:
        facts: facts of the corpus that the features were extracted from.
        task: task of the run.
    """
    label = facts.labels[task.label]
    return facts.model_copy(
        update={
            "layout": "folder",
            "label": LABEL,
            "labels": {LABEL: label},
            "features": Features(**{modality: f"{modality}.npz" for modality in MODALITIES}),
        }
    )


def _fill(extracted: Extracted, folder: Path, classes: Sequence[str]) -> None:
    for modality in MODALITIES:
        packed = extracted.sequences[modality]
        _write_npz(
            folder / f"{modality}.npz",
            {
                "ids": np.array(packed.ids, str),
                "offsets": packed.offsets,
                "values": packed.values,
                "times_s": packed.times_s,
                "valid": packed.valid,
                "columns": np.array(packed.columns, str),
            },
        )
    with (folder / "segments.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        others = sorted({name for segment in extracted.segments for name in segment.other_labels} - {LABEL})
        has_spread = any(segment.label_spread is not None for segment in extracted.segments)
        table.writerow(
            (*_TABLE, *(f"label_{name}" for name in others), *(["label_spread"] if has_spread else []))
        )
        for segment in extracted.segments:
            row = (
                segment.id,
                classes[int(segment.label)] if classes else segment.label,
                segment.text or "",
                segment.split,
                segment.speaker,
                segment.video,
            )
            cells = (escaped(cell) if isinstance(cell, str) else cell for cell in row)
            further = [segment.other_labels.get(name, "") for name in others]
            if has_spread:
                further.append("" if segment.label_spread is None else segment.label_spread)
            table.writerow((*cells, segment.language, 0.0, segment.duration_s, *further))
    with (folder / "words.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("id", "word", "start_s", "end_s"))
        for segment in extracted.segments:
            for word in extracted.spoken[segment.id].words:
                table.writerow((escaped(segment.id), escaped(word.text), word.start_s, word.end_s))


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _NO_TIME), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
