"""Unpacking an archive of a corpus so that no member of it lands elsewhere, and none is taken for another."""

import json
import os
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pipeline.artifacts.formats.files import sha256_of
from pipeline.artifacts.formats.foreign import head_of, other_kind, refuse_stand_in, require_plain_file
from pipeline.errors import PipelineError, machine_error
from pipeline.intake.files import refuse_member
from pipeline.storage.left_behind import is_junk

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
# The first bytes of zip, gzip, bzip2 and xz, whatever the file is called.
_ZIP, _PACKED_TAR = b"PK", (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_READ_KINDS = (_ZIP, *_PACKED_TAR)
_TAR_MARK_AT, _TAR_MARK = 257, b"ustar"
# What the standard library raises on damage, of whatever kind of compression.
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, ValueError,
    LookupError, OverflowError, struct.error, zlib.error, LZMAError,
)  # fmt: skip
# Video and features hardly shrink; text by 20 at most. A bomb of zeros shrinks by a thousand.
_MAX_RATIO, _ALWAYS_BYTES = 200, 1 << 28
# Headers hold names and times. One of gigabytes would be read into memory as a whole.
_MAX_HEADER_BYTES = 1 << 20
_MAX_MEMBERS = 5_000_000
_TAR_BLOCK = tarfile.BLOCKSIZE
_EXTENSIONS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_UTF8_FLAG, _ENCRYPTED_FLAG = 0x800, 0x1
_BLOCK = 1 << 20
_MAX_TAIL_BYTES = 1 << 26
# Lists what an unfinished run has written, under the digest of the archive that it came from.
_RECORD = ".of-archive"
# Letters with accents in code page 437, which says what follows them: frames and Greek, or the half of a Chinese character.
_LATIN_OF_CP437 = range(0x80, 0xA8)


@dataclass(frozen=True)
class _Member:
    """A file in an archive: its name below the corpus folder, its size, and how to open it."""

    name: str
    n_bytes: int
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Whether a file is one that `unpack` reads, by its name."""
    return path.is_file() and path.name.lower().endswith(_SUFFIXES)


def unpacked_bytes(archive: Path) -> int:
    """How much room the members take, by the archive's own account.

    Raises:
        PipelineError: a member leads out of the corpus folder, is a link or device, or is there twice; the archive is
            damaged, encrypted, or would grow to a size that no corpus has.
    """
    packed = require_plain_file(archive, what="an archive")
    head = head_of(archive)
    refuse_stand_in(archive, head)
    kind = other_kind(head)
    if kind is not None and not head.startswith(_READ_KINDS):
        raise PipelineError(
            f"{archive}: is {kind}; unpack it with a program that reads it, and import the folder"
        )
    total, names, folders = 0, dict[str, str](), set[str]()
    for member in _members(archive):
        total += member.n_bytes
        if total > max(_ALWAYS_BYTES, _MAX_RATIO * packed):
            raise PipelineError(
                f"{archive}: its {packed:,} bytes say that they unpack to more than {total:,}, as no corpus does; get another copy"
            )
        # Some systems hold one file for two names that differ in letter case or normal form.
        form = unicodedata.normalize("NFC", member.name).casefold()
        if form in names:
            raise PipelineError(
                f"{archive}: holds both {names[form]!r} and {member.name!r}, of which one would replace the other on some systems; "
                "get another copy"
            )
        names[form] = member.name
        folders.update(str(above) for above in PurePosixPath(form).parents)
        if len(names) > _MAX_MEMBERS:
            raise PipelineError(f"{archive}: holds more than {_MAX_MEMBERS:,} files, as no corpus does")
    both = sorted(names.keys() & folders)
    if both:
        raise PipelineError(
            f"{archive}: holds {names[both[0]]!r} both as a file and as a folder; get another copy"
        )
    return total


def unpack(archive: Path, folder: Path) -> None:
    """Write the members below `folder`, and nothing else: what an interrupted run left there is kept where it is the same.

    The folder is bound to the archive by its digest: what another archive left is removed first.

    Raises:
        PipelineError: see `unpacked_bytes`; or the file system refused.
    """
    digest = _digest(archive)
    done = _done_before(folder, digest)
    try:
        _unpack(archive, folder, digest, done)
    except OSError as error:
        raise _refused(folder, error) from error


def _unpack(archive: Path, folder: Path, digest: str, done: Mapping[str, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    written = set[str]()
    with (folder / _RECORD).open("w", encoding="utf-8") as record:
        record.write(json.dumps(digest) + "\n")
        for member in _members(archive):
            path = folder / member.name
            if done.get(member.name) != member.n_bytes or not _has_size(path, member.n_bytes):
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(archive, member, path)
            written.add(member.name)
            record.write(json.dumps([member.name, member.n_bytes]) + "\n")
            record.flush()
    for path in [path for path in folder.rglob("*") if not path.is_dir()]:
        if path.relative_to(folder).as_posix() not in written:
            path.unlink()


def _has_size(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes


def _write(archive: Path, member: _Member, path: Path) -> None:
    temporary = path.parent / f".{os.getpid()}.part"
    n_bytes = 0
    try:
        with temporary.open("wb") as file:
            for block in _blocks(archive, member):
                n_bytes += len(block)
                if n_bytes > member.n_bytes:
                    break
                file.write(block)
        if n_bytes != member.n_bytes:
            raise _damaged(
                archive, f"the member {member.name!r} does not hold the {member.n_bytes:,} bytes that it says"
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _blocks(archive: Path, member: _Member) -> Iterator[bytes]:
    """The bytes of a member; the end of a zipped one compares its checksum."""
    try:
        source = member.open()
        while source is not None and (block := source.read(_BLOCK)):
            yield block
    except _DAMAGE as error:
        raise _damaged(archive, f"the member {member.name!r} cannot be read: {_reason(error)}") from error
    except OSError as error:  # gzip and bzip2 report damage so
        raise machine_error(error, archive) or _damaged(
            archive, f"the member {member.name!r} cannot be read: {_reason(error)}"
        ) from error


def _digest(archive: Path) -> str:
    try:
        return sha256_of(archive)
    except OSError as error:
        raise machine_error(error, archive) or PipelineError(
            f"{archive}: cannot be read ({error.strerror})"
        ) from error


def _done_before(folder: Path, digest: str) -> Mapping[str, int]:
    """Sizes of the members that an interrupted run wrote from the same archive; what another left is removed."""
    done = dict[str, int]()
    try:
        first, *lines = (folder / _RECORD).read_text(encoding="utf-8").splitlines()
        if json.loads(first) != digest:
            raise ValueError("of another archive")
        for line in lines:
            name, n_bytes = json.loads(line)
            done[str(name)] = int(n_bytes)
    except (OSError, ValueError, TypeError):
        # A record that a kill cut short holds for the lines before.
        if not done:
            shutil.rmtree(folder, ignore_errors=True)
    return done


def _members(archive: Path) -> Iterator[_Member]:
    try:
        for member in _zipped(archive) if _is_zip(archive) else _tarred(archive):
            if member.n_bytes < 0:
                raise _damaged(archive, f"the member {member.name!r} has a negative size")
            if member.name != _RECORD:
                yield member
    except _DAMAGE as error:
        raise _damaged(archive, _reason(error)) from error
    except OSError as error:
        raise machine_error(error, archive) or _damaged(archive, _reason(error)) from error


def _is_zip(archive: Path) -> bool:
    """By its first bytes, and by its name where they say nothing."""
    head = head_of(archive)
    if head.startswith(_ZIP):
        return True
    is_tar = head.startswith(_PACKED_TAR) or head[_TAR_MARK_AT:].startswith(_TAR_MARK)
    return archive.name.lower().endswith(".zip") and not is_tar


def _zipped(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            mode = member.external_attr >> 16
            is_file = stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0
            name = _decoded(archive, member)
            if member.is_dir() or not _wanted(archive, name, is_file=is_file):
                continue
            if member.flag_bits & _ENCRYPTED_FLAG:
                raise PipelineError(
                    f"{archive}: the member {name!r} is encrypted; unpack it with its password, and import the folder"
                )
            yield _Member(_portable(name), member.file_size, partial(file.open, member))


def _decoded(archive: Path, member: zipfile.ZipInfo) -> str:
    """The name of a member. Chinese Windows writes GBK without saying so, and the format says that is code page 437."""
    if member.flag_bits & _UTF8_FLAG or member.filename.isascii():
        return member.filename
    try:
        written = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    if all(byte < 0x80 or byte in _LATIN_OF_CP437 for byte in written):
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            name = written.decode(encoding)
        except UnicodeDecodeError:
            continue
        if name.isprintable():
            return name
    raise PipelineError(
        f"{archive}: the name {member.filename!r} is in an encoding that it does not name, neither UTF-8 nor GBK; unpack it "
        "with a program that knows it, and import the folder"
    )


def _tarred(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive, tarinfo=_Header) as file:
        for member in file:
            if member.issparse():
                raise _damaged(archive, f"the member {member.name!r} is sparse, as no recording is")
            if not member.isdir() and _wanted(archive, member.name, is_file=member.isreg()):
                yield _Member(_portable(member.name), member.size, partial(file.extractfile, member))
        _check_end(archive, file)


def _check_end(archive: Path, file: tarfile.TarFile) -> None:
    """Tell an end from a damaged header, which `tarfile` takes for one, and read on to the checksum of the compression."""
    stream: Any = file.fileobj
    tail, n_bytes = getattr(file, "last_block", b""), 0
    if not tail:
        raise _damaged(archive, "it ends without an end mark, so it is cut short")
    while tail:
        n_bytes += len(tail)
        if any(tail) or n_bytes > _MAX_TAIL_BYTES:
            raise _damaged(archive, "a header in it is damaged, or something lies behind its end")
        tail = stream.read(_BLOCK)


class _Header(tarfile.TarInfo):
    """A header that leaves its block to `_check_end`, and whose extensions are no longer than names and times are."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Any:
        """Read the next header; what `tarfile` does, with a bound on what is read into memory as a whole."""
        block = tarfile.fileobj.read(_TAR_BLOCK)
        tarfile.last_block = block
        found: Any = cls.frombuf(block, tarfile.encoding, tarfile.errors)
        if found.type in _EXTENSIONS and found.size > _MAX_HEADER_BYTES:
            raise ValueError(f"a header says that it has {found.size:,} bytes")
        found.offset = tarfile.fileobj.tell() - _TAR_BLOCK
        return found._proc_member(tarfile)


def _wanted(archive: Path, name: str, *, is_file: bool) -> bool:
    reason = refuse_member(name)
    if reason is None and not is_file:
        reason = "is a link or a device"
    if reason is not None:
        raise PipelineError(
            f"{archive}: the member {name[:200]!r} {reason}; nothing of the corpus should, get another copy"
        )
    return not any(is_junk(part) for part in PurePosixPath(_portable(name)).parts)


def _portable(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200] or type(error).__name__
    return text if len(text) > 3 else f"{type(error).__name__}: {text}"


def _damaged(archive: Path, reason: str) -> PipelineError:
    return PipelineError(f"{archive}: cannot be unpacked ({reason}); fetch it again")


def _refused(path: Path, error: OSError) -> PipelineError:
    return PipelineError(
        f"{error.filename or path}: cannot be written ({error.strerror or error}); free space or correct the permissions, then "
        "run the same command again: it goes on from there"
    )
