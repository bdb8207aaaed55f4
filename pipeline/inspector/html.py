"""The inspector as one HTML page that loads nothing but the recordings beside it."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.pages.templates import templates_beside

_FOLDER = Path(__file__).parent


def to_html(page: dict[str, Any]) -> str:
    """Render what `page.build_page` built; its texts reach the page as data and never as markup."""
    environment = templates_beside(__file__)
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment.get_template("inspector.html.j2").render(
        page=page,
        style=_own("inspector.css"),
        scripts=[_own(name) for name in ("drawing.js", "inspector.js")],
    )


def _own(name: str) -> Markup:
    """A file of this package, which holds nothing foreign."""
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))
