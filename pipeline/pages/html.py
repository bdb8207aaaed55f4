"""A report as one HTML page that needs nothing else: no network and no second file, and no script to be read."""

import json
from pathlib import Path

from markupsafe import Markup

from pipeline.pages.blocks import Block, Document, Figure
from pipeline.pages.templates import templates_beside
from pipeline.pages.vega import page_chart, page_svg, runtime

_TEMPLATE, _SCRIPT = "document.html.j2", "document.js"


def to_html(document: Document) -> str:
    """Render a whole report; every text is escaped, figures are inline, scripts come last and only add."""
    environment = templates_beside(__file__)
    template = environment.get_template(_TEMPLATE)
    scripts = [(Path(__file__).parent / _SCRIPT).read_text(encoding="utf-8")]
    if document.figures:
        scripts.insert(0, runtime())
    return template.render(
        document=document, kind=_kind, svg=_svg, chart=_chart, scripts=[_script(text) for text in scripts]
    )


def _kind(block: Block) -> str:
    """Which macro of the template shows a block."""
    return type(block).__name__.lower()


def _svg(figure: Figure) -> Markup:
    """Drawn by Vega, which escapes every text that it puts into a picture."""
    return Markup(page_svg(figure))


def _chart(figure: Figure) -> Markup:
    """The description as JSON that no text within can end early."""
    text = json.dumps(page_chart(figure), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _script(text: str) -> Markup:
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError(
            "a script that is put into a page must not hold the end of a script or a comment of HTML"
        )
    return Markup(text)
