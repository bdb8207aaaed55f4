"""CSV tables: written with six digits and nothing for what is missing, safe in a spreadsheet, never read back by half."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.formats.csv_cells import escaped, restored
from pipeline.errors import PipelineError

Columns = Mapping[str, tuple[str, ...]]
"""Texts of the cells by column, in the order of the file."""


def table_to_csv(columns: Mapping[str, Sequence[Any] | np.ndarray]) -> str:
    """Columns of equal length as CSV: floats with six digits, NaN and None as empty cells, lines that end in a line feed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(_written, column) for column in columns.values()), strict=True))
    return text.getvalue()


def table_from_csv(text: str, *, source: str, what: str, remedy: str) -> Columns:
    """Columns of a CSV table.

    Args:
        text: content of the file.
        source: name of the file, for errors.
        what: noun of the content of the table, for errors.
        remedy: command that makes the file again, for errors.

    Raises:
        PipelineError: no header, a column named twice, rows of different lengths, or a last line without its end, as in a
            file that was cut off.
    """
    (columns,) = table_parts_from_csv(text, source=source, what=what, remedy=remedy, at_most=None)
    return columns


def table_parts_from_csv(
    text: str, *, source: str, what: str, remedy: str, at_most: int | None
) -> Iterator[Columns]:
    """`table_from_csv` some rows at a time: cells as texts take ten times the room of numbers.

    Args:
        text: content of the file.
        source: name of the file, for errors.
        what: noun of the content of the table, for errors.
        remedy: command that makes the file again, for errors.
        at_most: number of rows of a part; None for all in one.

    Yields:
        the same columns each time, of rows that follow one another; once without rows where the table has none.
    """
    if text and not text.endswith("\n"):
        raise PipelineError(f"{source}: cut off within a line, so it is no whole {what}; run `{remedy}`")
    try:
        rows = csv.reader(_lines(text))
        header = next(rows, None)
        if header is None:
            raise ValueError("it is empty")
        if len(set(header)) < len(header):
            raise ValueError("a column occurs twice")
        # Where nothing was escaped nothing is restored: cells with numbers are most of a large table.
        was_escaped, is_first = "'" in text, True
        while some := list(islice(rows, at_most)):
            yield _columns(
                header, [[restored(cell) for cell in row] for row in some] if was_escaped else some
            )
            is_first = False
        if is_first:
            yield _columns(header, [])
    except (ValueError, csv.Error) as error:
        raise not_a_table(source, what, remedy, error) from error


def _columns(header: list[str], rows: list[list[str]]) -> Columns:
    cells = list(zip(*rows, strict=True)) or [()] * len(header)
    return dict(zip(header, cells, strict=True))


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends, of which none is held; not those of `splitlines`, which sees ends within a cell."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def not_a_table(source: str, what: str, remedy: str, error: Exception | str) -> PipelineError:
    """The error for a file that is another table than the one expected, or none."""
    return PipelineError(f"{source}: not a {what} ({error}); run `{remedy}`")


def numbers(cells: Sequence[str]) -> Float64[np.ndarray, "row"]:
    """Cells as numbers; an empty one is NaN. Raises ValueError where one is no number."""
    return np.array([cell or "nan" for cell in cells], np.float64)


def _written(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else f"{value:.6f}"
    return escaped(value) if isinstance(value, str) else value
