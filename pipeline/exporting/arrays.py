"""Features as plain arrays: a folder that is a corpus of its own, every modality precomputed."""

import csv
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.corpus.task import Task
from pipeline.artifacts.features.packed import PackedSequences, Sequences, spans_or_nan
from pipeline.artifacts.formats.csv_cells import escaped
from pipeline.artifacts.formats.files import write_text, write_whole_folder
from pipeline.artifacts.sharding.spooled import Streamed, raw_bytes
from pipeline.corpus.facts import FACTS_FILE, LABEL, Facts, Features, facts_to_yaml
from pipeline.corpus.pool import splits_mix
from pipeline.corpus.splits import STANDARD
from pipeline.exporting.extracted import Extracted

_TABLE = ("id", "label", "text", "split", "speaker", "video", "language", "start_s", "end_s")
# Columns that are there where a segment says something by them.
_OPTIONAL: Mapping[str, Callable[[Segment], object]] = {
    "rater": lambda segment: escaped(segment.rater or ""),
    "trusted": lambda segment: 1 if segment.trusted else "",
    "label_spread": lambda segment: "" if segment.label_spread is None else str(segment.label_spread),
}
# An annotation, not a transcript: a segment without any would be taken for one that nothing is known of.
_NOTHING_SPOKEN = "[nothing spoken]"
_DEFAULT = "default"
# Zip files hold a time for each member; without one of its own, the same arrays would give other bytes every day.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def export_arrays(
    extracted: Extracted, folder: Path, *, classes: Sequence[str] = (), facts: Facts | None = None
) -> None:
    """Write `text.npz`, `audio.npz`, `visual.npz`, `segments.csv`, `words.csv`, `ratings.csv` if there are some, and `corpus.yaml`.

    Each `.npz` holds `ids`, `offsets`, `values`, `times_s`, `valid`, `spans_s` and `columns`, as `*.precomputed` reads them; times
    are seconds from the start of a segment. Put under `data/raw/`, the folder is a corpus of layout `folder`.

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


def exported_facts(facts: Facts, task: Task, *, split: str = STANDARD) -> Facts:
    """The facts of what `export_arrays` writes: the label of the run in front of the others, and every modality precomputed.

    Args:
        facts: facts of the corpus that the features were extracted from.
        task: task of the run.
        split: the split of the run, which becomes the standard one.
    """
    others = {
        further_label(name): label for name, label in facts.labels.items() if name not in (task.label, LABEL)
    }
    if task.label != LABEL and LABEL in facts.labels:
        others[further_label(LABEL)] = facts.labels[LABEL]
    return facts.model_copy(
        update={
            "layout": "folder",
            "label": LABEL,
            "labels": {LABEL: facts.labels[task.label], **others},
            "features": Features(**{modality: f"{modality}.npz" for modality in MODALITIES}),
            "splits": facts.splits.model_copy(update={"standard_mixes": splits_mix(facts, split=split)}),
        }
    )


def further_label(name: str) -> str:
    """What a label beside that of the run is called: as before, but for the one that another was chosen in place of."""
    return _DEFAULT if name == LABEL else name


def _fill(extracted: Extracted, folder: Path, classes: Sequence[str]) -> None:
    for modality in MODALITIES:
        _write_npz(folder / f"{modality}.npz", _arrays_of(extracted.sequences[modality]))
    with (folder / "segments.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        others = sorted({name for segment in extracted.segments for name in segment.other_labels})
        optional = {
            name: cells
            for name, cells in _OPTIONAL.items()
            if any(cells(segment) for segment in extracted.segments)
        }
        table.writerow((*_TABLE, *(f"label_{further_label(name)}" for name in others), *optional))
        for segment in extracted.segments:
            row = (
                segment.id,
                classes[int(segment.label)] if classes else segment.label,
                segment.text or ("" if extracted.spoken[segment.id].words else _NOTHING_SPOKEN),
                segment.split,
                segment.speaker,
                segment.video,
            )
            cells = (escaped(cell) if isinstance(cell, str) else cell for cell in row)
            further: list[object] = [segment.other_labels.get(name, "") for name in others]
            further += [cells(segment) for cells in optional.values()]
            span_s = (0.0, segment.duration_s) if segment.has_length else ("", "")
            table.writerow((*cells, segment.language, *span_s, *further))
    if any(segment.ratings for segment in extracted.segments):
        with (folder / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("id", "rater", "label"))
            for segment in extracted.segments:
                for rater, label in segment.ratings.items():
                    table.writerow((escaped(segment.id), escaped(rater), label))
    with (folder / "words.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("id", "word", "start_s", "end_s"))
        for segment in extracted.segments:
            for word in extracted.spoken[segment.id].words:
                table.writerow((escaped(segment.id), escaped(word.text), word.start_s, word.end_s))


def _arrays_of(sequences: Sequences) -> dict[str, np.ndarray | Streamed]:
    """What an `.npz` holds of a modality; rows pass some segments at a time."""
    n_rows = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.offsets) for part in sequences.parts())])
    offsets = np.cumsum(n_rows)

    def streamed(dtype: type, row: tuple[int, ...], of: Callable[[PackedSequences], np.ndarray]) -> Streamed:
        return Streamed(np.dtype(dtype), (int(offsets[-1]), *row), lambda: map(of, sequences.parts()))

    return {
        "ids": np.array(sequences.ids, str),
        "offsets": offsets,
        "values": streamed(np.float32, (sequences.dim,), lambda part: part.values),
        "times_s": streamed(np.float64, (), lambda part: part.times_s),
        "valid": streamed(np.bool_, (), lambda part: part.valid),
        "spans_s": streamed(np.float64, (2,), spans_or_nan),
        "columns": np.array(sequences.columns, str),
    }


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray | Streamed]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _NO_TIME), "w", force_zip64=True) as member:
                if isinstance(array, np.ndarray):
                    np.lib.format.write_array(member, array, allow_pickle=False)
                    continue
                described = {
                    "descr": np.lib.format.dtype_to_descr(array.dtype),
                    "fortran_order": False,
                    "shape": array.shape,
                }
                np.lib.format.write_array_header_1_0(member, described)
                for block in array.blocks():
                    member.write(raw_bytes(block))
