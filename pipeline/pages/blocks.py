"""What a report is made of, before it is Markdown or HTML: sections of paragraphs, tables, figures and lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of a table.

    Attributes:
        text: What it says; plain text, as everything here is.
        detail: What belongs to it and matters less, such as an interval.
        note: Why it says no more; shown once under the table, with a letter at the entry.
        strong: Whether it stands out.
        shade: How dark its background is, 0 to 1; None for no background at all.
    """

    text: str
    detail: str = ""
    note: str | None = None
    strong: bool = False
    shade: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first row and first column are headings.

    Attributes:
        caption: What it shows, one sentence or phrase.
        header: Headings of the columns, that of the row headings included.
        rows: As many cells each as `header`; the first is the heading of the row.
        worded: Positions of the columns that hold words; all others hold numbers. The first always holds words.
        compact: Whether its columns stand close together, as those of a matrix do.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    worded: frozenset[int] = frozenset()
    compact: bool = False

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


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as a Vega-Lite description; `caption` says what it shows to those who see it and to those who do not."""

    name: str
    spec: Mapping[str, Any]
    caption: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences; `kind` says how loud."""

    text: str
    kind: Literal["plain", "lead", "warning", "small"] = "plain"


@dataclass(frozen=True, slots=True)
class Listing:
    """Terms and what is to be said of each."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Figures or tables that stand side by side where each finds its least width, in units of the font size."""

    blocks: tuple["Figure | Table", ...]
    least_width_em: float = 21.0


Block: TypeAlias = Paragraph | Table | Figure | Listing | Grid


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with an anchor, and what stands under it; `brief` sections are in the short report too."""

    anchor: str
    heading: str
    blocks: tuple[Block, ...]
    brief: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    Attributes:
        title: Its heading.
        subtitle: What it was run on.
        sections: What it says.
        links: Pages beside it: a relative address and what stands there.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...] = field(default=())
    links: tuple[tuple[str, str], ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in their order."""
        blocks = (block for section in self.sections for block in section.blocks)
        flat = (each for block in blocks for each in (block.blocks if isinstance(block, Grid) else (block,)))
        return tuple(each for each in flat if isinstance(each, Figure))


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
