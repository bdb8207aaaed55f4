"""MUStARD: `sarcasm_data.json`, a clip per utterance in `utterances_final`, and the folds of its authors.

The context of an utterance (what was said before, clips in `context_final`) is kept on disk and read by no stage.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import spoken
from pipeline.corpus.media_index import MediaFolder, first_file, first_folder
from pipeline.corpus.tables import read_text_file
from pipeline.errors import PipelineError
from pipeline.pickles.restricted import read_pickle

_TABLES = ("sarcasm_data.json", "data/sarcasm_data.json")
_FOLDS = ("split_indices.p", "data/split_indices.p")
_CLIPS = tuple(
    f"{above}utterances_final"
    for above in ("", "mmsd_raw_data/", "data/", "videos/", "raw_data/", "data/videos/")
)
# The authors' speaker-independent setting tests on one show and trains on the others (speaker_independent_split in
# their data_loader.py; its docstring names another show than its code).
_TEST_SHOW = "FRIENDS"
_KEYS = ("utterance", "speaker", "sarcasm")


def read_mustard(folder: Path) -> list[Candidate]:
    """Read the utterances, their speakers and the folds that test on them.

    Raises:
        PipelineError: the table is missing or is not that of MUStARD.
    """
    table = first_file(folder, *_TABLES)
    if table is None:
        raise PipelineError(f"{folder}: holds no {_TABLES[0]}; expected the table of MUStARD")
    rows = _rows(table)
    clips_folder = first_folder(folder, *_CLIPS)
    clips = None if clips_folder is None else MediaFolder(folder, clips_folder)
    fold = _folds(folder, n_rows=len(rows))
    shows = all("show" in row for row in rows.values())
    return [
        Candidate(
            place=f"{table}, {id}",
            id=id,
            label=float(_is_sarcastic(row["sarcasm"], f"{table}, {id}")),
            media=None if clips is None else clips.find(id) or f"{clips.below}/{id}.mp4",
            text=spoken(_repaired(row["utterance"])),
            split=("test" if row["show"] == _TEST_SHOW else "train") if shows else None,
            speaker=_speaker(str(row["speaker"]), row.get("show")),
            video=id,
            language=None,
            start_s=None,
            end_s=None,
            words=(),
            fold=fold.get(position),
        )
        for position, (id, row) in enumerate(rows.items())
    ]


def _rows(table: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        rows = json.loads(read_text_file(table))
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{table}: not JSON ({error}); fetch it again") from error
    if not isinstance(rows, dict) or not rows:
        raise PipelineError(f"{table}: expected utterances by id, found {type(rows).__name__}")
    for id, row in rows.items():
        missing = [key for key in _KEYS if not isinstance(row, dict) or key not in row]
        if missing:
            raise PipelineError(f"{table}, {id}: is missing {missing[0]!r}; expected {', '.join(_KEYS)}")
    return rows


def _is_sarcastic(value: Any, place: str) -> bool:
    found = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(
        str(value).lower()
    )
    if found is None:
        raise PipelineError(f"{place}: sarcasm is {value!r}; expected true or false")
    return found


def _speaker(name: str, show: str | None) -> str:
    """A named speaker, or all whom a show calls PERSON, because two of them may be one and the same."""
    return f"unnamed of {show or 'a show'}" if re.fullmatch(r"PERSON[0-9]*", name) else name


def _repaired(text: str) -> str:
    """The published file holds A with macron where the first byte of a typographic character was misread."""
    return re.sub("\u0100(?=[\u2010-\u203a])", "", str(text))


def _folds(folder: Path, *, n_rows: int) -> Mapping[int, int]:
    """The fold, from 1, that tests on each row of the table; empty without the file."""
    file = first_file(folder, *_FOLDS)
    if file is None:
        return {}
    content = read_pickle(file)
    pairs = content if isinstance(content, Sequence) else []
    fold: dict[int, int] = {}
    for number, pair in enumerate(pairs, start=1):
        if not isinstance(pair, Sequence) or len(pair) != 2:
            break
        tested = np.asarray(pair[1], object).reshape(-1).tolist()
        if not all(isinstance(position, int | np.integer) for position in tested):
            break
        fold |= dict.fromkeys(map(int, tested), number)
    if sorted(fold) != list(range(n_rows)):
        raise PipelineError(
            f"{file}: its folds test on {len(fold)} rows, but the table has {n_rows}; take both files from the same "
            "version of MUStARD, or remove this one"
        )
    return fold
