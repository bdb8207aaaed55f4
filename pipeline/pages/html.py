"""A document as one HTML page that needs nothing else: no network and no second file, and no script to be read."""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from markupsafe import Markup, escape

from pipeline.pages.blocks import Block, Document, Figure
from pipeline.pages.templates import kept_together, render_page

_SCRIPT = Path(__file__).parent / "document.js"


def to_html(
    document: Document, *, runtime: str | None = None, drawings: Mapping[str, str] | None = None
) -> str:
    """Render a whole document; figures are inline, scripts come last and only add.

    Args:
        document: what the page shows.
        runtime: the JavaScript that draws charts where it is at hand, `vega.runtime()`; None makes it.
        drawings: what `vega.draw` made of figures, by their names, where it is at hand; what is missing is drawn.
    """
    scripts = [_SCRIPT.read_text(encoding="utf-8")]
    if document.figures:
        # Here, because the library takes a tenth of a second that a page of tables need not wait for.
        from pipeline.pages import vega

        scripts.insert(0, runtime or vega.runtime())
    return render_page(
        __file__,
        "document.html.j2",
        title=document.title,
        styles=["document.css"],
        scripts=scripts,
        document=document,
        kind=_kind,
        svg=partial(_svg, drawings=drawings or {}),
        chart=_chart,
        breakable=_breakable,
    )


def _kind(block: Block) -> str:
    """Which macro of the template shows a block."""
    return type(block).__name__.lower()


def _breakable(text: str) -> Markup:
    """A name that may break after a dot or an underscore and not within a word; numbers stay whole."""
    return Markup(re.sub(r"(?<=[^\W\d])([._])(?=[^\W\d])", r"\1<wbr>", str(escape(kept_together(text)))))


def _svg(figure: Figure, *, drawings: Mapping[str, str]) -> Markup:
    """Drawn by Vega, which escapes every text that it puts into a picture."""
    from pipeline.pages.vega import page_svg

    return Markup(page_svg(figure, drawings.get(figure.name)))


def _chart(figure: Figure) -> Markup:
    """The description as JSON that no text within can end early."""
    from pipeline.pages.vega import page_chart

    text = json.dumps(page_chart(figure), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
