"""What recognisers of the Whisper family write as JSON: openai-whisper, WhisperX, faster-whisper, whisper.cpp."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.artifacts.formats.foreign import refuse_stand_in, require_plain_file, unreadable
from pipeline.corpus.timed.transcript import TimedTranscript, check_times, of_cues, of_words, spoken_word
from pipeline.errors import PipelineError

# One of these lists is in whatever a recogniser writes.
_KEYS = ("segments", "transcription")
# Ten hours of words and characters with times have half of this; files of more are frames of a tracker or the like.
_MAX_BYTES = 1 << 27


def read_recognised(path: Path) -> TimedTranscript | None:
    """Read the words of `segments[].words` where there are some, else the cues of `segments`.

    WhisperX has no times for words that its aligner cannot spell, such as numbers: such a word lies between its neighbours.

    Returns:
        the transcript; None where the file is something else: downloaders, trackers and editors leave JSON beside recordings, too,
        and its `segments` may be anything. Entries with text or words make it a transcript.

    Raises:
        PipelineError: the file is a transcript that is damaged or cut short, a Git LFS pointer, or a web page.
    """
    text = _text_of(path)
    if text is None:
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PipelineError(
            f"{path}: not JSON ({' '.join(str(error).split())[:120]}); make it again, or move it away where it is no transcript"
        ) from error
    if not isinstance(content, Mapping):
        return None
    if _is_spoken(content.get("transcription")):
        return of_cues(_of_whisper_cpp(content["transcription"], path))
    if not _is_spoken(content.get("segments")):
        return None
    segments = [_mapping(segment, path, "segments") for segment in content["segments"]]
    timed = [segment for segment in segments if segment.get("words")]
    if timed and all(
        segment.get("words") or not str(segment.get("text", "")).strip() for segment in segments
    ):
        return of_words(word for segment in timed for word in _words(segment, path))
    return of_cues(
        Cue(_text(segment, "text", path), *_span(segment, path, "segments")) for segment in segments
    )


def _text_of(path: Path) -> str | None:
    """The text of a file that may be a recogniser's, None of one that cannot be.

    Raises:
        PipelineError: it is no plain file, stands in for another, or has a recogniser's keys in bytes that are no text.
    """
    if require_plain_file(path, what="a transcript in JSON") > _MAX_BYTES:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    refuse_stand_in(path, content[:512])
    # Without the zeros of UTF-16 and UTF-32.
    plain = content.replace(b"\0", b"")
    if not any(f'"{key}"'.encode() in plain for key in _KEYS):
        return None
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise PipelineError(
            f"{path}: is no text in {encoding.upper()} ({error.reason} at byte {error.start}); save it as UTF-8, or move it away where "
            "it is no transcript"
        ) from error


def _is_spoken(entries: Any) -> bool:
    """Whether a list is that of a recogniser: one of its entries at least has text or words."""
    return isinstance(entries, list) and any(
        isinstance(entry, Mapping) and ("text" in entry or isinstance(entry.get("words"), list))
        for entry in entries
    )


def _mapping(value: Any, path: Path, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PipelineError(
            f"{path}: {place} holds a {type(value).__name__}; expected text with start and end"
        )
    return value


def _text(entry: Mapping[str, Any], name: str, path: Path) -> str:
    text = entry.get(name)
    if not isinstance(text, str):
        raise PipelineError(f"{path}: a {name} is {str(text)[:40]!r}; expected text")
    return text


def _span(entry: Mapping[str, Any], path: Path, place: str) -> tuple[float, float]:
    times = entry.get("start"), entry.get("end")
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times):
        raise PipelineError(
            f"{path}: {place} has start {times[0]!r:.40} and end {times[1]!r:.40}; expected seconds"
        )
    try:
        start_s, end_s = float(times[0] or 0), float(times[1] or 0)
    except OverflowError as error:
        raise PipelineError(f"{path}: {place} has a time that no recording has; make it again") from error
    check_times(start_s, end_s, f"{path}, {place}")
    return start_s, end_s


def _words(segment: Mapping[str, Any], path: Path) -> Iterator[Word]:
    entries = segment["words"]
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise PipelineError(
            f"{path}: words is a {type(entries).__name__}; expected a list of words with start and end"
        )
    entries = [_mapping(entry, path, "words") for entry in entries]
    first_s, last_s = _span(segment, path, "segments") if "start" in segment else (0.0, 0.0)
    spans = [
        _span(entry, path, "words") if "start" in entry and "end" in entry else None for entry in entries
    ]
    for position, entry in enumerate(entries):
        text = spoken_word(_text(entry, "word", path))
        if text:
            yield Word(text, *(spans[position] or _between(spans, position, first_s, last_s)))


def _between(
    spans: Sequence[tuple[float, float] | None], position: int, first_s: float, last_s: float
) -> tuple[float, float]:
    """Where a word without times lies: its share of the gap between the words with times around it."""
    before = max((n for n in range(position) if spans[n] is not None), default=-1)
    after = min((n for n in range(position + 1, len(spans)) if spans[n] is not None), default=len(spans))
    start_s, end_s = (spans[before] or (0, first_s))[1] if before >= 0 else first_s, last_s
    if after < len(spans):
        end_s = (spans[after] or (last_s, 0))[0]
    end_s = max(start_s, end_s)
    step_s = (end_s - start_s) / (after - before - 1)
    return start_s + step_s * (position - before - 1), start_s + step_s * (position - before)


def _of_whisper_cpp(entries: Sequence[Any], path: Path) -> Iterator[Cue]:
    for value in entries:
        entry = _mapping(value, path, "transcription")
        offsets = _mapping(entry.get("offsets"), path, "offsets")
        span = {"start": offsets.get("from"), "end": offsets.get("to")}
        start_ms, end_ms = _span(span, path, "offsets")
        yield Cue(_text(entry, "text", path), start_ms / 1000, end_ms / 1000)
