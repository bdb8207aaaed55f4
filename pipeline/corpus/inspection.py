"""Opening each media file once, before anything heavy runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from pipeline.artifacts.files import sha256_of
from pipeline.execution.executor import map_guarded
from pipeline.media.container import MediaError
from pipeline.media.probe import MediaInfo, probe

# Opening takes a moment, but all bytes are read for their digest, over a slow network maybe.
_LIMIT_S = 120.0
_SLOWEST_BYTES_PER_S = 1e6


@dataclass(frozen=True)
class Inspected:
    """What opening one media file showed: either `info` and `sha256`, or the reason why it cannot be used."""

    info: MediaInfo | None
    sha256: str | None
    reason: str | None


def inspect_all(media: Sequence[str], *, folder: Path) -> dict[str, Inspected]:
    """`inspect_media` for each file, in processes of their own: a file that crashes or hangs a decoder is refused."""

    def limit_s(name: str) -> float:
        try:
            return _LIMIT_S + (folder / name).stat().st_size / _SLOWEST_BYTES_PER_S
        except (OSError, ValueError):
            return _LIMIT_S

    inspected = map_guarded(
        partial(inspect_media, folder=folder),
        media,
        title="manifest",
        unit="file",
        limit_s=limit_s,
        describe=lambda name: str(folder / name),
        on_loss=lambda _, sentence: Inspected(
            None, None, f"{sentence}; convert it with ffmpeg or leave it out"
        ),
    )
    return dict(zip(media, inspected, strict=True))


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
    try:
        if not path.is_file():
            return Inspected(
                None, None, f"{path}: not found; put the file there or correct the corpus's table"
            )
        return Inspected(probe(path), sha256_of(path), None)
    except MediaError as error:
        return Inspected(None, None, str(error))
    except OSError as error:
        return Inspected(None, None, f"{path}: cannot be read ({error.strerror})")
