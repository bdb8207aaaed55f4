"""Opening each media file once, before anything heavy runs."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.artifacts.files import sha256_of
from pipeline.media.container import MediaError
from pipeline.media.probe import MediaInfo, probe


@dataclass(frozen=True)
class Inspected:
    """What opening one media file showed: either `info` and `sha256`, or the reason why it cannot be used."""

    info: MediaInfo | None
    sha256: str | None
    reason: str | None


def inspect_media(media: str, *, folder: Path) -> Inspected:
    """Open one file, decode its beginning and digest its bytes.

    Args:
        media: the file as the corpus names it, relative to `folder`; names that lead out of it are refused.
        folder: the corpus folder.
    """
    name = PurePosixPath(media)
    path = folder / name
    if name.is_absolute() or ".." in name.parts:
        return Inspected(
            None, None, f"{path}: leads out of the corpus folder; name media relative to {folder}"
        )
    if not path.is_file():
        return Inspected(None, None, f"{path}: not found; put the file there or correct the corpus's table")
    try:
        return Inspected(probe(path), sha256_of(path), None)
    except MediaError as error:
        return Inspected(None, None, str(error))
    except OSError as error:
        return Inspected(None, None, f"{path}: cannot be read ({error.strerror})")
