"""Tables as the field passes them around: commas or tabs, a byte order mark, Excel's encodings, numbers as strings."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.errors import PipelineError

_DELIMITERS = ",\t;"


def read_text_file(path: Path, *, encodings: Sequence[str] = ("utf-8-sig",)) -> str:
    """The text of a file of the corpus, in the first of the encodings that fits; line ends become line feeds.

    Raises:
        PipelineError: the file is missing, cannot be read, or is in none of these encodings.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read ({error.strerror}); put the file there") from error
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ("utf-16",)
    for encoding in encodings:
        try:
            return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    raise PipelineError(f"{path}: not text in {' or '.join(encodings)}; save it as UTF-8")


def read_rows(
    path: Path, *, required: Sequence[str], encodings: Sequence[str] = ("utf-8-sig",)
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Place and cells of each row, stripped; the delimiter is the one that the header has most of.

    Columns that nobody asked for are passed on: published tables hold more than we read.

    Raises:
        PipelineError: the file cannot be read, a required column is missing, or a row has too few or too many cells.
    """
    text = read_text_file(path, encodings=encodings)
    header = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = [name.strip() for name in next(rows, [])]
        missing = [name for name in required if name not in columns]
        if missing:
            raise PipelineError(
                f"{path}: is missing {', '.join(map(repr, missing))}; expected a table with the columns "
                f"{', '.join(required)}"
            )
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            place = f"{path}, line {rows.line_num}"
            if len(cells) != len(columns):
                raise PipelineError(
                    f"{place}: has {len(cells)} cells, but the header names {len(columns)} columns; "
                    "quote cells that hold the delimiter"
                )
            yield place, dict(zip(columns, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise PipelineError(f"{path}, line {rows.line_num}: not a table ({error})") from error


def number(text: str, place: str, column: str) -> float:
    """A finite number.

    Raises:
        PipelineError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise PipelineError(f"{place}: {column} is {text!r}; expected a number")
    return value


def spoken(text: str) -> str | None:
    """A transcript on one line, None where nothing is said."""
    return " ".join(text.split()) or None
