"""The timed transcript of a recording, found by name: beside it, or in the folder `transcripts`."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.corpus.cells import language_code
from pipeline.corpus.media_index import is_medium, names_in
from pipeline.corpus.timed.recognised import read_recognised
from pipeline.corpus.timed.subtitles import read_srt, read_vtt
from pipeline.corpus.timed.textgrid import read_textgrid
from pipeline.corpus.timed.transcriber import read_trs
from pipeline.corpus.timed.transcript import TimedTranscript
from pipeline.errors import PipelineError
from pipeline.storage.left_behind import files_below, is_left_out

FOLDER = "transcripts"
# The finest times first: of several files of one recording, the first is taken, as recognisers write all of them at once.
_READERS: Mapping[str, Callable[[Path], TimedTranscript | None]] = {
    ".textgrid": read_textgrid,
    ".json": read_recognised,
    ".vtt": read_vtt,
    ".srt": read_srt,
    ".trs": read_trs,
}
# As downloads of subtitles are called: talk.en.vtt, talk.zh-Hans.vtt, talk.mp4.srt.
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_SHARED = 0.5


class TranscriptFolder:
    """The timed transcripts of a corpus; each is read once."""

    def __init__(self, corpus: Path) -> None:
        self._corpus = corpus
        self._listed: dict[str, Mapping[str, Sequence[str]]] = {}
        self._read: dict[str, TimedTranscript | None] = {}

    def find(self, *recordings: str) -> TimedTranscript | None:
        """The transcript of the first of these names of a recording, relative to the corpus, that has one.

        Raises:
            PipelineError: a file is damaged, or several could be meant.
        """
        for recording in recordings:
            path = PurePosixPath(recording)
            if path.is_absolute() or ".." in path.parts:
                continue
            for below in dict.fromkeys((str(path.parent), f"{FOLDER}/{path.parent}", FOLDER)):
                if below.startswith(FOLDER) and not self._has_folder:
                    continue
                found = self._transcript(str(PurePosixPath(below)), path.name)
                if found is not None:
                    return found
        return None

    @cached_property
    def _has_folder(self) -> bool:
        return (self._corpus / FOLDER).is_dir()

    def _transcript(self, below: str, recording: str) -> TimedTranscript | None:
        if below not in self._listed:
            self._listed[below] = self._by_stem(below)
        recording = _one_form(recording)
        stem = PurePosixPath(recording).stem if is_medium(recording) else recording
        names = self._listed[below].get(recording, ()) or self._listed[below].get(stem, ())
        for suffix, reader in _READERS.items():
            fitting = [name for name in names if name.casefold().endswith(suffix)]
            if len(fitting) > 1:
                raise PipelineError(
                    f"{self._corpus / below}: the transcript of {recording!r} could be {' or '.join(fitting)}; keep one of them"
                )
            if fitting:
                name = str(PurePosixPath(below, fitting[0]))
                if name not in self._read:
                    self._read[name] = _checked(reader, self._corpus / name)
                if self._read[name] is not None:
                    return self._read[name]
        return None

    def refuse_all_unused(self) -> None:
        """Refuse a folder `transcripts` of which nothing was found: its files bear other names than the recordings.

        Raises:
            PipelineError: it holds timed transcripts and no recording has one of them.
        """
        folder = self._corpus / FOLDER
        # JSON may be something else.
        timed = set(_READERS) - {".json"}
        there = [path for path in files_below(folder) if path.suffix.casefold() in timed]
        if there and not any(name.startswith(f"{FOLDER}/") for name in self._read):
            raise PipelineError(
                f"{folder}: of {len(there)} timed transcripts, such as {there[0].name!r}, none bears the name of a recording of this "
                "corpus, and segments are without text; name each like its recording, or like the id of a segment without one"
            )

    def _by_stem(self, below: str) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in names_in(self._corpus / below):
            path = PurePosixPath(name)
            if path.suffix.casefold() not in _READERS or is_left_out(name):
                continue
            inner = PurePosixPath(_one_form(path.stem))
            found[str(inner)].append(name)
            if _is_language(inner.suffix.removeprefix(".")):
                found[inner.stem].append(name)
        return found


def _one_form(name: str) -> str:
    """A name in one Unicode normal form: é is one character or two, by the system that named the file."""
    return unicodedata.normalize("NFC", name)


def _is_language(tag: str) -> bool:
    if not _LANGUAGE.fullmatch(tag):
        return False
    try:
        language_code(tag, "")
    except PipelineError:
        return False
    return True


def _checked(reader: Callable[[Path], TimedTranscript | None], path: Path) -> TimedTranscript | None:
    # Empty is what a downloader leaves where there are no subtitles.
    if not path.stat().st_size:
        return None
    try:
        return reader(path)
    except ValueError as error:
        raise PipelineError(f"{path}: {error}; expected the transcript of one recording") from error


def of_segment(
    transcript: TimedTranscript, start_s: float | None, end_s: float | None
) -> tuple[tuple[Word, ...], tuple[Cue, ...]]:
    """The words and the cues of a segment of a recording, in seconds of the recording.

    A word is the segment's where its middle lies in it; a cue is, where at least half of the shorter of the two lies in the
    other, so that cues which are cut a little differently are not taken twice. A cue longer than its segments is that of each.
    """
    first_s, last_s = start_s or 0.0, float("inf") if end_s is None else end_s
    near = transcript.words_near(first_s, last_s)
    words = tuple(word for word in near if first_s <= (word.start_s + word.end_s) / 2 < last_s)
    cues = tuple(
        Cue(cue.text, max(cue.start_s, first_s), min(cue.end_s, last_s))
        for cue in transcript.cues_near(first_s, last_s)
        if min(cue.end_s, last_s) - max(cue.start_s, first_s)
        >= _SHARED * min(cue.end_s - cue.start_s, last_s - first_s)
        and cue.start_s < last_s
        and cue.end_s > first_s
    )
    return words, cues
