"""Our own corpus layout: a table `segments.csv`, media beside it, and word times where somebody has them."""

import math
import re
import statistics
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.artifacts.corpus.words import TOLERANCE_S, Word
from pipeline.artifacts.formats.csv_cells import restored
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import is_name, language_code, number, split_named, truth_value
from pipeline.corpus.media_index import MediaFolder, NamesOnDisk, is_folder
from pipeline.corpus.tables import read_rows
from pipeline.corpus.timed.finding import TranscriptFolder, of_segment
from pipeline.errors import PipelineError, did_you_mean
from pipeline.storage.left_behind import is_left_out

FOLDER_TABLE = "segments.csv"
_WORD_TABLE = "words.csv"
_RATING_TABLE = "ratings.csv"
_SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_TEXT_TABLES = (".csv", ".tsv", ".txt")
_OPTIONAL = (
    "label",
    "media",
    "text",
    "split",
    "speaker",
    "video",
    "rater",
    "trusted",
    "language",
    "start_s",
    "end_s",
)
# label_1, label_2, … are raters; label_audio and the like are other labels.
_ANNOTATOR = re.compile(r"label_[0-9]+")
_FURTHER_LABEL = re.compile(r"label_\w+")
_SPREAD = "label_spread"
_WORD_COLUMNS = ("id", "word", "start_s", "end_s")
_RATING_COLUMNS = ("id", "rater", "label")
# Among names of columns, for what raters gave; no column can be called so.
_RATINGS = "the ratings"
# Place and column of a rating, and what stands there.
_Rating = tuple[str, str, str]


def read_folder(folder: Path) -> list[Candidate]:
    """Read `segments.csv` and, where they are there, `words.csv` and `ratings.csv`; docs/reference/data.md has their columns.

    Raises:
        PipelineError: the folder, the table or a column is missing, an unknown column is there (a typing error in an
            optional name would go unseen), a cell is not what its column asks for, or another table does not fit to this one.
    """
    if not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder; put the corpus there, or name another with `-S corpus.name=…`"
        )
    _require_table(folder)
    rows = list(read_rows(folder / FOLDER_TABLE, required=("id",), known=_is_known, named=_OPTIONAL))
    if not rows:
        raise PipelineError(f"{folder / FOLDER_TABLE}: has no rows; expected a row per segment")
    columns = rows[0][1]
    ratings = _read_ratings(folder / _RATING_TABLE)
    if "label" not in columns and not any(map(_is_annotator, columns)) and not ratings:
        raise PipelineError(
            f"{folder / FOLDER_TABLE}: is missing 'label'; expected a label, or label_1, label_2, … or {_RATING_TABLE} of several raters"
        )
    words = _read_words(folder / _WORD_TABLE)
    clips = MediaFolder(folder, "clips") if is_folder(folder / "clips") else None
    names = NamesOnDisk(folder)
    named = _columns_of_names([row for _, row in rows], ratings)
    candidates = [_candidate(place, row, words, ratings, clips, names, named) for place, row in rows]
    transcripts = TranscriptFolder(folder)
    candidates = [_with_transcript(candidate, transcripts) for candidate in candidates]
    if any(candidate.text is None and not candidate.words for candidate in candidates):
        transcripts.refuse_all_unused()
    _refuse_strange_ids(folder / _RATING_TABLE, ratings, candidates)
    _check_words(folder / _WORD_TABLE, words, candidates)
    return candidates


def _require_table(folder: Path) -> None:
    """Say which other table lies in the folder, where the one that counts is missing."""
    if (folder / FOLDER_TABLE).exists():
        return
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in (_WORD_TABLE, _RATING_TABLE) and not is_left_out(path.name)
    )
    for endings, remedy in (
        (_SPREADSHEETS, f"save it as {FOLDER_TABLE} beside it (in Excel: CSV UTF-8)"),
        (_TEXT_TABLES, f"rename it to {FOLDER_TABLE} if it is the table of the segments"),
    ):
        for name in names:
            if name.lower().endswith(endings):
                raise PipelineError(f"{folder / FOLDER_TABLE}: not found, but {name} lies there; {remedy}")


def _is_known(column: str) -> bool:
    return column in ("id", *_OPTIONAL) or _FURTHER_LABEL.fullmatch(column) is not None


def _is_annotator(column: str) -> bool:
    return _ANNOTATOR.fullmatch(column) is not None


def _is_other_label(column: str) -> bool:
    return _FURTHER_LABEL.fullmatch(column) is not None and not _is_annotator(column) and column != _SPREAD


def _candidate(
    place: str,
    row: Mapping[str, str],
    words: Mapping[str, Sequence[Word]],
    ratings: Mapping[str, Mapping[str, _Rating]],
    clips: MediaFolder | None,
    names: NamesOnDisk,
    named: Collection[str],
) -> Candidate:
    row = {column: restored(cell) for column, cell in row.items()}
    classes = {
        _label_of(column): " ".join(row[column].split())
        for column in named
        if column in row and row[column].strip()
    }
    rated = _ratings_of(row, place, ratings.get(row["id"], {}))
    row = {column: "" if column in named or _is_annotator(column) else cell for column, cell in row.items()}
    media = _media(row, clips, names)
    given: Mapping[str, float] = {}
    given_names: Mapping[str, str] = {}
    if _RATINGS in named:
        given_names = {rater: " ".join(cell.split()) for rater, (_, _, cell) in rated.items()}
    else:
        given = {rater: number(cell, where, column) for rater, (where, column, cell) in rated.items()}
    others = _given(row, place, _is_other_label)
    if not row.get("label") and not rated and "label" not in classes:
        expected = "the name of a class" if "label" in named else "a number"
        raise PipelineError(f"{place}: label is {row.get('label', '')!r}; expected {expected}")
    return Candidate(
        place=place,
        id=row["id"],
        label=_label(row, place, given, is_named="label" in classes or _RATINGS in named),
        media=media,
        text=row.get("text") or None,
        split=split_named(row["split"], place) if row.get("split") else None,
        speaker=row.get("speaker") or None,
        video=row.get("video") or media or row["id"],
        language=language_code(row["language"], place) if row.get("language") else None,
        start_s=number(row["start_s"], place, "start_s") if row.get("start_s") else None,
        end_s=number(row["end_s"], place, "end_s") if row.get("end_s") else None,
        words=tuple(words.get(row["id"], ())),
        other_labels={name.removeprefix("label_"): value for name, value in others.items()},
        spread=_spread(row, place, given),
        rater=row.get("rater") or (next(iter(rated)) if len(rated) == 1 else None),
        ratings=given,
        named_ratings=given_names,
        by_ratings=bool(rated) and not row.get("label") and "label" not in classes,
        trusted=truth_value(row["trusted"], place, "trusted") if row.get("trusted") else False,
        named=classes,
    )


def _columns_of_names(
    rows: Sequence[Mapping[str, str]], ratings: Mapping[str, Mapping[str, _Rating]]
) -> set[str]:
    """The columns of labels that hold names of classes: those of whose cells more than half are words.

    What raters gave, in columns and in the table of ratings, is one column in this sense, `_RATINGS`.
    """
    named = set()
    rated = [cell for given in ratings.values() for _, _, cell in given.values()]
    rated += [
        cell
        for row in rows
        for column, value in row.items()
        if _is_annotator(column) and (cell := restored(value).strip())
    ]
    if 2 * sum(map(is_name, rated)) > len(rated):
        named.add(_RATINGS)
    for column in rows[0]:
        if column == "label" or _is_other_label(column):
            cells = [cell for row in rows if (cell := restored(row[column]).strip())]
            if 2 * sum(map(is_name, cells)) > len(cells):
                named.add(column)
    return named


def _label_of(column: str) -> str:
    """The name of a label by its column."""
    return column.removeprefix("label_")


def _label(row: Mapping[str, str], place: str, given: Mapping[str, float], *, is_named: bool) -> float:
    if is_named and not row.get("label"):
        return math.nan
    return number(row["label"], place, "label") if row.get("label") else statistics.fmean(given.values())


def _ratings_of(row: Mapping[str, str], place: str, further: Mapping[str, _Rating]) -> Mapping[str, _Rating]:
    """The labels of a segment by rater: those of the columns label_1, label_2, …, and those of the table of ratings."""
    columns = {
        name.removeprefix("label_"): (place, name, cell)
        for name, cell in row.items()
        if cell.strip() and _is_annotator(name)
    }
    twice = sorted(columns.keys() & further.keys())
    if twice:
        raise PipelineError(
            f"{place}: the rater {twice[0]!r} has a label in the column label_{twice[0]} and another in {_RATING_TABLE}; keep one"
        )
    return {**columns, **further}


def _with_transcript(candidate: Candidate, transcripts: TranscriptFolder) -> Candidate:
    """With the words of a timed transcript of its recording, where the tables have none, or its text and cues."""
    if candidate.words:
        return candidate
    recordings = (candidate.media,) if candidate.media is not None else (candidate.id, candidate.video)
    transcript = transcripts.find(*recordings)
    if transcript is None:
        return candidate
    words, cues = of_segment(transcript, candidate.start_s, candidate.end_s)
    if candidate.text is not None or words:
        return replace(candidate, words=words)
    # Nobody speaks where the transcript of the recording has nothing.
    return replace(candidate, text=" ".join(cue.text for cue in cues), cues=cues)


def _spread(row: Mapping[str, str], place: str, given: Mapping[str, float]) -> float | None:
    """The standard deviation of the raters: of their labels, where these are there, or as the table has it."""
    if len(given) > 1:
        return statistics.stdev(given.values())
    if not row.get(_SPREAD):
        return None
    spread = number(row[_SPREAD], place, _SPREAD)
    if spread < 0:
        raise PipelineError(f"{place}: {_SPREAD} is {row[_SPREAD]!r}; expected a standard deviation from 0")
    return spread


def _media(row: Mapping[str, str], clips: MediaFolder | None, names: NamesOnDisk) -> str | None:
    if row.get("media"):
        return names.find(row["media"])
    return None if clips is None else clips.find(row["id"]) or f"clips/{row['id']}.mp4"


def _given(row: Mapping[str, str], place: str, wanted: Callable[[str], bool]) -> Mapping[str, float]:
    """The numbers in the columns that are wanted; an empty cell is a rater who did not see the segment."""
    return {name: number(cell, place, name) for name, cell in row.items() if cell and wanted(name)}


def _read_ratings(path: Path) -> Mapping[str, Mapping[str, _Rating]]:
    """Ratings by segment id and rater, from a row for each; none without the table.

    Raises:
        PipelineError: a row names no rater or no label, or a rater labels a segment twice.
    """
    ratings: dict[str, dict[str, _Rating]] = defaultdict(dict)
    if not path.exists() and not path.is_symlink():
        return ratings
    for place, row in read_rows(path, required=_RATING_COLUMNS, known=_RATING_COLUMNS.__contains__):
        id_, rater = restored(row["id"]), restored(row["rater"])
        if not rater:
            raise PipelineError(f"{place}: the rater of {id_!r} is empty; name who gave the label")
        if rater in ratings[id_]:
            raise PipelineError(
                f"{place}: {rater!r} labels {id_!r} a second time; keep one label of each rater"
            )
        cell = restored(row["label"])
        if not cell.strip():
            raise PipelineError(f"{place}: the label that {rater!r} gave {id_!r} is empty; leave the row out")
        ratings[id_][rater] = (place, "label", cell)
    return ratings


def _read_words(path: Path) -> Mapping[str, Sequence[Word]]:
    """Words by segment id, in seconds of the media.

    Raises:
        PipelineError: a row has no times, or times that cannot be those of words one after another.
    """
    words: dict[str, list[Word]] = defaultdict(list)
    if not path.exists() and not path.is_symlink():
        return words
    n_rows, wrong = 0, []
    for place, row in read_rows(path, required=_WORD_COLUMNS, known=_WORD_COLUMNS.__contains__):
        n_rows += 1
        id_ = restored(row["id"])
        spoken = words[id_]
        try:
            start_s, end_s = (number(row[column], place, column) for column in ("start_s", "end_s"))
        except PipelineError as error:
            wrong.append(str(error))
            continue
        reason = _implausible(start_s, end_s, spoken[-1].start_s if spoken else 0.0)
        if reason is not None:
            wrong.append(f"{place}: the word {row['word']!r} of {id_!r} {reason}")
        spoken.append(Word(restored(row["word"]), start_s, end_s))
    if wrong:
        raise PipelineError(
            f"{path}: {len(wrong)} of {n_rows} words have no usable times, the first: {wrong[0]}; expected seconds from the "
            "start of the recording, each word after the one before it"
        )
    return words


def _implausible(start_s: float, end_s: float, previous_s: float) -> str | None:
    if start_s < 0:
        return f"starts at {start_s:g} s, before the recording"
    if end_s < start_s:
        return f"ends at {end_s:g} s, before it starts at {start_s:g} s"
    if start_s < previous_s - TOLERANCE_S:
        return f"starts at {start_s:g} s, before the word in front of it at {previous_s:g} s"
    return None


def _check_words(path: Path, words: Mapping[str, Sequence[Word]], candidates: Sequence[Candidate]) -> None:
    """Refuse words that would go unused: of ids that are in no row, or outside of their segment.

    Raises:
        PipelineError: there are such words; the sentence counts them.
    """
    _refuse_strange_ids(path, words, candidates)
    outside = [candidate for candidate in candidates if candidate.words and not any(_within(candidate))]
    if outside:
        first = outside[0]
        raise PipelineError(
            f"{path}: of {len(outside)} segments all words lie outside of the segment, such as those of {first.id!r}, which is "
            f"cut at {first.start_s or 0:g}–{'the end' if first.end_s is None else f'{first.end_s:g}'} s; expected seconds from "
            "the start of the recording, not of the segment"
        )


def _refuse_strange_ids(path: Path, named: Collection[str], candidates: Sequence[Candidate]) -> None:
    ids = {candidate.id for candidate in candidates}
    strange = [id_ for id_ in named if id_ not in ids]
    if strange:
        raise PipelineError(
            f"{path}: {len(strange)} of its {len(named)} ids are none of {FOLDER_TABLE}, such as {strange[0]!r}"
            f"{_near_id(strange[0], ids)}; write them as in the column id there"
        )


def _within(candidate: Candidate) -> Iterable[bool]:
    start_s = candidate.start_s or 0.0
    end_s = float("inf") if candidate.end_s is None else candidate.end_s
    return (word.start_s < end_s and word.end_s >= start_s for word in candidate.words)


def _near_id(strange: str, ids: Iterable[str]) -> str:
    by_form = {unicodedata.normalize("NFC", id_).casefold(): id_ for id_ in ids}
    form = unicodedata.normalize("NFC", strange).casefold()
    near = by_form.get(form) or by_form.get(form.rpartition(".")[0])
    return f" (did you mean {near!r}?)" if near else did_you_mean(strange, list(by_form.values()))
