"""A file that nobody has labelled, as a segment like those of a corpus."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.artifacts.segments import Segment
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.inspection import inspect_media
from pipeline.corpus.manifest import build_segment
from pipeline.errors import PipelineError


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What is asked about: a stretch of a file, and what was said in it where that is known.

    `start_s` and `end_s` are seconds from the start of the file, None for its start and end. Without `media`, the
    transcript is all there is. `language` None is that of the model.
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
        PipelineError: the file is missing or no recording, or the span lies outside of it.
    """
    path = recording.media
    if path is not None and not path.is_file():
        found = "a folder" if path.is_dir() else "not found"
        raise PipelineError(f"{path}: {found}; expected a video or sound file, check its name")
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
        language=recording.language,
        start_s=recording.start_s,
        end_s=recording.end_s,
        words=(),
    )
    inspected = {} if path is None else {path.name: inspect_media(path.name, folder=path.parent, links=True)}
    folder = PurePosixPath("." if path is None else path.parent.as_posix())
    built = build_segment(candidate, "test", folder, inspected, language)
    if isinstance(built, str):
        raise PipelineError(built)
    return built


def read_transcript(path: Path) -> str:
    """The text of a file that a person wrote: UTF-8, with or without a byte order mark.

    Raises:
        PipelineError: it is missing or not such text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read ({error.strerror}); check its name") from error
    except UnicodeDecodeError as error:
        raise PipelineError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
