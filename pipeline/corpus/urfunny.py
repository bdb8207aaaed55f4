"""UR-FUNNY V2: `language_sdk.pkl`, `humor_label_sdk.pkl`, `data_folds.pkl`, and a clip per id in `urfunny2_videos`.

A clip holds the context and then the punchline; the segment is the punchline. Word intervals are taken as seconds of
the clip where the first of them begins near 0, and as seconds of the talk that the clip was cut from otherwise.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.segments import Split
from pipeline.artifacts.corpus.words import Word
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import spoken
from pipeline.corpus.media_index import MediaFolder, first_file, first_folder
from pipeline.errors import PipelineError
from pipeline.pickles.restricted import read_pickle

_PLACES = ("", "extracted_features/", "sdk_features/", "features/", "sdk_features/extracted_features/")
_CLIPS = ("urfunny2_videos", "videos/urfunny2_videos", "urfunny2_videos/urfunny2_videos", "videos")
_FOLDS: Mapping[str, Split] = {"train": "train", "dev": "valid", "valid": "valid", "test": "test"}
# A clip that is cut at its first word begins within this time before it.
_NEAR_S = 1.0


def read_urfunny(folder: Path) -> list[Candidate]:
    """Read the punchlines, their labels and the speaker-independent folds.

    Raises:
        PipelineError: a file is missing, holds something else, or holds what could run code.
    """
    language, labels, folds = (
        _read(folder, name) for name in ("language_sdk", "humor_label_sdk", "data_folds")
    )
    clips_folder = first_folder(folder, *_CLIPS)
    clips = None if clips_folder is None else MediaFolder(folder, clips_folder)
    splits = {
        _name(id): _FOLDS[fold]
        for fold, ids in folds.items()
        if fold in _FOLDS
        for id in _sequence(ids, f"{folder}/data_folds.pkl, {fold}")
    }
    candidates = []
    for key, row in language.items():
        id, place = _name(key), f"{folder}/language_sdk.pkl, {key}"
        if key not in labels or id not in splits:
            raise PipelineError(f"{place}: has no label or no fold; take all pickles from the same version")
        words, span = _timed(row, place)
        candidates.append(
            Candidate(
                place=place,
                id=id,
                label=_label(labels[key], place),
                media=None if clips is None else clips.find(id) or f"{clips.below}/{id}.mp4",
                text=spoken(_sentence(row.get("punchline_sentence", ""))),
                split=splits[id],
                speaker=None,
                video=id,
                language=None,
                start_s=None if span is None else span[0],
                end_s=None if span is None else span[1],
                words=words,
            )
        )
    return candidates


def _read(folder: Path, name: str) -> Mapping[Any, Any]:
    file = first_file(folder, *(f"{place}{name}.pkl" for place in _PLACES))
    if file is None:
        raise PipelineError(f"{folder}: holds no {name}.pkl; expected the extracted features of UR-FUNNY V2")
    content = read_pickle(file)
    if not isinstance(content, Mapping) or not content:
        raise PipelineError(f"{file}: expected a dictionary by id, found {type(content).__name__}")
    return content


def _name(id: Any) -> str:
    return id.decode("utf-8", "replace") if isinstance(id, bytes) else str(id)


def _sequence(value: Any, place: str) -> Sequence[Any]:
    if isinstance(value, np.ndarray) and value.ndim:
        return list(value)
    if isinstance(value, list | tuple):
        return value
    raise PipelineError(f"{place}: is a {type(value).__name__}; expected a list")


def _label(value: Any, place: str) -> float:
    if not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise PipelineError(f"{place}: the label is {str(value)[:60]!r}; expected a number")
    return float(value)


def _sentence(value: Any) -> str:
    """The text of a sentence, a string or a list of words; Python 2 wrote bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return " ".join(_sentence(part) for part in value)
    return str(value)


def _intervals(value: Any, place: str) -> list[tuple[float, float]]:
    try:
        found = [(float(start), float(end)) for start, end in value]
    except (TypeError, ValueError, OverflowError) as error:
        raise PipelineError(f"{place}: an interval is no pair of numbers ({error})") from error
    if not all(math.isfinite(bound) for interval in found for bound in interval):
        raise PipelineError(f"{place}: an interval is not finite; expected seconds")
    return found


def _timed(row: Any, place: str) -> tuple[tuple[Word, ...], tuple[float, float] | None]:
    """Words and span of the punchline, in seconds of the clip; nothing where the row has no intervals."""
    if not isinstance(row, Mapping):
        raise PipelineError(f"{place}: expected a dictionary, found {type(row).__name__}")
    punchline = _intervals(row.get("punchline_intervals", ()), place)
    if not punchline:
        return (), None
    context = [
        interval
        for sentence in _sequence(row.get("context_intervals", ()), place)
        if hasattr(sentence, "__len__")
        for interval in _intervals(sentence, place)
    ]
    first_s = min(start for start, _ in [*context, *punchline])
    zero_s = first_s if first_s > _NEAR_S else 0.0
    start_s, end_s = (round(value - zero_s, 4) for value in (punchline[0][0], punchline[-1][1]))
    spelt = _sentence(row.get("punchline_sentence", "")).split()
    if len(spelt) != len(punchline):
        return (), (start_s, end_s)
    return (
        tuple(
            Word(text, round(start - zero_s, 4), round(end - zero_s, 4))
            for text, (start, end) in zip(spelt, punchline, strict=True)
        ),
        (start_s, end_s),
    )
