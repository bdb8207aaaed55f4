"""The test split as its recordings would have given it if they were worse: an aligned split for each condition."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.formats.files import read_json, rebuilding, write_json

_INDEX = "conditions.json"
_KIND = "list of degraded splits"


@dataclass(frozen=True)
class DegradedSplit:
    """A test split under one condition.

    Attributes:
        degradation: what was done to the recordings.
        level: how much of it, in the unit that its name says.
        path: folder of the split, see `read_aligned`.
    """

    degradation: str
    level: float
    path: Path


def write_degraded(folder: Path, splits: Iterable[tuple[str, float, AlignedSplit]]) -> None:
    """Write each split as it comes, then the list of them; an empty list where nothing was degraded.

    Args:
        folder: folder of the splits; those of an earlier run are removed.
        splits: degradation, level and split; levels of one degradation follow one another, from little to much.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.iterdir():
        if earlier.is_dir():
            shutil.rmtree(earlier)
        else:
            earlier.unlink()
    conditions = []
    for degradation, level, split in splits:
        name = f"{degradation}_{level}"
        write_aligned(folder / name, split)
        conditions.append({"degradation": degradation, "level": level, "folder": name})
    write_json(folder / _INDEX, conditions)


def read_degraded(folder: Path) -> list[DegradedSplit]:
    """The splits that `write_degraded` wrote, in its order; their folders are not opened.

    Raises:
        PipelineError: the list is not there, or is another.
    """
    path = folder / _INDEX
    conditions = read_json(path)
    with rebuilding(path, _KIND):
        return [
            DegradedSplit(found["degradation"], float(found["level"]), folder / found["folder"])
            for found in conditions
        ]
