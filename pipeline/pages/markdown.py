"""Blocks as Markdown: a comparison, or the brief sections of a report, fit for a comment on a change."""

import re
from collections.abc import Sequence

from pipeline.errors import written_out
from pipeline.pages.blocks import Block, Cell, Command, Document, Grid, Heading, Paragraph, Section, Table


def to_markdown(document: Document) -> str:
    """The brief sections of a report as GitHub-flavoured Markdown; figures and listings are left out."""
    parts = [f"# {escaped(document.title)}", escaped(document.subtitle)]
    for section in document.sections:
        if section.brief:
            parts += _section(section)
    return "\n\n".join(parts) + "\n"


def as_markdown(blocks: Sequence[Block]) -> str:
    """Blocks as a part of a larger text: their headings start at the second level."""
    page = ""
    before: Block | None = None
    for block in blocks:
        for part in _block(block):
            # Commands are items of one list.
            run_on = isinstance(block, Command) and isinstance(before, Command)
            page += ("\n" if run_on else "\n\n" if page else "") + part
            before = block
    return page + "\n"


def table_to_markdown(table: Table) -> str:
    """One table with its caption above and its notes below."""
    lines = [
        _row([escaped(text) for text in table.header]),
        _row([":---" if table.holds_words(column) else "---:" for column in range(len(table.header))]),
        *(_row([_cell(cell, table) for cell in row]) for row in table.rows),
    ]
    parts = [f"**{escaped(table.caption)}**"] if table.caption else []
    parts.append("\n".join(lines))
    if table.notes:
        parts.append(
            "; ".join(f"<sup>{letter}</sup> {escaped(note)}" for note, letter in table.notes.items())
        )
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """Text of any content as Markdown that shows it as it is, in one line, characters that would move a terminal written out."""
    line = " ".join(written_out(text).split())
    line = line.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"[`*|~]|\](?=[\[(:])", r"\\\g<0>", line)
    # Within a word an underscore is no mark-up, and most names here have some.
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)


def _section(section: Section) -> list[str]:
    return [f"## {escaped(section.heading)}", *(part for block in section.blocks for part in _block(block))]


def _block(block: Block) -> list[str]:
    match block:
        case Heading(text, level):
            return [f"{'#' * (level + 1)} {escaped(text)}"]
        case Paragraph(text, kind):
            return [f"> **Warning:** {escaped(text)}" if kind == "warning" else escaped(text)]
        case Command(text, purpose):
            return [f"- `{written_out(text)}`: {escaped(purpose)}"]
        case Table():
            return [table_to_markdown(block)]
        case Grid(blocks):
            return [table_to_markdown(table) for table in blocks if isinstance(table, Table)]
    return []


def _cell(cell: Cell, table: Table) -> str:
    text = escaped(cell.text)
    if cell.strong:
        text = f"**{text}**"
    if cell.detail:
        text = f"{text} {escaped(cell.detail)}"
    return text if cell.note is None else f"{text} <sup>{table.notes[cell.note]}</sup>"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
