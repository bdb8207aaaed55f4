"""What the generated parts of the site share: Markdown that a directive writes and Sphinx reads as if it stood in the page."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
PAGE = re.compile(r"`?\bdocs/([\w/-]+\.md)\b`?")


class GeneratedDirective(SphinxDirective):
    """A directive whose content is Markdown that `markdown` returns."""

    has_content = False

    def markdown(self) -> str:
        """The Markdown to put in the place of the directive."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Read the Markdown as a part of the page, headings included."""
        return self.parse_text_to_nodes(self.markdown(), allow_section_headings=True)

    def depends_on(self, path: Path) -> None:
        """Have the page built again when a file changes."""
        self.env.note_dependency(str(path))


def link_pages(text: str) -> str:
    """Turn names of pages in a comment or a help text into links that bear the page's title.

    >>> link_pages("see docs/howto/words.md")
    'see [](/howto/words.md)'
    """
    return PAGE.sub(r"[](/\1)", text)


def as_sentence(text: str) -> str:
    """Start with a capital and end with a stop; a text that starts with code or a Greek letter keeps it.

    >>> as_sentence("seed of that split"), as_sentence("α: a factor")
    ('Seed of that split.', 'α: a factor.')
    """
    text = text.strip()
    if not text:
        return text
    first = text[0].upper() if text[0].isascii() else text[0]
    return first + text[1:] + ("" if text[-1] in ".!?:" else ".")
