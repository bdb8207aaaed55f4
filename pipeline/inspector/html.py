"""The inspector as one HTML page that loads nothing but the recordings beside it."""

from pathlib import Path
from typing import Any

from pipeline.pages.templates import render_page

_FOLDER = Path(__file__).parent
_SCRIPTS = ("drawing.js", "map.js", "inspector.js")


def to_html(page: dict[str, Any]) -> str:
    """Render what `page.build_page` built; its texts reach the page as data and never as markup."""
    return render_page(
        __file__,
        "inspector.html.j2",
        title=f"Ranking inspector: {page['title']}",
        styles=["inspector.css"],
        scripts=[(_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS],
        # A page that is opened from a folder may play what lies in folders too.
        sources={"media-src": "'self' file:"},
        page=page,
    )
