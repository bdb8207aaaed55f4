"""Our own corpus layout: a table `segments.csv`, media beside it, and word times where somebody has them."""

import re
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from pipeline.artifacts.words import Word
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.media_index import forward_slashes
from pipeline.errors import PipelineError

_TABLE = "segments.csv"
_WORD_TABLE = "words.csv"
_REQUIRED = ("id",)
_OPTIONAL = ("label", "media", "text", "split", "speaker", "video", "language", "start_s", "end_s")
# label_1, label_2, … are annotators; label_audio and the like are other labels.
_ANNOTATOR = re.compile(r"label_[0-9]+")
_FURTHER_LABEL = re.compile(r"label_\w+")
_WORD_COLUMNS = ("id", "word", "start_s", "end_s")


def read_folder(folder: Path) -> list[Candidate]:
    """Read `segments.csv` and, where there is one, `words.csv`; see docs/reference/data.md for their columns.

    Raises:
        PipelineError: the folder, the table or a column is missing, an unknown column is there (a typing error in an
            optional name would go unseen), or a cell that has to be a number is none.
    """
    if not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder; put the corpus there, or name another with `-S corpus.name=…`"
        )
    table = _read_table(folder / _TABLE, required=_REQUIRED, optional=_OPTIONAL)
    if table.empty:
        raise PipelineError(f"{folder / _TABLE}: has no rows; expected a row per segment")
    if "label" not in table.columns and not any(map(_is_annotator, table.columns)):
        raise PipelineError(
            f"{folder / _TABLE}: is missing 'label'; expected a label, or label_1, label_2, … of several annotators"
        )
    words = _read_words(folder / _WORD_TABLE)
    clips = _list_clips(folder)
    return [_candidate(row, folder, words, clips) for row in _rows(table)]


def _read_table(path: Path, *, required: tuple[str, ...], optional: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise PipelineError(
            f"{path}: not found; expected a table with the columns {', '.join(required)}"
        ) from error
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise PipelineError(
            f"{path}: not a UTF-8 CSV table with a header ({' '.join(str(error).split())})"
        ) from error
    missing = [name for name in required if name not in table.columns]
    unknown = [
        name
        for name in table.columns
        if name not in required + optional and not ("label" in optional and _FURTHER_LABEL.fullmatch(name))
    ]
    if missing or unknown:
        raise PipelineError(
            f"{path}: "
            + " and ".join(
                filter(None, [_list("is missing", missing), _list("does not know the column", unknown)])
            )
            + f"; expected {', '.join(required)} and optionally {', '.join(optional) or 'nothing else'}"
        )
    table.insert(0, "row", [str(number) for number in range(2, len(table) + 2)])
    return table.map(str.strip)


def _rows(table: pd.DataFrame) -> list[dict[str, str]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


def _list(verb: str, names: list[str]) -> str:
    return f"{verb} {', '.join(map(repr, names))}" if names else ""


def _read_words(path: Path) -> Mapping[str, list[Word]]:
    """Words by segment id, in seconds of the media."""
    words: dict[str, list[Word]] = {}
    if path.exists():
        for row in _rows(_read_table(path, required=_WORD_COLUMNS, optional=())):
            place = f"{path}, line {row['row']}"
            words.setdefault(row["id"], []).append(
                Word(
                    row["word"],
                    _number(row["start_s"], place, "start_s"),
                    _number(row["end_s"], place, "end_s"),
                )
            )
    return words


def _candidate(
    row: Mapping[str, str], folder: Path, words: Mapping[str, list[Word]], clips: Mapping[str, str] | None
) -> Candidate:
    place = f"{folder / _TABLE}, line {row['row']}"
    media: str | None
    if row.get("media"):
        media = forward_slashes(row["media"], folder=folder)
    else:
        media = None if clips is None else f"clips/{clips.get(row['id'], row['id'] + '.mp4')}"
    given = _given(row, place, _is_annotator)
    others = _given(row, place, _is_other_label)
    if not row.get("label") and not given:
        raise PipelineError(f"{place}: label is {row.get('label', '')!r}; expected a number")
    return Candidate(
        place=place,
        id=row["id"],
        label=_number(row["label"], place, "label") if row.get("label") else statistics.fmean(given.values()),
        media=media,
        text=row["text"] if row.get("text") else None,
        split=row.get("split") or None,
        speaker=row.get("speaker") or None,
        video=row.get("video") or media or row["id"],
        language=row.get("language") or None,
        start_s=_number(row["start_s"], place, "start_s") if row.get("start_s") else None,
        end_s=_number(row["end_s"], place, "end_s") if row.get("end_s") else None,
        words=tuple(words.get(row["id"], ())),
        other_labels={name.removeprefix("label_"): value for name, value in others.items()},
        spread=statistics.stdev(given.values()) if len(given) > 1 else None,
    )


def _is_annotator(name: str) -> bool:
    return _ANNOTATOR.fullmatch(name) is not None


def _is_other_label(name: str) -> bool:
    return _FURTHER_LABEL.fullmatch(name) is not None and not _is_annotator(name)


def _given(row: Mapping[str, str], place: str, wanted: Callable[[str], bool]) -> Mapping[str, float]:
    """The numbers in the columns that are wanted; an empty cell is an annotator who did not see the segment."""
    return {name: _number(cell, place, name) for name, cell in row.items() if cell and wanted(name)}


def _list_clips(folder: Path) -> Mapping[str, str] | None:
    """Files of `clips/` by their stems, of several the first by name; None where there is no such folder."""
    if not (folder / "clips").is_dir():
        return None
    found: dict[str, str] = {}
    for path in sorted((folder / "clips").iterdir()):
        found.setdefault(path.stem, path.name)
    return found


def _number(text: str, place: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise PipelineError(f"{place}: {column} is {text!r}; expected a number") from None
