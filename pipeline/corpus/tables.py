"""Tables as the field passes them around: commas, tabs or semicolons, a byte order mark, Excel's encodings."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.artifacts.formats.foreign import other_kind, read_plain_file
from pipeline.corpus.cells import shortened
from pipeline.errors import PipelineError, did_you_mean

_DELIMITERS = ",\t;|"
# The largest table of the field, MOSEI's, has 5 MB.
_MAX_BYTES = 1 << 29
# The transcript of a day has less. A quote that is never closed is found by itself.
csv.field_size_limit(1 << 24)
# The first line of a table that Excel saved where commas stand in numbers.
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?", re.IGNORECASE)
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Nearly every pair of bytes is a character of GB 18030, so text in Big5, Shift-JIS, CP949 or Latin-1 "is" Chinese. Chinese text keeps
# to GB 2312, of it to punctuation (rows 0xA1 and 0xA3) and the 3,755 characters of everyday use, and has some of a few characters.
_CHINESE = "gb18030"
_EVERYDAY = frozenset((0xA1, 0xA3, *range(0xB0, 0xD8)))
_LEAST_KNOWN, _LEAST_EVERYDAY, _LEAST_FREQUENT = 0.95, 0.8, 0.02
_FREQUENT = frozenset("的了是我不一这有在人他就也你都说个上大很好来到们为要看没得那")
_ENOUGH_CHARACTERS = 100


def read_text_file(
    path: Path, *, encodings: Sequence[str] = ("utf-8-sig",), largest_bytes: int = _MAX_BYTES
) -> str:
    """The text of a file of the corpus, in the first of the encodings that fits; line ends become line feeds.

    Args:
        path: the file.
        encodings: encodings that it may be written in.
        largest_bytes: more than this is refused.

    Raises:
        PipelineError: the file is missing, is no plain file, is empty, too large, or in none of these encodings; nearly all bytes
            are text in GB 18030, which is taken for that only where it is Chinese.
    """
    content = read_plain_file(path, what="a text file", largest_bytes=largest_bytes)
    kind = other_kind(content)
    if kind is not None:
        raise PipelineError(f"{path}: is {kind}; expected text in UTF-8")
    if content.startswith(_BYTE_ORDER_MARKS):
        encodings = ("utf-16",)
    for encoding in encodings:
        try:
            text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            line, byte = content.count(b"\n", 0, error.start) + 1, content[error.start]
            continue
        if encoding == _CHINESE and not _is_chinese(text):
            break
        if "\0" in text:
            raise PipelineError(
                f"{path}, line {text[: text.index(chr(0))].count(chr(10)) + 1}: holds a NUL byte, so it is damaged or UTF-16 "
                "without a byte order mark; save it as UTF-8"
            )
        return text
    raise PipelineError(
        f"{path}, line {line}: the byte 0x{byte:02x} is no text in {' or '.join(encodings).replace('-sig', '')}, so it may be "
        "in Latin-1 or another encoding; save it as UTF-8 (Excel: CSV UTF-8)"
    )


def _is_chinese(text: str) -> bool:
    """Whether a text that was decoded as GB 18030 is one in Chinese, and not bytes of another encoding that happen to fit."""
    characters = [character for character in text if not character.isascii()]
    encoded = [character.encode("gb18030") for character in characters]
    known = [code for code in encoded if len(code) == 2 and min(code) >= 0xA1]  # those of GB 2312
    everyday = sum(code[0] in _EVERYDAY for code in known)
    if len(known) < _LEAST_KNOWN * len(encoded) or everyday < _LEAST_EVERYDAY * len(encoded):
        return False
    frequent = sum(character in _FREQUENT for character in characters)
    return len(characters) < _ENOUGH_CHARACTERS or frequent >= _LEAST_FREQUENT * len(characters)


def read_rows(
    path: Path,
    *,
    required: Collection[str],
    known: Callable[[str], bool] | None = None,
    named: Collection[str] = (),
    encodings: Sequence[str] = ("utf-8-sig",),
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Place and cells of each row, stripped; a place names the line on which the row begins.

    A column whose name differs from one of these in capitals alone is that column.

    Args:
        path: the table.
        required: columns that have to be there.
        known: whether a column may be there; None where published tables hold more than is read, which is passed on.
        named: names of optional columns, for the sentence on a misspelt one.
        encodings: encodings that the file may be written in; the first that fits is taken.

    Raises:
        PipelineError: the file cannot be read, a required column is missing, one is unknown or there twice, or a row has more
            or fewer cells than the header.
    """
    text = read_text_file(path, encodings=encodings)
    begins = len(text) - len(text.lstrip(" \n"))
    n_skipped = text.count("\n", 0, begins)
    text = text[text.rfind("\n", 0, begins) + 1 :]
    separator = _SEPARATOR_LINE.fullmatch(text.split("\n", 1)[0].strip())
    if separator is not None and "\n" in text:
        text, n_skipped = text.split("\n", 1)[1], n_skipped + 1
    delimiter = separator[1] if separator else _delimiter(text.split("\n", 1)[0], required)
    rows = _numbered(path, text, delimiter, n_skipped)
    columns = _columns(path, next(rows, (1, []))[1], required, known, named)
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{path}, line {line}"
        if len(cells) != len(columns):
            raise PipelineError(
                f"{place}: has {len(cells)} cells, but the header has {len(columns)}; put quotes around cells that hold "
                f"{'a comma' if delimiter == ',' else f'the delimiter {delimiter!r}'}"
            )
        yield place, dict(zip(columns, map(str.strip, cells), strict=True))


def _delimiter(header: str, required: Collection[str]) -> str:
    """The one by which most of the required columns are found, then the one that the header has most of."""

    def fit(delimiter: str) -> tuple[int, int]:
        names = {name.strip().strip('"').strip().casefold() for name in header.split(delimiter)}
        return len(names & set(map(str.casefold, required))), header.count(delimiter)

    return max(_DELIMITERS, key=fit)


def _numbered(path: Path, text: str, delimiter: str, n_skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Rows with the lines on which they begin: a quoted cell may go over several."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line, n_lines = 1, text.count("\n") + (not text.endswith("\n"))
    try:
        for cells in rows:
            ends_the_file = n_lines == rows.line_num > line
            if ends_the_file and "\n".join(text.split("\n")[line - 1 :]).count('"') % 2:
                raise PipelineError(
                    f"{path}, line {line + n_skipped}: a quote is opened and never closed; close it, or double it where it is part "
                    "of the text"
                )
            yield line + n_skipped, cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise PipelineError(
            f"{path}, line {line + n_skipped}: no row of a table ({error}); look for a quote that is opened and never closed"
        ) from error


def _columns(
    path: Path,
    header: list[str],
    required: Collection[str],
    known: Callable[[str], bool] | None,
    named: Collection[str],
) -> list[str]:
    columns = _in_our_case([name.strip() for name in header], required, known, named)
    expected = f"expected a table with the columns {', '.join(required)}" + (
        f" and optionally {', '.join(named)}" if named else ""
    )
    if known is not None and "" in columns:
        raise PipelineError(
            f"{path}: column {columns.index('') + 1} has no name; remove it (a comma at the end of the lines, or the numbers that "
            f"pandas puts in front unless it is told `index=False`), or name it; {expected}"
        )
    unknown = [name for name in columns if known is not None and not known(name)]
    missing = [name for name in required if name not in columns]
    wrong = []
    if missing:
        wrong.append(f"is missing {', '.join(map(repr, missing))}")
    if unknown:
        near = did_you_mean(unknown[0], [name for name in (*required, *named) if name not in columns])
        noun = "column" if len(unknown) == 1 else "columns"
        wrong.append(f"does not know the {noun} {', '.join(map(shortened, unknown[:5]))}{near}")
    if wrong:
        raise PipelineError(f"{path}: {' and '.join(wrong)}; {expected}")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise PipelineError(f"{path}: names the column {twice[0]!r} twice; keep one of them")
    return columns


def _in_our_case(
    columns: list[str],
    required: Collection[str],
    known: Callable[[str], bool] | None,
    named: Collection[str],
) -> list[str]:
    """The names of columns, those that differ in capitals alone from a name that is read, and is not there, as that name."""
    ours = {name.casefold(): name for name in (*named, *required)}

    def written(column: str) -> str:
        is_known = column in ours.values() if known is None else known(column)
        small = column.casefold()
        meant = ours.get(small, small if known is not None and known(small) else column)
        return column if is_known or meant in columns else meant

    return [written(column) for column in columns]
