"""Where the media of a corpus lie, listed once: looking into the folder for every segment takes time with its square."""

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from pipeline.errors import PipelineError

# What FFmpeg is asked to read; a folder of clips also holds transcripts, features and pictures.
_MEDIA = {
    ".3gp", ".aac", ".avi", ".flac", ".flv", ".m4a", ".m4v", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg",
    ".ogg", ".ogv", ".opus", ".ts", ".wav", ".webm", ".wmv",
}  # fmt: skip


class MediaFolder:
    """The media directly inside of one folder, by their names without suffix."""

    def __init__(self, corpus: Path, below: str) -> None:
        """Name the folder `below` the corpus folder, with forward slashes; it need not exist."""
        self._corpus, self.below = corpus, below

    @cached_property
    def names(self) -> Mapping[str, str]:
        """File by stem; of several suffixes the first by name."""
        found: dict[str, str] = {}
        if ".." in PurePosixPath(self.below).parts or self.below.startswith("/"):
            return found
        try:
            with os.scandir(self._corpus / self.below) as entries:
                names = sorted(entry.name for entry in entries)
        except (OSError, ValueError):
            return found
        for name in names:
            stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
            # macOS leaves `._name` beside each file that it copies to another file system.
            if suffix.lower() in _MEDIA and not name.startswith("._"):
                found.setdefault(stem, name)
        return found

    @cached_property
    def _by_number(self) -> Mapping[int, list[str]]:
        numbers: dict[int, list[str]] = {}
        for stem in self.names:
            if re.fullmatch(r"[0-9]+", stem):
                numbers.setdefault(int(stem), []).append(stem)
        return numbers

    def find(self, stem: str) -> str | None:
        """The file of this stem, relative to the corpus folder.

        A table that a spreadsheet saved has lost leading zeros: 1 finds 0001.mp4 where nothing else is 1.

        Raises:
            PipelineError: two files could be meant.
        """
        if stem not in self.names and re.fullmatch(r"[0-9]+", stem):
            same = self._by_number.get(int(stem), [])
            if len(same) > 1:
                raise PipelineError(
                    f"{self._corpus / self.below}: {stem!r} could be {' or '.join(same)}; write the name of the clip "
                    "into the table as it is, with its zeros"
                )
            stem = same[0] if same else stem
        name = self.names.get(stem)
        return None if name is None else f"{self.below}/{name}" if self.below else name


def first_folder(folder: Path, *candidates: str) -> str | None:
    """The first of these folders, relative to `folder`, that exists."""
    return next((name for name in candidates if (folder / name).is_dir()), None)


def first_file(folder: Path, *candidates: str) -> Path | None:
    """The first of these files below `folder` that exists."""
    return next((folder / name for name in candidates if (folder / name).is_file()), None)


def forward_slashes(media: str, *, folder: Path) -> str:
    r"""A name that Windows wrote, clips\a.mp4, as everybody reads it; a backslash in a real name stays."""
    try:
        kept = "\\" not in media or (folder / media).is_file()
    except (OSError, ValueError):
        kept = True
    return media if kept else media.replace("\\", "/")
