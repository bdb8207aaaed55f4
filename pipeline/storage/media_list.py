"""`media.sha256.csv`: what a corpus has in place of recordings that lie elsewhere, a digest for each.

The names are those that the recordings have below the corpus folder. Where they are is no part of the corpus: see `place`.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from pipeline.artifacts.formats.csv_cells import escaped, restored
from pipeline.artifacts.formats.files import read_text
from pipeline.errors import PipelineError

LIST_FILE = "media.sha256.csv"
"""Name of the list in a corpus folder."""
_COLUMNS = ["media", "sha256", "n_bytes"]
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says of a recording: the SHA-256 of its bytes, in hex, and how many they are."""

    sha256: str
    n_bytes: int


@dataclass(frozen=True, eq=False)
class MediaList:
    """The recordings of a corpus folder that lie elsewhere.

    Attributes:
        folder: the corpus folder.
        files: what is known of each recording, by its name below the folder.
    """

    folder: Path
    files: Mapping[str, Listed]

    @cached_property
    def _inside(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for name in self.files:
            path = PurePosixPath(name)
            for part in (path, *path.parents[:-1]):
                found[str(part.parent)].add(part.name)
        return {below: sorted(names) for below, names in found.items()}

    def names_in(self, below: str) -> Sequence[str]:
        """Sorted names of what would be directly inside of a folder, `.` for the corpus folder; empty where there would be none."""
        return self._inside.get(below, ())

    @property
    def folders(self) -> Sequence[str]:
        """Every folder that would be there, sorted."""
        return sorted(self._inside)


def list_above(path: Path) -> MediaList | None:
    """The list in the folder that is closest above a path, or is the path itself; None where there is none.

    Raises:
        PipelineError: see `read_media_list`.
    """
    folder = corpus_above(path)
    return None if folder is None else read_media_list(folder)


def corpus_above(path: Path) -> Path | None:
    """The closest folder with a list above a path, or the path itself; the list is not read."""
    for folder in (path, *path.parents):
        try:
            if (folder / LIST_FILE).is_file():
                return folder
        except (OSError, ValueError):  # a name that no file can have
            continue
    return None


def listed_names_in(folder: Path) -> Sequence[str]:
    """Names of recordings elsewhere, and of folders of such, that count as lying directly inside of a folder."""
    found = list_above(folder)
    return () if found is None else found.names_in(folder.relative_to(found.folder).as_posix())


def listed_at(path: Path) -> Listed | None:
    """What a list says of the recording that would be at this path; None where it names none."""
    found = list_above(path.parent)
    return None if found is None else found.files.get(path.relative_to(found.folder).as_posix())


def read_media_list(folder: Path) -> MediaList:
    """Read the list of a corpus folder; one that was read before and has not changed is not read again.

    Raises:
        PipelineError: it cannot be read, a row is damaged or there twice, or a name leads out of the folder.
    """
    status = (folder / LIST_FILE).stat()
    return _read(folder, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(folder: Path, *_: int) -> MediaList:
    path = folder / LIST_FILE
    files: dict[str, Listed] = {}
    for line, cells in _rows(path, read_text(path)):
        place = f"{path}, line {line}"
        if len(cells) != len(_COLUMNS):
            raise PipelineError(f"{place}: has {len(cells)} cells; expected {', '.join(_COLUMNS)}")
        name, digest, n_bytes = restored(cells[0]), cells[1], cells[2]
        reason = refuse_listed(name)
        if reason is not None:
            raise PipelineError(
                f"{place}: the name {name[:200]!r} {reason}; name media relative to the corpus folder"
            )
        if not _DIGEST.fullmatch(digest):
            raise PipelineError(
                f"{place}: sha256 is {digest[:80]!r}; expected 64 of the characters 0-9 and a-f"
            )
        if not _SIZE.fullmatch(n_bytes):
            raise PipelineError(f"{place}: n_bytes is {n_bytes[:80]!r}; expected a whole number")
        if name in files:
            raise PipelineError(f"{place}: names {name!r} a second time; keep one row of each file")
        files[name] = Listed(digest, int(n_bytes))
    return MediaList(folder, files)


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(rows, [])
        if header != _COLUMNS:
            raise PipelineError(
                f"{path}, line 1: is {','.join(header)[:80]!r}; expected {','.join(_COLUMNS)}: write the list anew by "
                "`python -m pipeline import … --in-place`"
            )
        for cells in rows:
            if cells:
                yield rows.line_num, cells
    except csv.Error as error:
        raise PipelineError(
            f"{path}, line {rows.line_num}: no row of a table ({error}); look for a quote that is never closed"
        ) from error


def refuse_listed(name: str) -> str | None:
    """Why a list may not have this name, None where it may."""
    named = (PurePosixPath(name), PureWindowsPath(name))
    if any(path.is_absolute() or path.root or path.drive or ".." in path.parts for path in named):
        return "leads out of the corpus folder"
    if name != str(named[0]) or name == ".":
        return f"is another way to write {str(named[0])!r}"
    if "\0" in name:
        return "holds a NUL character"
    return None


def list_to_text(files: Mapping[str, Listed]) -> str:
    """A list as CSV, sorted by name, the same bytes for the same recordings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((escaped(name), listed.sha256, listed.n_bytes) for name, listed in sorted(files.items()))
    return text.getvalue()
