"""Features as plain arrays: a folder that is a corpus of its own, every modality precomputed."""

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.artifacts.csv_cells import escaped
from pipeline.artifacts.files import write_whole_folder
from pipeline.artifacts.sequences import MODALITIES
from pipeline.exporting.extracted import Extracted

_TABLE = ("id", "label", "text", "split", "speaker", "video", "language", "start_s", "end_s")
# Zip files hold a time for each member; without one of its own, the same arrays would give other bytes every day.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def export_arrays(extracted: Extracted, folder: Path, *, classes: Sequence[str] = ()) -> None:
    """Write `text.npz`, `audio.npz`, `visual.npz`, `segments.csv` and `words.csv`.

    Each `.npz` holds `ids`, `offsets`, `values`, `times_s`, `valid` and `columns`, as `*.precomputed` reads them; times are
    seconds from the start of a segment. Put under `data/raw/`, the folder is a corpus of layout `folder`.

    Args:
        extracted: features of all segments.
        folder: the folder; it is whole or absent.
        classes: names of the classes that labels are the numbers of, to be written in their place; empty where they are none.
    """
    write_whole_folder(folder, lambda empty: _fill(extracted, empty, classes))


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
        table.writerow(_TABLE)
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
            table.writerow((*cells, segment.language, 0.0, segment.duration_s))
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
