"""A corpus whose recordings stay where they are: its tables come in, and a list of digests in place of the recordings."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts.formats.files import write_text, write_whole_file
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.media_index import is_medium
from pipeline.errors import PipelineError
from pipeline.execution.progress import track
from pipeline.execution.workers import worker_count
from pipeline.intake.files import Item, list_files, refuse_member
from pipeline.storage.checked_media import listed_from
from pipeline.storage.left_behind import is_junk
from pipeline.storage.media_list import LIST_FILE, Listed, list_to_text, refuse_listed
from pipeline.storage.place import Place

# Tables and features come in. What is larger than this and no recording by its name is more likely an archive.
_MAX_TABLE_BYTES = 1 << 36
_UNKNOWN = "0" * 64


@dataclass(frozen=True)
class Survey:
    """What lies at a place.

    Attributes:
        folder: a folder that the reader of a layout can read: the place itself, or the tables from there beside a list of the rest.
        sizes: size in bytes of each recording, by name.
    """

    folder: Path
    sizes: Mapping[str, int]


def survey(place: Place, fetched: Path) -> Survey:
    """Look at what lies at a place; of an address, fetch all that is no recording.

    Args:
        place: where the corpus is.
        fetched: a folder for what is fetched.

    Raises:
        PipelineError: the place cannot be listed or read, is no folder, or a name there leads out of it.
    """
    if not place.is_remote:
        if not place.path().is_dir():
            raise PipelineError(
                f"{place.shown()}: is no folder; --in-place is for a corpus that is unpacked: name its folder"
            )
        items = list_files(place.path())
        return Survey(place.path(), {item.name: item.n_bytes for item in items if is_medium(item.name)})
    sizes = {name: size for name, size in place.sizes().items() if not _is_junk(name)}
    for name in sizes:
        reason = refuse_member(name) or refuse_listed(name)
        if reason is not None:
            raise PipelineError(
                f"{place.shown()}: the file {name[:200]!r} {reason}; nothing of a corpus should, rename it"
            )
    tables = sorted(name for name in sizes if not is_medium(name))
    large = next((name for name in tables if sizes[name] > _MAX_TABLE_BYTES), None)
    if large is not None:
        raise PipelineError(
            f"{place.shown(large)}: has {sizes[large]:,} bytes and is no recording by its name; --in-place is for a corpus that is "
            "unpacked: unpack it there, or name a folder without it"
        )
    for name in track(tables, title="tables", unit="file", total=len(tables)):
        path = fetched / name
        if not (path.is_file() and path.stat().st_size == sizes[name]):
            write_whole_file(path, lambda file: [file.write(block) for block in place.blocks(name)])  # noqa: B023
    media = {name: size for name, size in sizes.items() if is_medium(name)}
    write_text(
        fetched / LIST_FILE, list_to_text({name: Listed(_UNKNOWN, size) for name, size in media.items()})
    )
    return Survey(fetched, media)


def _is_junk(name: str) -> bool:
    return any(is_junk(part) for part in name.split("/"))


def tables_of(folder: Path) -> list[Item]:
    """The files of a corpus that come in although its recordings do not."""
    return [item for item in list_files(folder) if not is_medium(item.name) and item.name != LIST_FILE]


def list_of(place: Place, found: Survey, candidates: Sequence[Candidate]) -> str:
    """The list of the recordings that some segment names, each read once for its digest.

    Args:
        place: where they are.
        found: what was seen there.
        candidates: the segments, those that are not used now among them.

    Raises:
        PipelineError: no segment names a recording that is there, or one cannot be read.
    """
    names = sorted({row.media for row in candidates if row.media is not None and row.media in found.sizes})
    if not names:
        raise PipelineError(
            f"{place.shown()}: holds no recording that a table of the corpus names; leave --in-place out, or name the folder that "
            "has both"
        )

    def listed(name: str) -> Listed:
        return listed_from(place, name, found.sizes[name])

    with ThreadPoolExecutor(worker_count()) as pool:
        try:
            digested = track(pool.map(listed, names), total=len(names), title="digests of media", unit="file")
            return list_to_text(dict(zip(names, digested, strict=True)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def named_by_place(error: PipelineError, place: Place | None, folder: Path) -> PipelineError:
    """An error that names the place in place of the folder that its files were fetched to."""
    if place is None or not place.is_remote:
        return error
    return PipelineError(str(error).replace(str(folder), place.shown()))
