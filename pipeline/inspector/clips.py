"""Links from the page to the stretch of a recording that a segment is."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from pipeline.artifacts.corpus.segments import Segment


@dataclass(frozen=True, slots=True)
class Clip:
    """What plays a segment: the element, and where the file is, seen from the page."""

    element: Literal["video", "audio"]
    source: str


def clip_of(segment: Segment, *, root: str) -> Clip | None:
    """The clip of a segment, whether its file is there or not; None where the corpus has no recording of it.

    Args:
        segment: its `media` is relative to the repository root.
        root: the repository root, relative to the folder of the page, with forward slashes.
    """
    if segment.media is None or not (segment.has_video or segment.has_audio):
        return None
    # Every character that means something in an address is encoded: a file may be called "what? #2.mp4".
    path = "/".join(quote(part, safe="") for part in f"{root}/{segment.media}".split("/"))
    return Clip(
        "video" if segment.has_video else "audio",
        f"{path}#t={_seconds(segment.start_s)},{_seconds(segment.end_s)}",
    )


def _seconds(time_s: float) -> str:
    """At most milliseconds, never in powers of ten."""
    return f"{time_s:.3f}".rstrip("0").rstrip(".")
