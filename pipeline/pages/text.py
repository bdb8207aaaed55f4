"""Blocks as aligned text for a terminal: the same blocks, the same bytes."""

import textwrap
from collections.abc import Sequence

from pipeline.errors import written_out
from pipeline.pages.blocks import Block, Cell, Command, Grid, Heading, Paragraph, Table
from pipeline.pages.numbers import typed

WIDTH = 110
"""Columns of a terminal that sentences fill."""


def as_text(blocks: Sequence[Block]) -> str:
    """The page for a terminal: columns aligned, sentences wrapped; what is drawn is left out.

    Texts may come from files of anybody, so characters that would move the terminal are written out.
    """
    flat = [part for block in blocks for part in (block.blocks if isinstance(block, Grid) else (block,))]
    written = [(block, text) for block in flat if (text := _block(block))]
    page = ""
    for index, (block, text) in enumerate(written):
        if index:
            # Commands stand together.
            run_on = isinstance(block, Command) and isinstance(written[index - 1][0], Command)
            page += "\n" if run_on else "\n\n"
        page += text
    return typed(page) + "\n"


def wrapped(text: str, *, first: str = "", rest: str = "") -> str:
    """Sentences in lines of at most `WIDTH` columns, the first line after `first` and the others after `rest`."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            title = _line(text)
            return f"{title}\n{('=' if level == 1 else '-') * len(title)}"
        case Paragraph(text, kind):
            return wrapped(written_out(f"Warning: {text}" if kind == "warning" else text))
        case Command(text, purpose):
            return f"    {_line(text):<40}  {_line(purpose)}"
        case Table():
            return _table(block)
    return ""


def _table(table: Table) -> str:
    lines = [
        tuple(map(_line, table.header)),
        *(tuple(_cell(cell, table) for cell in row) for row in table.rows),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.header))]
    rows = [
        "  ".join(
            cell.ljust(width) if table.holds_words(column) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    notes = [f"({letter}) {_line(note)}" for note, letter in table.notes.items()]
    return "\n".join([*([_line(table.caption)] if table.caption else []), *rows, *notes])


def _cell(cell: Cell, table: Table) -> str:
    text = _line(f"{cell.text} {cell.detail}" if cell.detail else cell.text)
    return text if cell.note is None else f"{text} ({table.notes[cell.note]})"


def _line(text: str) -> str:
    """A text that takes one line."""
    return written_out(text).replace("\n", " ").replace("\t", " ")
