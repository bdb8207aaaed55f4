"""Opening each media file once, before anything heavy runs."""

import json
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

from pipeline.artifacts.formats.files import sha256_of
from pipeline.corpus.media_index import near_name
from pipeline.errors import PipelineError, machine_error, written_out
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.engines.choice import chosen_engine, on_this_machine
from pipeline.execution.engines.protocol import Engine
from pipeline.execution.executor import map_cached, map_guarded
from pipeline.execution.scheduling import Affinity
from pipeline.execution.source import source_digest
from pipeline.execution.versions import library_versions
from pipeline.media.container import MediaError
from pipeline.media.probe import MediaInfo, probe
from pipeline.storage.checked_media import checked_medium, fetch_limit_s
from pipeline.storage.links import outside_target
from pipeline.storage.media_list import Listed, listed_at
from pipeline.storage.place import StorageError

Opened = TypeVar("Opened")

# Opening takes a moment, but all bytes are read for their digest, over a slow network maybe.
_LIMIT_S = 120.0
_SLOWEST_BYTES_PER_S = 1e6
# Stands for the name of a file in what is kept by digest; no name can hold this character.
_NAME = "\0media"


@dataclass(frozen=True)
class Inspected:
    """What opening one media file showed: either `info` and `sha256`, or the reason why it cannot be used."""

    info: MediaInfo | None
    sha256: str | None
    reason: str | None


@dataclass(frozen=True)
class NotHad:
    """A listed file that cannot be had here as its list says, with the reason: it ends a run, where a broken file costs itself."""

    reason: str


def inspect_all(media: Sequence[str], *, folder: Path) -> dict[str, Inspected]:
    """`inspect_media` for each file, in processes of their own: a file that crashes or hangs a decoder is refused.

    Files are opened and digested on whatever engine there is, since that means reading all bytes of a corpus.
    What a file shows that is listed and lies elsewhere is kept by its digest, so that it is read once however often this is asked.

    Raises:
        PipelineError: one of those cannot be had here, see `checked_medium`.
    """
    elsewhere = {name: found for name in media if (found := _listed(name, folder)) is not None}
    here = [name for name in media if name not in elsewhere]
    inspected = _guarded(
        partial(inspect_media, folder=folder),
        here,
        folder=folder,
        title="manifest",
        on_loss=lambda sentence: Inspected(None, None, sentence),
        engine=chosen_engine(),
    )
    by_name = dict(zip(here, inspected, strict=True)) | _inspect_listed(elsewhere, folder=folder)
    return {name: by_name[name] for name in media}


def _listed(name: str, folder: Path) -> Listed | None:
    return None if _leads_out(name) else listed_at(folder / name)


def _inspect_listed(elsewhere: Mapping[str, Listed], *, folder: Path) -> dict[str, Inspected]:
    """Likewise for listed files, on whatever engine there is."""
    if not elsewhere:
        return {}
    items = [(str(folder / name), listed.sha256) for name, listed in elsewhere.items()]
    places = {
        path: _neighbour(rank, listed.n_bytes / _SLOWEST_BYTES_PER_S)
        for rank, ((path, _), listed) in enumerate(zip(items, elsewhere.values(), strict=True))
    }
    source = source_digest(probe.__module__)
    found = map_cached(
        _probe_listed,
        items,
        keys=[
            cache_key(
                sha256=sha256,
                suffix=PurePosixPath(path).suffix,
                source=source,
                libraries=library_versions("av"),
            )
            for path, sha256 in items
        ],
        cache=ResultCache(cache_folder() / "media" / "probes"),
        encode=_to_bytes,
        decode=_from_bytes,
        title="manifest",
        unit="file",
        limit_s=lambda item: _LIMIT_S + fetch_limit_s(item[0]),
        describe=lambda item: item[0],
        on_loss=lambda _, sentence: f"{sentence}; convert it with ffmpeg or leave it out",
        affinity=lambda item: places[item[0]],
        group="probes",
    )
    return {
        name: _named(info, path=path, sha256=sha256)
        for name, (path, sha256), info in zip(elsewhere, items, found, strict=True)
    }


def _named(found: MediaInfo | str, *, path: str, sha256: str) -> Inspected:
    """What `_probe_listed` found, of a file of this name."""
    if isinstance(found, str):
        return Inspected(None, None, found.replace(_NAME, path))
    return Inspected(found, sha256, None)


def _probe_listed(item: tuple[str, str]) -> MediaInfo | str:
    """What a listed file is, or a sentence in which no name of it stands."""
    media, sha256 = item
    with checked_medium(media, sha256) as path:
        try:
            return probe(path)
        except MediaError as error:
            return str(error).replace(written_out(str(path)), _NAME)


def _to_bytes(found: MediaInfo | str) -> bytes:
    return json.dumps(asdict(found) if isinstance(found, MediaInfo) else found).encode()


def _from_bytes(content: bytes) -> MediaInfo | str:
    """What `_to_bytes` was given.

    Raises:
        PipelineError: it is something else.
    """
    try:
        found = json.loads(content)
        return found if isinstance(found, str) else MediaInfo(**found)
    except (ValueError, TypeError) as error:
        raise PipelineError(f"no description of a recording ({error})") from error


def probe_all(media: Sequence[str], *, folder: Path) -> dict[str, MediaInfo | NotHad | str]:
    """What each file is, or a sentence on why it cannot be used, likewise; of bytes only those that a list has are digested."""
    probed = _guarded(partial(_probe, folder=folder), media, folder=folder, title="check", on_loss=_lost)
    return dict(zip(media, probed, strict=True))


def _lost(sentence: str) -> MediaInfo | NotHad | str:
    return sentence


def _probe(name: str, *, folder: Path) -> MediaInfo | NotHad | str:
    listed = _listed(name, folder)
    try:
        if listed is not None:
            found = _probe_listed((str(folder / name), listed.sha256))
            return found.replace(_NAME, str(folder / name)) if isinstance(found, str) else found
        return probe(folder / name)
    except StorageError as error:
        return NotHad(str(error))
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
    engine: Engine = on_this_machine,
) -> list[Opened]:
    ranks = {name: rank for rank, name in enumerate(media)}

    def reading_s(name: str) -> float:
        try:
            return (folder / name).stat().st_size / _SLOWEST_BYTES_PER_S
        except (OSError, ValueError):
            return 0.0  # `refuse_name` says what is wrong with it

    return map_guarded(
        function,
        media,
        title=title,
        unit="file",
        limit_s=lambda name: _LIMIT_S + reading_s(name) + fetch_limit_s(str(folder / name)),
        describe=lambda name: str(folder / name),
        on_loss=lambda _, sentence: on_loss(f"{sentence}; convert it with ffmpeg or leave it out"),
        affinity=lambda name: _neighbour(ranks[name], reading_s(name)),
        engine=engine,
    )


def _neighbour(rank: int, reading_s: float) -> Affinity:
    """The place of a file among all others: most are opened faster than another machine starts a process for one of them."""
    return Affinity("media", float(rank), reading_s)


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
    listed = _listed(media, folder)
    if listed is not None:
        return _named(_probe_listed((str(path), listed.sha256)), path=str(path), sha256=listed.sha256)
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
    """A sentence where the file is not there or not inside of the corpus folder, None where it is or a list says where; opens nothing."""
    path = folder / media
    if _leads_out(media):
        return f"{path}: leads out of the corpus folder; name media relative to {folder}"
    if listed_at(path) is not None:
        return None
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


def _leads_out(media: str) -> bool:
    named = (PurePosixPath(media), PureWindowsPath(media))
    return any(name.root for name in named) or any(".." in name.parts for name in named)
