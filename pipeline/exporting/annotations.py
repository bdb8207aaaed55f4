"""The words that were found, one file per recording: TextGrids for Praat and ELAN, WebVTT for players and ELAN."""

import html
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords, Word, read_words
from pipeline.artifacts.formats.files import write_whole_folder
from pipeline.corpus.timed.transcript import PAUSES, spoken_word
from pipeline.errors import PipelineError

AnnotationFormat = Literal["textgrid", "vtt"]
_SUFFIX: Mapping[AnnotationFormat, str] = {"textgrid": ".TextGrid", "vtt": ".vtt"}
# Times of a file are whole numbers of these, so that what is read back is written the same.
_TICKS_PER_S: Mapping[AnnotationFormat, int] = {"textgrid": 1_000_000, "vtt": 1000}
_SHORTEST_S = 0.001
# A caption ends where nobody speaks for this long, or after as many words as a viewer takes in.
_PAUSE_S, _MOST_WORDS = 0.7, 12


@dataclass(frozen=True)
class _Timed:
    """A text between two times, in ticks."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class _Track:
    """Segments of one recording that do not overlap, with the words of each."""

    segments: Sequence[_Timed]
    words: Sequence[Sequence[_Timed]]


def export_annotations(
    data: Path, segments: Sequence[Segment], folder: Path, *, corpus: str, form: AnnotationFormat
) -> int:
    """Write the words of every segment that has some, in seconds of its recording.

    Files are called as the recording, below the same folders, so that `folder` as `transcripts/` of the corpus is read again. A
    segment without a recording is part of a file of its video, or has one of its own where segments of the video overlap. Words
    that hold no letter or digit, and pauses, are left out.

    Args:
        data: folder of the outputs of the stages.
        segments: segments of its manifest.
        folder: the folder to write; it must not exist.
        corpus: name of the corpus.
        form: format of the files.

    Returns:
        how many files were written.

    Raises:
        PipelineError: an output is missing or damaged, or a recording has no name that a file can have.
    """
    spoken = {row.id: row for row in read_words(data / "words/words.jsonl")}
    if spoken.keys() != {segment.id for segment in segments}:
        raise PipelineError(f"{data}: manifest and words are of other segments; run `dvc repro words`")
    write: Callable[[Sequence[_Track], int], str] = _textgrid if form == "textgrid" else _vtt
    files = {
        name: write(_tracks(found, spoken, form), _TICKS_PER_S[form])
        for name, found in _by_recording(segments, corpus).items()
    }

    def fill(empty: Path) -> None:
        for name, text in files.items():
            path = empty / f"{name}{_SUFFIX[form]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    write_whole_folder(folder, fill)
    return len(files)


def _by_recording(segments: Sequence[Segment], corpus: str) -> Mapping[str, Sequence[Segment]]:
    """Segments by the name of their recording, relative to the corpus, in the order of time; without its suffix where that is enough."""
    by_video: dict[str, list[Segment]] = defaultdict(list)
    by_media: dict[str, list[Segment]] = defaultdict(list)
    found: dict[str, list[Segment]] = defaultdict(list)
    for segment in sorted(segments, key=lambda segment: (segment.start_s, segment.end_s, segment.id)):
        if segment.media is None:
            by_video[segment.video].append(segment)
        else:
            inside = PurePosixPath(segment.media).relative_to(PurePosixPath("data/raw") / corpus)
            by_media[str(inside)].append(segment)
    stems = Counter(str(PurePosixPath(media).with_suffix("")) for media in by_media)
    for media, rows in by_media.items():
        stem = str(PurePosixPath(media).with_suffix(""))
        found[stem if stems[stem] == 1 else media] += rows  # talk.mp4 and talk.wav are two recordings
    for video, rows in by_video.items():
        apart = all(one.end_s <= other.start_s for one, other in itertools.pairwise(rows))
        for row in rows:
            found[video if apart else row.id].append(row)
    for name in found:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name or not path.name:
            raise PipelineError(
                f"the recording {name!r} has no name that a file can have; rename it in the corpus"
            )
    return found


def _tracks(
    segments: Sequence[Segment], spoken: Mapping[str, SegmentWords], form: AnnotationFormat
) -> list[_Track]:
    """Segments that overlap on tracks of their own; most recordings have one."""
    tracks: list[tuple[list[Segment], list[SegmentWords]]] = []
    for segment in segments:
        free = next((track for track in tracks if track[0][-1].end_s <= segment.start_s), None)
        if free is None:
            free = ([], [])
            tracks.append(free)
        free[0].append(segment)
        free[1].append(spoken[segment.id])
    return [_track(rows, words, form) for rows, words in tracks]


def _track(segments: Sequence[Segment], rows: Sequence[SegmentWords], form: AnnotationFormat) -> _Track:
    def shift(word: Word, segment: Segment) -> Word:
        return Word(_written(word, form), segment.start_s + word.start_s, segment.start_s + word.end_s)

    ticks = _TICKS_PER_S[form]
    words = [
        [word for word in (shift(word, segment) for word in row.words) if word.text]
        for segment, row in zip(segments, rows, strict=True)
    ]
    flat = iter(_apart([word for found in words for word in found], ticks))
    spans = _apart([Word(segment.id, segment.start_s, segment.end_s) for segment in segments], ticks)
    return _Track(spans, [[next(flat) for _ in found] for found in words])


def _written(word: Word, form: AnnotationFormat) -> str:
    """A word as the format holds it and gives it back."""
    text = " ".join(word.text.split())
    if form == "vtt":
        return spoken_word(text)
    return "" if text.casefold() in PAUSES else text


def _apart(words: Sequence[Word], ticks_per_s: int) -> list[_Timed]:
    """The words one after another: an overlap ends where the next word starts, and no word is shorter than a millisecond."""
    shortest, found, before = round(_SHORTEST_S * ticks_per_s), list[_Timed](), 0
    starts = [round(word.start_s * ticks_per_s) for word in words]
    for position, word in enumerate(words):
        first = max(starts[position], before)
        last = min([round(word.end_s * ticks_per_s), *starts[position + 1 : position + 2]])
        before = max(last, first + shortest)
        found.append(_Timed(word.text, first, before))
    return found


def _textgrid(tracks: Sequence[_Track], ticks_per_s: int) -> str:
    """The long text form: for each track a tier with the ids of its segments and one with their words."""
    tiers: list[tuple[str, Sequence[_Timed]]] = []
    for number, track in enumerate(tracks, start=1):
        which = "" if number == 1 else f" {number}"
        tiers.append((f"segments{which}", track.segments))
        tiers.append((f"words{which}", [word for words in track.words for word in words]))
    end = max((entry.end for _, entries in tiers for entry in entries), default=ticks_per_s)

    def time(ticks: int) -> str:
        return f"{ticks / ticks_per_s:.6f}".rstrip("0").rstrip(".")

    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {time(end)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, entries) in enumerate(tiers, start=1):
        intervals = _tiled(entries, end)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += [
            "        xmin = 0",
            f"        xmax = {time(end)}",
            f"        intervals: size = {len(intervals)}",
        ]
        for position, interval in enumerate(intervals, start=1):
            quoted = interval.text.replace('"', '""')
            lines += [f"        intervals [{position}]:", f"            xmin = {time(interval.start)}"]
            lines += [f"            xmax = {time(interval.end)}", f'            text = "{quoted}"']
    return "\n".join([*lines, ""])


def _tiled(entries: Sequence[_Timed], end: int) -> list[_Timed]:
    """The entries with empty intervals between them: a tier has no gaps."""
    intervals, before = list[_Timed](), 0
    for entry in entries:
        if entry.start > before:
            intervals.append(_Timed("", before, entry.start))
        intervals.append(entry)
        before = entry.end
    if before < end:
        intervals.append(_Timed("", before, end))
    return intervals


def _vtt(tracks: Sequence[_Track], ticks_per_s: int) -> str:
    """Captions of a few words, with timestamps where a word starts, and where it ends before the next one starts."""
    captions = [
        caption
        for track in tracks
        for words in track.words
        for caption in _captions(words, pause=round(_PAUSE_S * ticks_per_s))
    ]
    blocks = ["WEBVTT"]
    for caption in sorted(captions, key=lambda words: (words[0].start, words[-1].end)):
        line, before = "", caption[0].start
        for word in caption:
            if line:
                # A word may touch the next one, and a space is there in any case.
                line += " " if word.start == before else f"<{_stamp(before)}> "
                line += f"<{_stamp(word.start)}>"
            line += html.escape(word.text.replace(" ", "\N{NO-BREAK SPACE}"), quote=False)
            before = word.end
        blocks.append(f"{_stamp(caption[0].start)} --> {_stamp(before)}\n{line}")
    return "\n\n".join(blocks) + "\n"


def _captions(words: Sequence[_Timed], *, pause: int) -> list[list[_Timed]]:
    captions: list[list[_Timed]] = []
    for word in words:
        if not captions or len(captions[-1]) == _MOST_WORDS or word.start - captions[-1][-1].end > pause:
            captions.append([])
        captions[-1].append(word)
    return captions


def _stamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"
