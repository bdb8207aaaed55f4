"""Opening each media file once, before anything heavy runs."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

from pipeline.artifacts.files import sha256_of
from pipeline.execution.executor import map_guarded
from pipeline.media.container import MediaError
from pipeline.media.probe import MediaInfo, probe

Opened = TypeVar("Opened")

# Opening takes a moment, but all bytes are read for their digest, over a slow network maybe.
_LIMIT_S = 120.0
_SLOWEST_BYTES_PER_S = 1e6
# Where DVC keeps a file, however its cache is called: `cache.type symlink` links there from the corpus folder.
_IN_DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


@dataclass(frozen=True)
class Inspected:
    """What opening one media file showed: either `info` and `sha256`, or the reason why it cannot be used."""

    info: MediaInfo | None
    sha256: str | None
    reason: str | None


def inspect_all(media: Sequence[str], *, folder: Path) -> dict[str, Inspected]:
    """`inspect_media` for each file, in processes of their own: a file that crashes or hangs a decoder is refused."""
    inspected = _guarded(
        partial(inspect_media, folder=folder),
        media,
        folder=folder,
        title="manifest",
        on_loss=lambda sentence: Inspected(None, None, sentence),
    )
    return dict(zip(media, inspected, strict=True))


def probe_all(media: Sequence[str], *, folder: Path) -> dict[str, MediaInfo | str]:
    """What each file is, or a sentence on why it cannot be used, likewise; bytes are not digested."""
    probed = _guarded(
        partial(_probe, folder=folder), media, folder=folder, title="check", on_loss=lambda sentence: sentence
    )
    return dict(zip(media, probed, strict=True))


def _probe(name: str, *, folder: Path) -> MediaInfo | str:
    try:
        return probe(folder / name)
    except (MediaError, OSError) as error:
        return str(error)


def _guarded(
    function: Callable[[str], Opened],
    media: Sequence[str],
    *,
    folder: Path,
    title: str,
    on_loss: Callable[[str], Opened],
) -> list[Opened]:
    def limit_s(name: str) -> float:
        try:
            n_bytes = (folder / name).stat().st_size
        except (OSError, ValueError):
            n_bytes = 0  # `refuse_name` says what is wrong with it
        return _LIMIT_S + n_bytes / _SLOWEST_BYTES_PER_S

    return map_guarded(
        function,
        media,
        title=title,
        unit="file",
        limit_s=limit_s,
        describe=lambda name: str(folder / name),
        on_loss=lambda _, sentence: on_loss(f"{sentence}; convert it with ffmpeg or leave it out"),
    )


def inspect_media(media: str, *, folder: Path, links: bool = False) -> Inspected:
    """Open one file, decode its beginning and digest its bytes.

    Args:
        media: the file as the corpus names it, relative to `folder`; names that lead out of it are refused.
        folder: the corpus folder.
        links: whether the file may be a link that leads out of the folder.
    """
    path = folder / media
    reason = refuse_name(media, folder=folder, links=links)
    if reason is not None:
        return Inspected(None, None, reason)
    try:
        return Inspected(probe(path), sha256_of(path), None)
    except MediaError as error:
        return Inspected(None, None, str(error))
    except OSError as error:
        return Inspected(None, None, f"{path}: cannot be read ({error.strerror})")


def refuse_name(media: str, *, folder: Path, links: bool = False) -> str | None:
    """A sentence where the file is not there or not inside of the corpus folder, None where it is; opens nothing."""
    path = folder / media
    named = (PurePosixPath(media), PureWindowsPath(media))
    if any(name.root for name in named) or any(".." in name.parts for name in named):
        return f"{path}: leads out of the corpus folder; name media relative to {folder}"
    try:
        if not path.is_file():
            return f"{path}: not found; put the file there or correct the corpus's table"
        target = path.resolve(strict=True)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        return f"{path}: cannot be read ({said})"
    inside = target.is_relative_to(folder.resolve()) or _IN_DVC_CACHE.search(target.as_posix())
    if not links and not inside:
        return (
            f"{path}: is a link to {target}, outside of the corpus folder; put the file itself there, "
            "or let `python -m pipeline import` do so"
        )
    return None
