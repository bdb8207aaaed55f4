"""Tables as LaTeX, in the manner of the booktabs package."""

import re
from collections.abc import Sequence

from pipeline.pages.blocks import Cell, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "−": "$-$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "τ": r"$\tau$",
    "–": "--",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{NO-BREAK SPACE}": "~",
}


def to_latex(tables: Sequence[Table]) -> str:
    r"""Tables one below the other, each a floating `table`; needs `\usepackage{booktabs}`."""
    head = "% Needs \\usepackage{booktabs}.\n"
    return head + "\n".join(_table(table) for table in tables)


def escaped(text: str) -> str:
    r"""Text of any content as LaTeX that shows it as it is, in one line.

    >>> print(escaped("Acc-7, % ↑ of a_b"))
    Acc-7, \% $\uparrow$ of a\_b
    """
    # Whatever breaks a line, but not the spaces that must not.
    line = re.sub(r"[^\S\N{NO-BREAK SPACE}]+", " ", text).strip()
    return "".join(_SPECIAL.get(character, character) for character in line)


def _table(table: Table) -> str:
    columns = "".join("l" if table.holds_words(column) else "r" for column in range(len(table.header)))
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(table.caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row([escaped(text) for text in table.header]),
        r"\midrule",
        *(_row([_cell(cell, table) for cell in row]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.notes:
        notes = "; ".join(
            f"\\textsuperscript{{{letter}}}~{escaped(note)}" for note, letter in table.notes.items()
        )
        lines.append(rf"\par\smallskip{{\footnotesize {notes}}}")
    return "\n".join([*lines, r"\end{table}", ""])


def _cell(cell: Cell, table: Table) -> str:
    text = escaped(cell.text)
    if cell.strong:
        text = rf"\textbf{{{text}}}"
    if cell.note is not None:
        text += rf"\textsuperscript{{{table.notes[cell.note]}}}"
    return rf"{text} {{\footnotesize {escaped(cell.detail)}}}" if cell.detail else text


def _row(cells: Sequence[str]) -> str:
    # A row that begins with a bracket would be taken for the distance after the row before.
    return rf"{' & '.join(cells)} \\" if not cells[0].startswith("[") else rf"{{}}{' & '.join(cells)} \\"
