"""Opening each media file once, before anything heavy runs."""

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

from pipeline.artifacts.files import sha256_of
from pipeline.corpus.media_index import near_name
from pipeline.errors import machine_error
from pipeline.execution.executor import map_guarded
from pipeline.history.links import outside_target
from pipeline.media.container import MediaError
from pipeline.media.probe import MediaInfo, probe

Opened = TypeVar("Opened")

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
    except MediaError as error:
        return str(error)
    except OSError as error:
        return _refusal(folder / name, error)


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
        return Inspected(None, None, _refusal(path, error))


def _refusal(path: Path, error: OSError) -> str:
    """Why a file cannot be used.

    Raises:
        MachineError: the machine is at fault, so that nothing can be said of the file.
    """
    fault = machine_error(error, path)
    if fault is not None:
        raise fault from error
    return f"{path}: cannot be read ({error.strerror or error})"


def refuse_name(media: str, *, folder: Path, links: bool = False) -> str | None:
    """A sentence where the file is not there or not inside of the corpus folder, None where it is; opens nothing."""
    path = folder / media
    named = (PurePosixPath(media), PureWindowsPath(media))
    if any(name.root for name in named) or any(".." in name.parts for name in named):
        return f"{path}: leads out of the corpus folder; name media relative to {folder}"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return f"{path}: is no file; put the recording there or correct the corpus's table"
        target = outside_target(path, folder=folder)
    except (FileNotFoundError, NotADirectoryError):
        near = near_name(path)
        hint = f" (did you mean {near!r}, whose name differs a little?)" if near else ""
        return f"{path}: not found{hint}; put the file there or correct the corpus's table"
    except OSError as error:
        return _refusal(path, error)
    except ValueError as error:
        return f"{path}: cannot be read ({error})"
    if not links and target is not None:
        return (
            f"{path}: is a link to {target}, outside of the corpus folder; put the file itself there, "
            "or let `python -m pipeline import` do so"
        )
    return None
