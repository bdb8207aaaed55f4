"""Where the media of a corpus lie, listed once: looking into the folder for every segment takes time with its square."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from pipeline.errors import PipelineError
from pipeline.storage.left_behind import entries_below, files_below, is_left_out
from pipeline.storage.media_list import list_above, listed_at, listed_names_in

# What FFmpeg is asked to read; a folder of clips also holds transcripts, features and pictures.
_WITH_PICTURES = {
    ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".m2ts", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".mxf", ".ogv", ".rm", ".ts", ".vob", ".webm", ".wmv",
}  # fmt: skip
_SOUND_ALONE = {
    ".aac", ".ac3", ".aif", ".aiff", ".amr", ".au", ".caf", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav",
    ".wma",
}  # fmt: skip


def is_medium(name: str) -> bool:
    """Whether a file is a recording, by the end of its name."""
    return PurePosixPath(name).suffix.lower() in _WITH_PICTURES | _SOUND_ALONE


class MediaFolder:
    """The media directly inside of one folder, by their names without suffix."""

    def __init__(self, corpus: Path, below: str) -> None:
        """Name the folder `below` the corpus folder, with forward slashes; it need not exist."""
        self._corpus, self.below = corpus, below

    @cached_property
    def names(self) -> Mapping[str, Sequence[str]]:
        """Files by stem, sorted; side files such as subtitles and pictures are none."""
        found: dict[str, list[str]] = defaultdict(list)
        if ".." in PurePosixPath(self.below).parts or self.below.startswith("/"):
            return found
        for name in names_in(self._corpus / self.below):
            if is_medium(name) and not is_left_out(name):
                found[PurePosixPath(name).stem].append(name)
        return dict(found)

    @cached_property
    def _by_number(self) -> Mapping[int, list[str]]:
        numbers: dict[int, list[str]] = {}
        for stem in self.names:
            if re.fullmatch(r"[0-9]+", stem):
                numbers.setdefault(int(stem), []).append(stem)
        return numbers

    @cached_property
    def _by_characters(self) -> Mapping[str, list[str]]:
        """Stems by their Unicode normal form: é is one character or two, by the system that named the file."""
        same: dict[str, list[str]] = {}
        for stem in self.names:
            same.setdefault(unicodedata.normalize("NFC", stem), []).append(stem)
        return same

    @cached_property
    def _whole(self) -> Mapping[str, list[str]]:
        """Names with their suffix, by their Unicode normal form."""
        same: dict[str, list[str]] = defaultdict(list)
        for name in (name for names in self.names.values() for name in names):
            same[unicodedata.normalize("NFC", name)].append(name)
        return same

    def find(self, stem: str) -> str | None:
        """The file of this stem, relative to the corpus folder; of several, the one that holds pictures by its suffix.

        A table that calls its clips `a.mp4` means that file, where there is no `a.mp4.mp4`. A table that a spreadsheet saved has lost leading zeros: 1 finds 0001.mp4 where nothing else is 1.

        Raises:
            PipelineError: several files could be meant.
        """
        if stem not in self.names:
            whole = self._whole.get(unicodedata.normalize("NFC", stem), [])
            if len(whole) == 1:
                return f"{self.below}/{whole[0]}" if self.below else whole[0]
            if re.fullmatch(r"[0-9]+", stem):
                stem = self._only(stem, self._by_number.get(int(stem), []))
            else:
                stem = self._only(stem, self._by_characters.get(unicodedata.normalize("NFC", stem), []))
        names = self.names.get(stem, [])
        with_pictures = [name for name in names if PurePosixPath(name).suffix.lower() in _WITH_PICTURES]
        if len(names) > 1 and len(with_pictures) != 1:
            raise PipelineError(
                f"{self._corpus / self.below}: the recording of {stem!r} could be {' or '.join(names)}; keep one of them, or "
                "name it in the column media where the table has one"
            )
        if not names:
            return None
        (name,) = with_pictures if len(names) > 1 else names
        return f"{self.below}/{name}" if self.below else name

    def _only(self, stem: str, same: list[str]) -> str:
        if len(same) > 1:
            raise PipelineError(
                f"{self._corpus / self.below}: {stem!r} could be {' or '.join(same)}; write the name of the clip "
                "into the table as it is, with its zeros and accents"
            )
        return same[0] if same else stem


def names_in(folder: Path) -> Sequence[str]:
    """Sorted names of what is directly inside, recordings that are listed and lie elsewhere among them; none without such a folder."""
    listed = listed_names_in(folder)
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted({*listed, *(entry.name for entry in entries)}))
    except (OSError, ValueError):
        return tuple(listed)


def is_folder(folder: Path) -> bool:
    """Whether there is such a folder, or a listed recording that lies elsewhere would be in it."""
    return folder.is_dir() or bool(listed_names_in(folder))


def first_folder(folder: Path, *candidates: str) -> str | None:
    """The first of these folders, relative to `folder`, that exists; see `is_folder`."""
    return next((name for name in candidates if is_folder(folder / name)), None)


def folders_below(folder: Path) -> Sequence[Path]:
    """Every folder below, at any depth, but what is left out (`is_left_out`); sorted; see `is_folder`."""
    found = {path for path, is_folder in entries_below(folder) if is_folder}
    listed = list_above(folder)
    if listed is not None:
        found |= {path for name in listed.folders if (path := listed.folder / name).is_relative_to(folder)}
    return sorted(found - {folder})


def recordings_below(folder: Path) -> Sequence[Path]:
    """Every recording below, at any depth, by its name, also one that is listed and lies elsewhere; sorted."""
    found = {path for path in files_below(folder) if is_medium(path.name)}
    listed = list_above(folder)
    if listed is not None:
        found |= {path for name in listed.files if (path := listed.folder / name).is_relative_to(folder)}
    return sorted(found)


def first_file(folder: Path, *candidates: str) -> Path | None:
    """The first of these files below `folder` that exists."""
    return next((folder / name for name in candidates if (folder / name).is_file()), None)


class NamesOnDisk:
    """Names of a table as the disk has them; each folder is listed once."""

    def __init__(self, corpus: Path) -> None:
        self._corpus = corpus
        self._names: dict[PurePosixPath, Mapping[str, list[str]]] = {}

    def find(self, media: str) -> str:
        r"""The name on the disk: Windows wrote clips\a.mp4, and an accent is one character or two.

        A backslash in a real name stays, and so does a name that is like none on the disk. Without `./` and doubled slashes, so
        that one recording has one name: segments are kept together in a split by it.
        """
        try:
            if (self._corpus / media).is_file() or listed_at(self._corpus / media) is not None:
                return str(PurePosixPath(media))
        except (OSError, ValueError):
            return media
        path = PurePosixPath(media.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            return media
        same = self._by_characters(path.parent).get(unicodedata.normalize("NFC", path.name), [])
        return str(path.parent / same[0]) if len(same) == 1 else str(path)

    def _by_characters(self, below: PurePosixPath) -> Mapping[str, list[str]]:
        if below not in self._names:
            found: dict[str, list[str]] = defaultdict(list)
            for name in names_in(self._corpus / below):
                found[unicodedata.normalize("NFC", name)].append(name)
            self._names[below] = found
        return self._names[below]


def near_name(path: Path) -> str | None:
    """A recording beside a missing file whose name differs from it in letter case, accents, suffix or blanks around it alone."""
    try:
        changed_ns = path.parent.stat().st_mtime_ns
    except (OSError, ValueError):
        return None
    whole, by_stem = _near_names(path.parent, changed_ns)
    return whole.get(_folded(path.name)) or by_stem.get(_folded(path.stem))


@lru_cache(maxsize=16)
def _near_names(folder: Path, changed_ns: int) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Names, and names of recordings without suffix, as `_folded` has them; `changed_ns` tells a later listing apart."""
    names = names_in(folder)
    recordings = [name for name in names if is_medium(name)]
    return {_folded(n): n for n in names}, {_folded(PurePosixPath(n).stem): n for n in recordings}


def _folded(name: str) -> str:
    # Blanks around a cell of a table are no part of it.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()
