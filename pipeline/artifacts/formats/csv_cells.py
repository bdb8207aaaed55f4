"""Cells of the CSV files that people open in a spreadsheet, where a cell that begins with = is a program.

Excel, LibreOffice and Google Sheets run what begins with =, +, - or @, also behind a tab or a line end. An apostrophe in front
makes text of it (OWASP, CSV injection). Reading takes that apostrophe away again, so every text comes back as it was.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")


def escaped(cell: str) -> str:
    """The cell as a spreadsheet shows it and never runs it; numbers stay as they are.

    >>> escaped("=1+1"), escaped("-2.5"), escaped("fine")
    ("'=1+1", '-2.5', 'fine')
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def restored(cell: str) -> str:
    """What `escaped` was given.

    >>> restored(escaped("=1+1")), restored("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
