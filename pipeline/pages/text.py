"""A page as blocks, printed as aligned text for a terminal or as Markdown; the same blocks, the same bytes."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 110


@dataclass(frozen=True)
class Heading:
    """A title: level 1 for a run, level 2 for a part."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Sentences."""

    text: str


@dataclass(frozen=True)
class Command:
    """Something to type, with what it is for."""

    text: str
    purpose: str


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first column is a name, and the columns in `words` are words too, all others numbers.

    Raises:
        ValueError: a row is longer or shorter than the header.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError(f"every row has to have the {len(self.header)} cells of the header")

    def is_left(self, column: int) -> bool:
        """Words start where their column starts; numbers end where it ends."""
        return column == 0 or column in self.words


Block = Heading | Paragraph | Command | Table


def as_text(blocks: Sequence[Block]) -> str:
    """The page for a terminal: columns aligned, sentences wrapped."""
    return _joined(blocks, [_block_as_text(block) for block in blocks])


def as_markdown(blocks: Sequence[Block]) -> str:
    """The page as GitHub-flavoured Markdown."""
    return _joined(blocks, [_block_as_markdown(block) for block in blocks])


def number(value: float, *, signed: bool = False) -> str:
    """Four digits after the point, as everywhere in the tables; what rounds to zero has no sign.

    >>> number(0.81234), number(-0.00001), number(0.5, signed=True)
    ('0.8123', '0.0000', '+0.5000')
    """
    shown = rounded(value)
    return f"{shown:+.4f}" if signed and shown else f"{shown:.4f}"


def interval(low: float, high: float) -> str:
    """An interval of a difference.

    >>> interval(-0.2, 0.1)
    '[-0.2000, +0.1000]'
    """
    return f"[{number(low, signed=True)}, {number(high, signed=True)}]"


def rounded(value: float) -> float:
    """The number that `number` prints."""
    return round(value, 4) + 0.0


def _joined(blocks: Sequence[Block], printed: Sequence[str]) -> str:
    """An empty line between blocks, except between commands."""
    text = ""
    for index, part in enumerate(printed):
        if index:
            run_on = isinstance(blocks[index], Command) and isinstance(blocks[index - 1], Command)
            text += "\n" if run_on else "\n\n"
        text += part
    return text + "\n"


def _block_as_text(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{text}\n{('=' if level == 1 else '-') * len(text)}"
        case Paragraph(text):
            return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
        case Command(text, purpose):
            return f"    {text:<40}  {purpose}"
        case Table():
            lines = [block.header, *block.rows]
            widths = [max(len(line[column]) for line in lines) for column in range(len(block.header))]
            return "\n".join(
                "  ".join(
                    cell.ljust(width) if block.is_left(column) else cell.rjust(width)
                    for column, (cell, width) in enumerate(zip(line, widths, strict=True))
                ).rstrip()
                for line in lines
            )


def _block_as_markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * (level + 1)} {_escaped(text)}"
        case Paragraph(text):
            return _escaped(text)
        case Command(text, purpose):
            return f"- `{text}`: {_escaped(purpose)}"
        case Table(header, rows):
            rule = ["---" if block.is_left(column) else "---:" for column in range(len(header))]
            lines = [[_escaped(cell) for cell in line] for line in (header, *rows)]
            return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def _escaped(text: str) -> str:
    for special in ("\\", "|", "*", "<"):
        text = text.replace(special, "\\" + special)
    return " ".join(text.split())
