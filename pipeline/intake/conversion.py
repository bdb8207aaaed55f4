"""A table of somebody else, with text or features and labels, as a corpus of layout `folder`."""

import csv
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.corpus.words import Word
from pipeline.artifacts.formats.csv_cells import escaped, restored
from pipeline.corpus.cells import SPLIT_NAMES, number, split_named
from pipeline.corpus.folder import FOLDER_TABLE
from pipeline.corpus.media_index import MediaFolder, is_folder
from pipeline.corpus.sims import LABEL_TABLES
from pipeline.corpus.tables import read_rows
from pipeline.errors import PipelineError
from pipeline.intake.columns import ABSENT, ColumnChoice, Columns, find_columns
from pipeline.intake.feature_arrays import is_array, rows_of_segments
from pipeline.intake.words_table import Span, words_of_segments

# A workbook is refused by what it is: it has to be saved as text first.
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xls")
_ENCODINGS = ("utf-8-sig", "gb18030")
_NO_LABEL = ("", "nan", "na", "n/a", "none", "null")
_NOT_GIVEN = ("", "nan", "na", "n/a", "none", "null", "-", "?")
# What programs write for no name. In any case it would be too much: `na` is a language.
_NO_NAME = ("NA", "N/A", "n/a", "<NA>", "nan", "NaN", "NULL", "null", "None", "-", "?")
_NAMES = ("speaker", "video", "language")
# Zip files hold a time for each member; without one of its own, the same arrays would give other bytes every day.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
# A segment that is known by its features alone, as long as a segment without any times is.
_PLACEHOLDER = ("[1]", 0.0, 1.0)

_Row = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Converted:
    """What became of a table.

    Attributes:
        files: names of the files that were written.
        notes: sentences on what a person should know.
        places: where each row of `segments.csv` stands in the table that it comes from, by the line on which it begins.
    """

    files: Sequence[str]
    notes: Sequence[str]
    places: Mapping[int, str] = field(default_factory=dict)


def is_table(path: Path) -> bool:
    """Whether a file is a table of text, by the end of its name."""
    return path.suffix.lower() in TABLE_SUFFIXES


def convert_table(table: Path, folder: Path, choice: ColumnChoice, *, words: Path | None = None) -> Converted:
    """Write `segments.csv` and, for columns of features, `<modality>.npz` with a row per segment.

    Cells stay as they are written; only their columns are renamed. Rows without a label are left out. Where no column holds
    ids, rows are numbered; where no row has a transcript and text comes as features, each segment gets one word `[1]`, so that
    its row of features has a word to belong to.

    Args:
        table: the file.
        folder: where to write; it need not exist.
        choice: what a person says of the columns.
        words: a table of timed words beside it, see `words_of_segments`; None for none.

    Returns:
        names of the files below `folder`, and sentences on what was decided and left out.

    Raises:
        PipelineError: the table cannot be read, or its columns are not those of a corpus, see `find_columns`; or its recordings lie
            beside it and nothing is said of its columns, so that its folder is what was meant.
    """
    rows = list(read_rows(table, required=(), encodings=_ENCODINGS))
    if not rows:
        raise PipelineError(f"{table}: has no rows; expected a row per segment")
    recording = _recording_beside(table, rows) if choice.says_nothing else None
    if recording is not None:
        raise PipelineError(
            f"{table}: its recordings lie beside it, such as {recording}, and would stay behind; {_to_import_all(table, recording)}, "
            "or name a column, such as --text text, to take the table alone"
        )
    arrays = {m: patterns[0] for m, patterns in choice.features.items() if is_array(patterns)}
    choice = replace(
        choice, features={m: p for m, p in choice.features.items() if m not in arrays} or _none_of(arrays)
    )
    columns = find_columns(list(rows[0][1]), choice, source=str(table))
    labelled = [row for row in rows if _has_label(row, columns)]
    columns = _fitting(columns, labelled, choice)
    notes = _notes_on_columns(columns)
    labelled = _without_stand_ins(labelled, columns, notes)
    if len(labelled) < len(rows):
        notes.append(f"{len(rows) - len(labelled)} of {len(rows)} rows have no label and are left out")
    features = {modality: _matrix(labelled, names) for modality, names in columns.features.items()}
    named = dict(zip((place for place, _ in rows), _ids(rows, columns, notes), strict=True))
    ids = [named[place] for place, _ in labelled]
    names = dict(columns.features)
    for modality, array in arrays.items():
        features[modality] = rows_of_segments(array, ids)
        names[modality] = [f"{modality}_{position + 1}" for position in range(features[modality].shape[1])]
    notes += _notes_on_features(features, names)
    if choice.complete and features:
        whole = np.all([np.isfinite(values).all(axis=1) for values in features.values()], axis=0)
        notes.append(f"{int((~whole).sum())} of {len(whole)} rows lack a feature and are left out")
        labelled = [row for row, is_whole in zip(labelled, whole, strict=True) if is_whole]
        ids = [id_ for id_, is_whole in zip(ids, whole, strict=True) if is_whole]
        features = {modality: values[whole] for modality, values in features.items()}
    if not labelled:
        raise PipelineError(f"{table}: no row is left of {len(rows)}; expected a label in some")
    folder.mkdir(parents=True, exist_ok=True)
    places = _write_table(folder / "segments.csv", labelled, columns, ids)
    files = ["segments.csv"]
    if words is not None:
        spoken, sentence = words_of_segments(words, _spans(labelled, columns, ids))
        _write_words(folder / "words.csv", spoken)
        files.append("words.csv")
        notes.append(sentence)
    elif "text" in features and "text" not in columns.roles:
        _write_words(folder / "words.csv", ((id_, Word(*_PLACEHOLDER)) for id_ in ids))
        files.append("words.csv")
    for modality, values in features.items():
        _write_features(folder / f"{modality}.npz", ids, values, names[modality])
        files.append(f"{modality}.npz")
    return Converted(files, notes, places)


def _to_import_all(table: Path, recording: str) -> str:
    """What to do so that a table comes with the recordings beside it, which are found for a table of the right name alone."""
    if recording.startswith(("Raw/", "raw/")):
        renamed = "" if table.name in LABEL_TABLES else f"rename it to {LABEL_TABLES[0]} and "
        return f"{renamed}import its folder {table.parent} instead, by the layout of its corpus or by sims"
    renamed = "" if table.name == FOLDER_TABLE else f"rename it to {FOLDER_TABLE} and "
    return f"{renamed}import its folder {table.parent} instead"


def _recording_beside(table: Path, rows: Sequence[_Row]) -> str | None:
    """A recording of one of the rows, relative to the folder of the table, where the layouts look for it; None without any."""
    clips = MediaFolder(table.parent, "clips").names
    for _, row in rows:
        media = restored(row.get("media", ""))
        try:
            if media and (table.parent / media).is_file():
                return media
        except (OSError, ValueError):
            continue
        names = clips.get(restored(row.get("id", "")))
        if names:
            return f"clips/{names[0]}"
        video = row.get("video_id", "")
        for raw in ("Raw", "raw"):
            if video and is_folder(table.parent / raw / PurePosixPath(video).name):
                return f"{raw}/{video}"
    return None


def _none_of(arrays: Mapping[Modality, str]) -> Mapping[Modality, Sequence[str]]:
    """Where features come from arrays, columns are not searched for some."""
    return {modality: [ABSENT] for modality in arrays}


def _has_label(row: _Row, columns: Columns) -> bool:
    names = [columns.roles["label"]] if "label" in columns.roles else columns.annotators
    return any(row[1][name].casefold() not in _NO_LABEL for name in names)


def _fitting(columns: Columns, rows: Sequence[_Row], choice: ColumnChoice) -> Columns:
    """Without the columns that have the name of a role or of features, and whose cells are of another kind.

    Raises:
        PipelineError: most cells of a column are of the right kind and some are not, so that it is meant and has a mistake.
    """
    tested: list[tuple[str, Callable[[str], bool], str]] = []
    for role, fits, kind in (
        ("start_s", _is_number, "a number"),
        ("end_s", _is_number, "a number"),
        ("spread", _is_number, "a number"),
        ("split", _is_split, "a split"),
    ):
        column = columns.roles.get(role)
        # A column that is called split, and one that a person named, is read strictly.
        if column is not None and role not in choice.roles and column != "split":
            tested.append((column, fits, kind))
    if not choice.features:
        tested += [(name, _is_feature, "a number") for names in columns.features.values() for name in names]
    if not choice.other_labels:
        tested += [(name, _is_number, "a number") for name in columns.other_labels.values()]
    wrong = {name for name, fits, kind in tested if not _fits(name, rows, fits, kind)}
    if not wrong:
        return columns
    features = {
        modality: [name for name in names if name not in wrong]
        for modality, names in columns.features.items()
    }
    return replace(
        columns,
        roles={role: name for role, name in columns.roles.items() if name not in wrong},
        other_labels={name: column for name, column in columns.other_labels.items() if column not in wrong},
        features={modality: names for modality, names in features.items() if names},
        left_out=[name for name in rows[0][1] if name in wrong or name in columns.left_out],
    )


def _fits(column: str, rows: Sequence[_Row], fits: Callable[[str], bool], kind: str) -> bool:
    """Whether the cells of a column that hold something are of a kind; refuses one where a minority is not."""
    others = [
        (place, cell)
        for place, row in rows
        if (cell := row[column]) and not fits(cell) and cell.casefold() not in _NOT_GIVEN
    ]
    n_given = sum(row[column].casefold() not in _NOT_GIVEN for _, row in rows) if others else 0
    if 2 * len(others) < n_given:
        place, cell = others[0]
        raise PipelineError(
            f"{place}: {column} is {cell[:60]!r}; expected {kind}, as in {n_given - len(others)} of {n_given} rows; correct "
            "or empty the cell, or rename the column if it is to be left out"
        )
    return not others


def _without_stand_ins(rows: Sequence[_Row], columns: Columns, notes: list[str]) -> list[_Row]:
    """The rows with cells emptied where a program wrote `NA` or the like for no speaker, video, language or split."""
    emptied: dict[str, set[str]] = {}
    emptied_cells = 0
    found = []
    for place, row in rows:
        nothing = {
            column: ""
            for role in (*_NAMES, "split")
            if (column := columns.roles.get(role)) is not None
            and (row[column] in _NO_NAME or (role == "split" and row[column].casefold() in _NOT_GIVEN))
            and row[column]
        }
        for column in nothing:
            emptied.setdefault(column, set()).add(row[column])
        emptied_cells += len(nothing)
        found.append((place, {**row, **nothing} if nothing else row))
    if emptied_cells:
        written = sorted(set().union(*emptied.values()))
        notes.append(
            f"{emptied_cells} cells of {', '.join(emptied)} hold {' or '.join(map(repr, written))}, which stands for nothing given, "
            "and are emptied"
        )
    return found


def _is_number(cell: str) -> bool:
    try:
        number(cell, "", "")
    except PipelineError:
        return False
    return True


def _is_split(cell: str) -> bool:
    return cell.casefold() in SPLIT_NAMES


def _is_feature(cell: str) -> bool:
    """Whether a cell is a number or one of the ways to write that there is none."""
    try:
        float(cell or "nan")
    except ValueError:
        return cell.casefold() in _NOT_GIVEN
    return "_" not in cell


def _matrix(rows: Sequence[_Row], names: Sequence[str]) -> Float32[np.ndarray, "row column"]:
    """The features of the rows; NaN where a cell holds none.

    Raises:
        PipelineError: a cell is no number.
    """
    values = np.empty((len(rows), len(names)), np.float32)
    for position, (place, row) in enumerate(rows):
        for column, name in enumerate(names):
            cell = row[name]
            if not _is_feature(cell):
                raise PipelineError(f"{place}: {name} is {cell[:60]!r}; expected a number, or an empty cell")
            values[position, column] = math.nan if cell.casefold() in _NOT_GIVEN else float(cell)
    values[~np.isfinite(values)] = np.nan
    return values


def _ids(rows: Sequence[_Row], columns: Columns, notes: list[str]) -> list[str]:
    column = columns.roles.get("id")
    if column is not None:
        return [row[column] for _, row in rows]
    width = len(str(len(rows)))
    notes.append("no column holds ids: segments are called row_1 and so on, by their place in the table")
    return [f"row_{position:0{width}d}" for position in range(1, len(rows) + 1)]


def _notes_on_columns(columns: Columns) -> list[str]:
    renamed = [
        f"{role.removesuffix('_s')} is {column!r}" for role, column in columns.roles.items() if column != role
    ]
    notes = []
    if renamed:
        notes.append(f"columns: {', '.join(renamed)}")
    if columns.other_labels:
        notes.append(f"kept as further labels: {', '.join(columns.other_labels)}")
    if columns.left_out:
        names = ", ".join(columns.left_out[:12]) + (" and more" if len(columns.left_out) > 12 else "")
        n = len(columns.left_out)
        notes.append(
            f"{n} column{'s are' if n > 1 else ' is'} left out: {names} (see --other-labels and --text-features)"
        )
    return notes


def _notes_on_features(
    features: Mapping[Modality, Float32[np.ndarray, "row column"]], columns: Mapping[Modality, Sequence[str]]
) -> list[str]:
    notes = []
    for modality, values in features.items():
        names = columns[modality]
        missing = ~np.isfinite(values)
        lacking = int(missing.any(axis=1).sum())
        sentence = f"{modality}: {len(names)} features of a segment, {names[0]} to {names[-1]}"
        if lacking:
            worst = int(missing.sum(axis=0).argmax())
            sentence += (
                f"; {lacking} of {len(values)} rows lack one or more of them (most often {names[worst]}) and count as without "
                f"{modality}; leave such a column out by a pattern with '!' in front"
            )
        notes.append(sentence)
    return notes


def _write_table(path: Path, rows: Sequence[_Row], columns: Columns, ids: Sequence[str]) -> Mapping[int, str]:
    """Write the rows, and give the place that each comes from by the line on which it now begins."""
    roles = {role: column for role, column in columns.roles.items() if role not in ("id", "spread")}
    sources = {
        **roles,
        **{name.lower(): name for name in columns.annotators},
        **{f"label_{name}": column for name, column in columns.other_labels.items()},
    }
    if "spread" in columns.roles:
        sources["label_spread"] = columns.roles["spread"]
    language = columns.language if "language" not in roles else None
    numbers = {"start_s", "end_s", "label_spread", *(name for name in sources if name.startswith("label_"))}
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["id", *sources, *(["language"] if language else [])])
        places, line = dict[int, str](), 2
        for id_, (place, row) in zip(ids, rows, strict=True):
            cells = [escaped(restored(id_))]
            for name, column in sources.items():
                cell = row[column]
                if name in numbers and cell.casefold() in _NOT_GIVEN:
                    cell = ""
                if name == "split" and cell:
                    cell = split_named(cell, place, column)
                cells.append(escaped(restored(cell)))
            table.writerow([*cells, *([language] if language else [])])
            places[line] = place
            line += 1 + sum(cell.count("\n") for cell in cells)
    return places


def _spans(rows: Sequence[_Row], columns: Columns, ids: Sequence[str]) -> list[Span]:
    """Where the segments lie in their recordings, as far as the table says."""

    def seconds(role: str, place: str, row: Mapping[str, str]) -> float | None:
        column = columns.roles.get(role)
        cell = "" if column is None else row[column]
        return None if column is None or cell.casefold() in _NOT_GIVEN else number(cell, place, column)

    video = columns.roles.get("video")
    return [
        Span(id_, row[video] if video else id_, seconds("start_s", place, row), seconds("end_s", place, row))
        for id_, (place, row) in zip(ids, rows, strict=True)
    ]


def _write_words(path: Path, words: Iterable[tuple[str, Word]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("id", "word", "start_s", "end_s"))
        for id_, word in words:
            table.writerow((escaped(restored(id_)), escaped(word.text), word.start_s, word.end_s))


def _write_features(
    path: Path, ids: Sequence[str], values: Float32[np.ndarray, "row column"], names: Sequence[str]
) -> None:
    arrays = {
        "ids": np.array([restored(id_) for id_ in ids], str),
        "values": values,
        "columns": np.array(names, str),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _NO_TIME), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
