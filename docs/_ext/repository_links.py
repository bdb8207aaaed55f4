"""Links to Markdown files outside of docs/: on GitHub they open the file, on the site they download it.

MyST takes every `.md` for a page of the site; `path:` says that it is a file.
"""

import re

from sphinx.application import Sphinx

OUTSIDE = re.compile(r"\]\(((?:\.\./){2}[^)#:]+\.md)\)")


def mark_files(app: Sphinx, docname: str, source: list[str]) -> None:
    """Mark the links of one page before it is read."""
    source[0] = OUTSIDE.sub(r"](path:\1)", source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook."""
    app.connect("source-read", mark_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
