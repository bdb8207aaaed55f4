"""What a page is made of, before it is text, Markdown, LaTeX or HTML: sections of paragraphs, tables and figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from markupsafe import Markup

Tone: TypeAlias = Literal["good", "same", "doubtful", "bad"]
"""What a word means for the reader; the style sheet has a colour for each."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of a table.

    Attributes:
        text: plain text, as everything here is.
        detail: text that belongs to it and matters less, such as an interval.
        note: reason why it says no more; shown once under the table, with a letter at the entry.
        strong: whether it stands out.
        shade: darkness of its background, 0 to 1; None for no background at all.
        tone: whether it says something good or bad; None for neither.
    """

    text: str
    detail: str = ""
    note: str | None = None
    strong: bool = False
    shade: float | None = None
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first row and first column are headings.

    Attributes:
        caption: one sentence or phrase on what it shows; empty where a heading says so.
        header: headings of the columns, that of the row headings included.
        rows: rows of as many cells as `header`; the first cell is the heading of the row.
        worded: positions of the columns that hold words; all others hold numbers. The first always holds words.
        compact: whether its columns stand close together, as those of a matrix do.
        mixed: whether rows are in different units, such as one metric each: to sort by a column would compare them.

    Raises:
        ValueError: a row is longer or shorter than the header.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    worded: frozenset[int] = frozenset()
    compact: bool = False
    mixed: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(
                    f"table {self.caption!r}: {len(row)} cells under {len(self.header)} headings: {row}"
                )

    @property
    def notes(self) -> Mapping[str, str]:
        """The letter of each note, in the order in which the notes occur."""
        notes = dict.fromkeys(cell.note for row in self.rows for cell in row if cell.note is not None)
        return {note: _letters(position) for position, note in enumerate(notes)}

    def holds_words(self, column: int) -> bool:
        """Words start where their column starts; numbers end where it ends."""
        return column == 0 or column in self.worded


def plain_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str | Cell]],
    *,
    worded: Sequence[int] = (),
    mixed: bool = False,
) -> Table:
    """A table without a caption, of texts.

    Args:
        header: headings of the columns.
        rows: rows of as many entries as `header`.
        worded: positions of the columns that hold words.
        mixed: whether rows are in different units.
    """
    cells = tuple(tuple(Cell(entry) if isinstance(entry, str) else entry for entry in row) for row in rows)
    return Table("", tuple(header), cells, frozenset(worded), mixed=mixed)


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as a Vega-Lite description.

    Attributes:
        name: anchor in a page and name of a file.
        spec: the description.
        caption: description of what it shows, for those who see it and for those who do not.
    """

    name: str
    spec: Mapping[str, Any]
    caption: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that is drawn already.

    Attributes:
        svg: an element of a page, coloured by its style sheet.
        caption: description of what it shows, for those who see it and for those who do not.
    """

    svg: Markup
    caption: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A title within a page; level 1 is that of the whole page."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences; `kind` says how loud."""

    text: str
    kind: Literal["plain", "lead", "warning", "small"] = "plain"


@dataclass(frozen=True, slots=True)
class Command:
    """Something to type, and what it is for."""

    text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Terms and what is to be said of each."""

    items: tuple[tuple[str | Cell, str], ...]


@dataclass(frozen=True, slots=True)
class Legend:
    """The names of the series of the pictures below, each in its colour, the first in that of the base."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Figures or tables that stand side by side where each finds its least width, in units of the font size."""

    blocks: tuple["Figure | Picture | Table", ...]
    least_width_em: float = 21.0


Block: TypeAlias = Heading | Paragraph | Command | Table | Figure | Picture | Listing | Legend | Grid


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with an anchor, and what stands under it.

    Attributes:
        anchor: target of links to it.
        heading: its heading.
        blocks: blocks under the heading.
        brief: whether it is in the short report too.
        in_contents: its entry in the list of contents; empty for its heading.
        mark: a word beside its heading; None for none.
        folds: parts of it that are shown when they are opened.
    """

    anchor: str
    heading: str
    blocks: tuple[Block, ...]
    brief: bool = True
    in_contents: str = ""
    mark: Cell | None = None
    folds: tuple["Section", ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole page.

    Attributes:
        title: its heading.
        subtitle: subject of the page; may be empty.
        sections: its parts, in order.
        links: pages beside it: a relative address and what stands there.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...] = field(default=())
    links: tuple[tuple[str, str], ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in their order."""
        return tuple(
            block for section in self.sections for block in _all_blocks(section) if isinstance(block, Figure)
        )


def _all_blocks(section: Section) -> Iterator[Block]:
    for block in section.blocks:
        if isinstance(block, Grid):
            yield from block.blocks
        else:
            yield block
    for fold in section.folds:
        yield from _all_blocks(fold)


def shortened(text: str, *, at_most: int = 80) -> str:
    """Text of any length in one line of at most so many characters, cut in its middle: ids differ at their ends."""
    line = " ".join(text.split())
    if len(line) <= at_most:
        return line
    head = (at_most - 1) // 2
    return f"{line[:head]}…{line[-(at_most - 1 - head) :]}"


def _letters(position: int) -> str:
    """Position 0 is a, 25 is z, 26 is aa."""
    before, last = divmod(position, 26)
    return (_letters(before - 1) if before else "") + chr(ord("a") + last)
