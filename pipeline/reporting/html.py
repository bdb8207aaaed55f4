"""A report as one HTML page that needs nothing else: no network, no script, no second file."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.reporting.document import Block, Document, Figure

_TEMPLATE = "report.html.j2"


def to_html(document: Document) -> str:
    """Render a whole report; every text is escaped, figures are inline."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template(_TEMPLATE)
    return template.render(document=document, kind=_kind, svg=_svg)


def _kind(block: Block) -> str:
    """Which macro of the template shows a block."""
    return type(block).__name__.lower()


def _svg(figure: Figure) -> Markup:
    """Drawn by `figures`, which puts no foreign text into a picture unescaped."""
    return Markup(figure.svg)
