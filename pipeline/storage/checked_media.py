"""From the name of a recording in the manifest to a file on this machine that holds the bytes it stands for."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Generic, TypeVar

from pipeline.artifacts.corpus.segments import Segment
from pipeline.storage.digests import digest_of, remembered
from pipeline.storage.media_list import Listed, corpus_above, listed_at, refuse_listed
from pipeline.storage.node_cache import node_cache
from pipeline.storage.place import Place, StorageError, place_of

Result = TypeVar("Result")

# A recording may be fetched while others are, over a network that is used by others.
_SLOWEST_BYTES_PER_S = 1e6


@contextmanager
def checked_medium(media: str, sha256: str | None) -> Iterator[Path]:
    """The file of a recording, where it can be read within the context.

    A recording of a corpus without a list is the file of its name. One that lies elsewhere is found by `$GRCF_MEDIA`, fetched if
    that is an address, and read only if its bytes are those that the digest is of.

    Args:
        media: the recording as the manifest names it.
        sha256: hex digest that the manifest has of it; None to take the one of the list.

    Raises:
        StorageError: `$GRCF_MEDIA` is not set, or the recording is not there, is another one, or cannot be fetched.
    """
    path = Path(media)
    folder = corpus_above(path.parent)
    if folder is None:
        yield path
        return
    if sha256 is None:
        listed = listed_at(path)
        if listed is None:
            yield path
            return
        sha256 = listed.sha256
    name = path.relative_to(folder).as_posix()
    if path.is_file():
        _check(path, sha256, media=media, source=str(path))
        yield path
        return
    _refuse_name(media, name)
    place = place_of(_name_of(folder))
    if place.is_remote:
        with _fetched(place, name, sha256, media=media) as copy:
            yield copy
        return
    found = place.path(name)
    _check(found, sha256, media=media, source=place.shown(name))
    yield found


def _always(_: Segment) -> bool:
    return True


@dataclass(frozen=True)
class WithCheckedMedia(Generic[Result]):
    """A function of a segment, which is given the segment with the checked file of its recording; picklable if the function is.

    Attributes:
        function: computes one segment.
        reads: whether the function opens the recording of a segment; one that it does not open is not fetched.
    """

    function: Callable[[Segment], Result]
    reads: Callable[[Segment], bool] = _always

    def __call__(self, segment: Segment) -> Result:
        """The result of a segment."""
        return self.named(segment)[1]

    def named(self, segment: Segment) -> tuple[Segment, Result]:
        """The segment as the function saw it, and the result, in whose sentences that file may be named."""
        if segment.media is None or not self.reads(segment):
            return segment, self.function(segment)
        with checked_medium(segment.media, segment.media_sha256) as path:
            seen = segment if str(path) == str(Path(segment.media)) else replace(segment, media=str(path))
            return seen, self.function(seen)


def absent_media(folder: Path, names: Collection[str]) -> dict[str, str]:
    """A sentence for each listed recording that is not where `$GRCF_MEDIA` says, or has another size there; opens none.

    Args:
        folder: the corpus folder.
        names: names of recordings below it.

    Raises:
        StorageError: the place is not known or cannot be listed.
    """
    reasons: dict[str, str] = {}
    sizes: dict[Path, dict[str, int]] = {}
    for name in names:
        path = folder / name
        listed, corpus = listed_at(path), corpus_above(path.parent)
        if listed is None or corpus is None:
            continue
        place, inside = place_of(_name_of(corpus)), path.relative_to(corpus).as_posix()
        if place.is_remote:
            if corpus not in sizes:
                sizes[corpus] = place.sizes()
            n_bytes = sizes[corpus].get(inside)
        else:
            try:
                n_bytes = place.path(inside).stat().st_size
            except OSError:
                n_bytes = None
        if n_bytes is None:
            reasons[name] = f"{path}: not found at {place.shown(inside)}; put it there, or correct GRCF_MEDIA"
        elif n_bytes != listed.n_bytes:
            reasons[name] = (
                f"{path}: has {n_bytes:,} bytes at {place.shown(inside)} and {listed.n_bytes:,} by its list; put the recording there "
                "as it was, or import the corpus anew"
            )
    return reasons


def fetch_limit_s(media: str | None) -> float:
    """How long it may take until a recording that lies elsewhere is here, in seconds; 0 for any other."""
    listed = None if media is None else listed_at(Path(media))
    return 0.0 if listed is None else 2 * listed.n_bytes / _SLOWEST_BYTES_PER_S


def listed_from(place: Place, name: str, n_bytes: int) -> Listed:
    """What a list says of a recording, by reading it where it lies; one that was read before is not read again.

    Raises:
        StorageError: it is not there, or cannot be read.
    """
    if place.is_remote:
        version = place.version(name)
        return Listed(
            remembered(_key_of(place, name, version), lambda: _digest_of_remote(place, name)), n_bytes
        )
    return Listed(_digest(place.path(name), source=place.shown(name), media=name), n_bytes)


def _key_of(place: Place, name: str, version: str) -> str:
    return hashlib.sha256("\0".join((place.text, name, version)).encode()).hexdigest()


def _digest_of_remote(place: Place, name: str) -> str:
    digest = hashlib.sha256()
    for block in place.blocks(name):
        digest.update(block)
    return digest.hexdigest()


def _name_of(folder: Path) -> str:
    return folder.name or folder.resolve().name


def _refuse_name(media: str, name: str) -> None:
    reason = refuse_listed(name)
    if reason is not None:
        raise StorageError(f"{media}: its name {reason}; run `dvc repro manifest`")


def _digest(path: Path, *, source: str, media: str) -> str:
    try:
        return digest_of(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(
            f"{media}: not found at {source}; mount that place or put the recording there, or correct GRCF_MEDIA"
        ) from error
    except OSError as error:
        raise StorageError(
            f"{media}: cannot be read at {source} ({error.strerror or error}); correct its permissions or the disk"
        ) from error


def _check(path: Path, sha256: str, *, media: str, source: str) -> None:
    found = _digest(path, source=source, media=media)
    if found != sha256:
        raise _changed(media, source, found=found, sha256=sha256)


def _changed(media: str, source: str, *, found: str, sha256: str) -> StorageError:
    return StorageError(
        f"{media}: {source} is another recording (SHA-256 {found[:12]}… instead of {sha256[:12]}…); put the recording there as it was, "
        "or, if it is meant to be another, import the corpus anew"
    )


@contextmanager
def _fetched(place: Place, name: str, sha256: str, *, media: str) -> Iterator[Path]:
    def fetch(file: BinaryIO) -> None:
        digest, n_bytes = hashlib.sha256(), 0
        for block in place.blocks(name):
            digest.update(block)
            n_bytes += file.write(block)
        if digest.hexdigest() != sha256:
            there = place.size(name)
            if n_bytes != there:
                raise StorageError(
                    f"{media}: {n_bytes:,} bytes came from {place.shown(name)}, which has {there:,}; check the network, then run the "
                    "same command again"
                )
            raise _changed(media, place.shown(name), found=digest.hexdigest(), sha256=sha256)

    # FFmpeg takes the end of the name into account.
    key = f"{sha256}{PurePosixPath(name).suffix}"
    with node_cache().holding(
        key, lambda: place.size(name), fetch, is_whole=lambda path: digest_of(path) == sha256
    ) as copy:
        yield copy
