"""A file that nobody has labelled, as a segment like those of a corpus."""

import errno
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.formats.foreign import other_kind, refuse_stand_in, require_plain_file
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import language_of_corpus
from pipeline.corpus.inspection import inspect_media
from pipeline.corpus.manifest import OVERSHOOT_S, build_segment
from pipeline.errors import PipelineError
from pipeline.media.probe import MediaInfo
from pipeline.storage.media_list import listed_at

# Nobody says more words in a second, and no script needs more characters for a word in the mean over a long text.
_WORDS_PER_S, _CHARACTERS_PER_WORD = 20, 8
# Words after the last one that counts, so that a text encoder sees it among as many words as in a longer text: its windows have
# at most so many tokens.
_WORDS_AROUND = 512
_LONGEST_TRANSCRIPT_BYTES = 1 << 24
# A shorter recording is extracted within a few minutes.
_LONG_S = 300.0


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What is asked about: a stretch of a file, and what was said in it where that is known.

    `start_s` and `end_s` are seconds from the start of the file, None for its start and end. Without `media`, the
    transcript is all there is. `language` is a code, tag or name, see `language_of_corpus`; None is that of the model.
    """

    media: Path | None
    transcript: str | None = None
    language: str | None = None
    start_s: float | None = None
    end_s: float | None = None

    @property
    def name(self) -> str:
        """What it is called for people."""
        return "transcript" if self.media is None else str(self.media)


def as_segment(recording: Recording, *, language: str) -> Segment:
    """Open the file and make the segment that the manifest would make of it.

    Its label is 0 and its split `test`, which neither extraction nor prediction looks at.

    Args:
        recording: the recording to open.
        language: language of recordings that do not name theirs.

    Raises:
        PipelineError: the file is missing or no recording, the span lies outside of it, or nobody knows the language.
    """
    path = recording.media
    if path is not None and listed_at(path) is None:
        _require_file(path)
    transcript = (recording.transcript or "").strip()
    candidate = Candidate(
        place=recording.name,
        id="transcript" if path is None else path.name,
        label=0.0,
        media=None if path is None else path.name,
        text=transcript or None,
        split=None,
        speaker=None,
        video=recording.name,
        language=None
        if recording.language is None
        else language_of_corpus(recording.language, recording.name),
        start_s=recording.start_s,
        end_s=recording.end_s,
        words=(),
    )
    _check_times(recording)
    inspected = {} if path is None else {path.name: inspect_media(path.name, folder=path.parent, links=True)}
    if path is not None and (info := inspected[path.name].info) is not None:
        _check_span(recording, info)
    folder = PurePosixPath("." if path is None else path.parent.as_posix())
    built = build_segment(candidate, "test", folder, inspected, language)
    if isinstance(built, str):
        raise PipelineError(built)
    return built


def _require_file(path: Path) -> None:
    """Refuse what is no file, by what it is.

    Raises:
        PipelineError: nothing is there, or a folder, a pipe, a device, or a link that leads to nothing.
    """
    expected = "expected a video or sound file"
    try:
        require_plain_file(path, what="a video or sound file")
    except PipelineError as error:
        number = getattr(error.__cause__, "errno", None)
        if number in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP) and path.is_symlink():
            raise PipelineError(
                f"{path}: is a link to {path.readlink()}, where nothing is; {expected}: repair the link, or name the file itself"
            ) from None
        if number in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise PipelineError(f"{path}: not found; {expected}, check its name") from None
        if number is None and path.is_dir():
            raise PipelineError(f"{path}: a folder; {expected}, check its name") from None
        raise


def _check_times(recording: Recording) -> None:
    """Refuse times that no recording can have.

    Raises:
        PipelineError: a start or an end is no number of seconds from the start of the file, or the end is not after the start.
    """
    for option, time_s in (("--start-s", recording.start_s), ("--end-s", recording.end_s)):
        if time_s is not None and not (math.isfinite(time_s) and time_s >= 0):
            raise PipelineError(
                f"{recording.name}: {option} is {time_s:g}; expected seconds from the start of the file, at least 0"
            )
    start_s, end_s = recording.start_s or 0.0, recording.end_s
    if end_s is not None and end_s <= start_s:
        raise PipelineError(
            f"{recording.name}: --end-s is {end_s:g} and --start-s is {start_s:g}, so nothing lies between them; expected an end "
            "after the start"
        )


def _check_span(recording: Recording, info: MediaInfo) -> None:
    """Refuse a start or an end that lies behind the end of the file.

    Raises:
        PipelineError: it does.
    """
    length_s = info.duration_s
    if recording.start_s is not None and recording.start_s >= length_s:
        raise PipelineError(
            f"{recording.name}: lasts {length_s:.2f} s, but --start-s is {recording.start_s:g}; choose a start before its end"
        )
    if recording.end_s is not None and recording.end_s > length_s + OVERSHOOT_S:
        raise PipelineError(
            f"{recording.name}: lasts {length_s:.2f} s, but --end-s is {recording.end_s:g}; leave --end-s out to go on to its end"
        )


def length_notice(segment: Segment, *, longest_s: float, n_words: int, recogniser: str) -> str | None:
    """A sentence for whoever waits for a recording that takes minutes or hours to extract; None for one that does not.

    Args:
        segment: segment that is about to be extracted.
        longest_s: length of the longest segment of training.
        n_words: how many words at the start of it count.
        recogniser: what recognises words that nobody gave, see `WordSettings`.
    """
    if segment.media is None or segment.duration_s <= max(_LONG_S, longest_s):
        return None
    by_pocketsphinx = segment.text is None and segment.has_audio and recogniser == "pocketsphinx"
    heard = ", and recognising its words takes about half as long as it lasts" if by_pocketsphinx else ""
    return (
        f"{segment.media}: lasts {segment.duration_s:,.0f} s, all of which is read{heard}; only the first {n_words} words count, and no "
        f"segment of training lasted longer than {longest_s:.1f} s: name the stretch that you mean by --start-s and --end-s"
    )


def cut_transcript(segment: Segment, *, n_words: int) -> tuple[Segment, tuple[str, ...]]:
    """A segment whose transcript is no longer than anybody could say in it, and a sentence where it was longer.

    A text encoder and an aligner need time and memory by the length of a text. What is cut off could not change the vectors of
    the words that count.

    Args:
        segment: segment with or without a transcript.
        n_words: how many words at the start of it count.
    """
    text = segment.text or ""
    most = max(n_words + _WORDS_AROUND, math.ceil(_WORDS_PER_S * segment.duration_s))
    n_characters = most * _CHARACTERS_PER_WORD
    beginning = text[:n_characters]
    starts = [found.start() for found in re.finditer(r"\S+", beginning)]
    if len(starts) > most:
        beginning = beginning[: starts[most]]
    beginning = beginning.rstrip()
    if len(beginning) == len(text.rstrip()):
        return segment, ()
    length = f"in {segment.duration_s:.1f} s" if segment.media is not None else "in one segment"
    note = (
        f"The transcript has {len(text):,} characters, more than anybody can say {length}; what comes after the first "
        f"{len(beginning):,} was not read."
    )
    return replace(segment, text=beginning), (note,)


def read_transcript(path: Path) -> str:
    """The text of a file that a person wrote: UTF-8, with or without a byte order mark.

    Raises:
        PipelineError: it is missing, not such text, or longer than any recording's.
    """
    try:
        with path.open("rb") as file:  # not all of it at once, because it may be a device without an end
            content = file.read(_LONGEST_TRANSCRIPT_BYTES + 1)
        if len(content) > _LONGEST_TRANSCRIPT_BYTES:
            raise PipelineError(
                f"{path}: has more than {_LONGEST_TRANSCRIPT_BYTES // 2**20} MB, so it is no transcript of a recording; check its name"
            )
        refuse_stand_in(path, content[:512])
        kind = other_kind(content)
        if kind is not None:
            raise PipelineError(f"{path}: is {kind}; expected a text file with what is said")
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise PipelineError(f"{path}: holds a NUL byte, so it is damaged or no text; save it as UTF-8")
        return text
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read ({error.strerror}); check its name") from error
    except UnicodeDecodeError as error:
        raise PipelineError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
