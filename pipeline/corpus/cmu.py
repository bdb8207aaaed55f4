"""CMU-MOSI and CMU-MOSEI as their raw archives unpack, or with the `label.csv` of MMSA.

    Raw/Video/{Segmented,Full}          MOSEI: Raw/Videos/{Segmented,Full}/Combined
    Raw/Transcript/Segmented            MOSI:  <video>.annotprocessed, lines `3_DELIM_TEXT`
                                        MOSEI: Combined/<video>.txt, lines `video___3___start___end___text`
    *.csd, anywhere                     computational sequences of the SDK: labels, and timed words where they are

The archives of MOSI have no folder `Raw` around the others; both ways are read.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.artifacts.corpus.words import Word
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import number, spoken
from pipeline.corpus.csd import Sequence, read_csd
from pipeline.corpus.media_index import MediaFolder, first_file, first_folder, is_folder
from pipeline.corpus.sims import ID, LABEL_TABLES, read_label_table
from pipeline.corpus.tables import read_text_file
from pipeline.errors import PipelineError
from pipeline.storage.left_behind import files_below, is_left_out

_MEDIA = ("Video", "Videos", "Audio/WAV_16000", "Audio")
# A list of videos; what parses it takes a hundred times as much memory.
_MAX_FOLDS_BYTES = 1 << 22
_FOLDS_FILES = ("cmu_mosi_std_folds.py", "cmu_mosei_std_folds.py", "standard_folds.json")
# The columns of MOSEI's label sequence after the sentiment, as the SDK documents them.
MOSEI_EMOTIONS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
_PAUSE = "sp"
# Label intervals and transcript times are the same numbers, printed with different precision.
_SAME_S = 0.05


@dataclass(frozen=True)
class _Line:
    """A segment of a transcript file; MOSI's have no times."""

    clip: str
    text: str
    start_s: float | None = None
    end_s: float | None = None


def read_mosi(folder: Path) -> list[Candidate]:
    """Read CMU-MOSI; the standard split is that of the SDK, which comes with this package.

    Raises:
        PipelineError: the folder is not of this layout, or a file of it is damaged.
    """
    embedded = json.loads(files("pipeline.corpus").joinpath("mosi_folds.json").read_text(encoding="utf-8"))
    standard = {video: split for split in SPLITS for video in embedded[split]}
    return _read(folder, standard=standard, clips_count_labels=True)


def read_mosei(folder: Path) -> list[Candidate]:
    """Read CMU-MOSEI; the standard split is that of `label.csv`, or of the SDK's file of folds in the corpus folder.

    Raises:
        PipelineError: the folder is not of this layout, or a file of it is damaged.
    """
    return _read(folder, standard={}, clips_count_labels=False)


def _read(folder: Path, *, standard: Mapping[str, Split], clips_count_labels: bool) -> list[Candidate]:
    """Read a folder of the SDK.

    Args:
        folder: the corpus folder.
        standard: standard split by video, where the folder has no file of folds.
        clips_count_labels: whether the clips of a video are numbered as its labels are, from 1. MOSEI's are not: clips without a label
            have numbers too.
    """
    if not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder; expected CMU-MOSI or CMU-MOSEI as its archive unpacks"
        )
    table = first_file(folder, *LABEL_TABLES)
    if table is not None:
        return _split_by_folds(read_label_table(table, folder=folder), _folds(folder) or standard, folder)
    labels = _sequence(folder, "Label")
    if labels is None:
        raise PipelineError(
            f"{folder}: holds neither {LABEL_TABLES[0]} nor a .csd file with labels; expected one of them beside "
            "Raw, see docs/reference/data.md"
        )
    raw = folder / "Raw" if is_folder(folder / "Raw") else folder
    lines, words = _transcripts(raw), _sequence(folder, "TimestampedWords")
    media = _media_folders(folder, raw)
    folds = _folds(folder) or standard
    candidates = []
    for video, sequence in labels.items():
        for position in range(len(sequence.intervals)):
            candidates.append(
                _candidate(
                    *(folder, video, position, sequence, lines.get(video, []), words, media),
                    clips_count_labels=clips_count_labels,
                )
            )
    return _split_by_folds(candidates, folds, folder)


def _split_by_folds(candidates: list[Candidate], folds: Mapping[str, Split], folder: Path) -> list[Candidate]:
    """Candidates with the standard split of their video; as they are where any names its split."""
    if any(candidate.split is not None for candidate in candidates):
        return candidates
    if not any(candidate.video in folds for candidate in candidates):
        return (
            candidates  # another selection of videos than the field's: nothing of the standard split is left
        )
    return [
        replace(candidate, split=folds[candidate.video])
        if candidate.video in folds
        else replace(
            candidate,
            excluded=candidate.excluded
            or f"{folder}, {candidate.video}: is in no part of the standard split",
        )
        for candidate in candidates
    ]


def _candidate(
    folder: Path,
    video: str,
    position: int,
    labels: Sequence,
    lines: list[_Line],
    words: Mapping[str, Sequence] | None,
    media: list[MediaFolder],
    *,
    clips_count_labels: bool,
) -> Candidate:
    start_s, end_s = (float(value) for value in labels.intervals[position])
    place = f"{folder}, {video}, label {position + 1}"
    line = _line(lines, position, start_s, end_s)
    row = _numbers(labels.features[position], place)
    excluded = None
    if line is not None or clips_count_labels:
        clip = line.clip if line is not None else str(position + 1)
        found, is_clip = _medium(media, video, clip)
    else:
        # Its clip is not known, so only the whole recording shows what was labelled.
        clip = f"{start_s:g}s" if lines else str(position + 1)
        whole = [below for below in media if not _holds_clips(below)]
        found, is_clip = _medium(whole, video, clip)
        if media and not whole:
            excluded = f"{place}: no line of a transcript has its times, {start_s:g} to {end_s:g} s, which would say which clip it is"
    # A clip of its own has a clock of its own.
    zero_s = start_s if is_clip else 0.0
    return Candidate(
        place=place,
        id=ID.format(video=video, clip=clip),
        label=row[0],
        media=found,
        text=None if line is None else spoken(line.text),
        split=None,
        speaker=None,
        video=video,
        language=None,
        start_s=None if is_clip else start_s,
        end_s=None if is_clip else end_s,
        words=() if words is None or video not in words else _words(words[video], start_s, end_s, zero_s),
        other_labels=dict(zip(MOSEI_EMOTIONS, row[1:], strict=True))
        if len(row) == len(MOSEI_EMOTIONS) + 1
        else {},
        excluded=excluded,
    )


def _numbers(row: Any, place: str) -> list[float]:
    """The labels of a segment, at least one.

    Raises:
        PipelineError: they are no finite numbers.
    """
    try:
        found = [float(value) for value in np.asarray(row).reshape(-1)]
    except (TypeError, ValueError) as error:
        raise PipelineError(
            f"{place}: the labels are no numbers ({str(error)[:80]}); fetch the file again"
        ) from error
    if not found or not np.isfinite(found).all():
        raise PipelineError(f"{place}: the label is missing or not finite; expected a number")
    return found


def _line(lines: list[_Line], position: int, start_s: float, end_s: float) -> _Line | None:
    """The transcript of a label: by its times where it has some, else by its number."""
    for line in lines:
        if line.start_s is None or line.end_s is None:
            if line.clip == str(position + 1):
                return line
        elif abs(line.start_s - start_s) < _SAME_S and abs(line.end_s - end_s) < _SAME_S:
            return line
    return None


def _words(words: Sequence, start_s: float, end_s: float, zero_s: float) -> tuple[Word, ...]:
    """The words whose middle lies in the segment, in seconds from `zero_s`; pauses are no words."""
    middle_s = words.intervals.mean(axis=1)
    found = []
    for position in ((middle_s >= start_s) & (middle_s < end_s)).nonzero()[0]:
        cells = np.asarray(words.features[position]).reshape(-1)
        text = cells[0] if len(cells) else ""
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        if text and text != _PAUSE:
            first_s, last_s = (float(value) - zero_s for value in words.intervals[position])
            found.append(Word(text, round(max(first_s, 0.0), 4), round(last_s, 4)))
    return tuple(found)


def _sequence(folder: Path, name: str) -> Mapping[str, Sequence] | None:
    """The computational sequence whose file is called so; None where there is none."""
    # WordVectors are features, and a file of our own never lies among them.
    found = [path for path in files_below(folder, "*.csd") if re.search(rf"{name}s?\.csd$", path.name)]
    if len(found) > 1:
        raise PipelineError(
            f"{folder}: {found[0].name} and {found[1].name} both hold {name}; keep one of them"
        )
    return read_csd(found[0]) if found else None


def _transcripts(raw: Path) -> Mapping[str, list[_Line]]:
    found = first_folder(raw, "Transcript/Segmented/Combined", "Transcript/Segmented")
    if found is None:
        return {}
    lines = {}
    for path in sorted((raw / found).iterdir()):
        if path.suffix in (".annotprocessed", ".txt") and not is_left_out(path.name):
            text = read_text_file(path, encodings=("utf-8-sig", "cp1252", "latin-1"))
            lines[path.stem] = [
                _parsed(line, path.stem, f"{path}, line {position}")
                for position, line in enumerate(text.split("\n"), start=1)
                if line.strip()
            ]
    return lines


def _parsed(line: str, video: str, place: str) -> _Line:
    line = line.strip()
    if "_DELIM_" in line:
        clip, text = line.split("_DELIM_", 1)
        return _Line(clip.strip(), text)
    # Some names of videos end with an underscore, so the name is taken off before the separators are looked for.
    fields = line.removeprefix(f"{video}___").split("___", 3)
    if not line.startswith(f"{video}___") or len(fields) < 4:
        raise PipelineError(
            f"{place}: expected `3_DELIM_TEXT` or `{video}___3___start___end___text`, found {line[:60]!r}"
        )
    clip, start, end, text = fields
    return _Line(
        clip.strip(), text.replace("___", " "), number(start, place, "start"), number(end, place, "end")
    )


def _media_folders(folder: Path, raw: Path) -> list[MediaFolder]:
    """Clips before whole videos, pictures before sound."""
    prefix = "" if raw == folder else f"{raw.relative_to(folder).as_posix()}/"
    return [
        MediaFolder(folder, f"{prefix}{below}")
        for kind in _MEDIA
        for part in ("Segmented", "Full")
        if (below := first_folder(raw, f"{kind}/{part}/Combined", f"{kind}/{part}")) is not None
    ]


def _medium(folders: list[MediaFolder], video: str, clip: str) -> tuple[str | None, bool]:
    """The file of a segment and whether it is a clip of its own; the name it should have where none is found."""
    for folder in folders:
        is_clip = _holds_clips(folder)
        found = folder.find(f"{video}_{clip}" if is_clip else video)
        if found is not None:
            return found, is_clip
    if not folders:
        return None, False
    is_clip = _holds_clips(folders[0])
    return f"{folders[0].below}/{f'{video}_{clip}' if is_clip else video}.mp4", is_clip


def _holds_clips(folder: MediaFolder) -> bool:
    return "/Segmented" in folder.below


def _folds(folder: Path) -> Mapping[str, Split]:
    """The split of each video by the SDK's file of folds, which is read and never run."""
    file = first_file(folder, *_FOLDS_FILES)
    if file is None:
        return {}
    text = read_text_file(file, largest_bytes=_MAX_FOLDS_BYTES)
    try:
        if file.suffix == ".json":
            named = json.loads(text)
            return {str(video): split for split in SPLITS for video in named[split]}
        named = {
            target.id: ast.literal_eval(node.value)
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id.startswith("standard_")
        }
        return {str(video): split for split in SPLITS for video in named[f"standard_{split}_fold"]}
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError) as error:
        raise PipelineError(
            f"{file}: not the SDK's file of folds ({type(error).__name__}: {error}); expected standard_train_fold, "
            "standard_valid_fold and standard_test_fold, or a JSON file with train, valid and test"
        ) from error
