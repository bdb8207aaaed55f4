"""A report as Markdown: its brief sections without figures, fit for a comment on a change."""

import re
from collections.abc import Sequence

from pipeline.pages.blocks import Block, Cell, Document, Figure, Grid, Paragraph, Section, Table


def to_markdown(document: Document) -> str:
    """Render the brief sections of a report as GitHub-flavoured Markdown."""
    parts = [f"# {escaped(document.title)}", escaped(document.subtitle)]
    for section in document.sections:
        if section.brief:
            parts += _section(section)
    return "\n\n".join(parts) + "\n"


def tables_to_markdown(tables: Sequence[Table]) -> str:
    """Tables one below the other, as a file."""
    return "\n\n".join(map(table_to_markdown, tables)) + "\n"


def table_to_markdown(table: Table) -> str:
    """One table with its caption above and its notes below."""
    worded = {0, *table.worded}
    lines = [
        _row([escaped(text) for text in table.header]),
        _row([":---" if column in worded else "---:" for column in range(len(table.header))]),
        *(_row([_cell(cell, table) for cell in row]) for row in table.rows),
    ]
    parts = [f"**{escaped(table.caption)}**", "\n".join(lines)]
    if table.notes:
        parts.append(
            "; ".join(f"<sup>{letter}</sup> {escaped(note)}" for note, letter in table.notes.items())
        )
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """Text of any content as Markdown that shows it as it is, in one line."""
    line = " ".join(text.split())
    line = line.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"[`*|~]|\](?=[\[(:])", r"\\\g<0>", line)
    # Within a word an underscore is no mark-up, and most names here have some.
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)


def _section(section: Section) -> list[str]:
    parts = [f"## {escaped(section.heading)}"]
    for block in section.blocks:
        parts += _block(block)
    return parts


def _block(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        text = escaped(block.text)
        return [f"> **Warning:** {text}" if block.kind == "warning" else text]
    if isinstance(block, Table):
        return [table_to_markdown(block)]
    if isinstance(block, Grid):
        return [table_to_markdown(each) for each in block.blocks if not isinstance(each, Figure)]
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
