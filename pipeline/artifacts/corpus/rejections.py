"""What of a corpus cannot be used, and why: a table for people."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts.formats.files import read_text, write_text
from pipeline.artifacts.formats.tables import not_a_table, table_from_csv, table_to_csv

_COLUMNS = ("id", "media", "reason")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A segment that the corpus names and the pipeline cannot use, with the sentence that says why."""

    id: str
    media: str
    reason: str


def write_rejections(path: Path, rejections: Iterable[Rejection]) -> None:
    """Write a CSV with the columns id, media, reason."""
    rows = list(rejections)
    write_text(path, table_to_csv({name: [getattr(row, name) for row in rows] for name in _COLUMNS}))


def read_rejections(path: Path) -> list[Rejection]:
    """Read what `write_rejections` wrote.

    Raises:
        PipelineError: the file is missing, cut short or damaged.
    """
    what, remedy = "table of rejected segments", "dvc repro manifest"
    columns = table_from_csv(read_text(path), source=str(path), what=what, remedy=remedy)
    if tuple(columns) != _COLUMNS:
        raise not_a_table(str(path), what, remedy, f"its columns are {', '.join(columns)}")
    return [Rejection(*row) for row in zip(*columns.values(), strict=True)]
