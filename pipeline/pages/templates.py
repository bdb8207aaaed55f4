"""Templates, all read by the same rules, and the head that every page has."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.pages.palette import custom_properties

_FOLDER = Path(__file__).parent
_PER_CENT = re.compile(r"(?<=\d) %")


def templates_beside(module: str, *, autoescape: bool = True) -> Environment:
    """The templates in the folder of a module, and those of this package; a name that one misspells is an error.

    Args:
        module: `__file__` of the module.
        autoescape: whether every text is escaped as HTML wants it.
    """
    return Environment(
        loader=ChoiceLoader([FileSystemLoader(Path(module).parent), FileSystemLoader(_FOLDER)]),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_page(
    module: str,
    template: str,
    *,
    title: str,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    sources: Mapping[str, str] | None = None,
    filters: Mapping[str, Callable[..., object]] | None = None,
    **content: Any,
) -> str:
    """An HTML page that needs nothing else: every text in it is escaped, and its policy lets it fetch nothing.

    Args:
        module: `__file__` of the module beside which template and styles lie.
        template: file name of the template, which extends `base.html.j2`.
        title: title of the window.
        styles: file names of style sheets beside `module`, added to `base.css`.
        scripts: JavaScript to run after the page is there, in this order; no other script runs.
        sources: sources that the page may load, by directive of the policy, such as `media-src`; nothing where it is not named.
        filters: filters of the template.
        content: variables of the template.
    """
    environment = templates_beside(module)
    environment.finalize = kept_together
    environment.filters |= dict(filters or {})
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    page = environment.get_template(template).render(
        title=title,
        policy=content_policy(scripts, sources or {}),
        style=_style_sheet([Path(module).parent / name for name in styles]),
        scripts=[_script(text) for text in scripts],
        **content,
    )
    # The name of a recording may be no UTF-8; the page is.
    return page.encode(errors="backslashreplace").decode()


def kept_together(value: object) -> object:
    r"""A text whose numbers stay on one line with their per cent sign; markup as it is.

    >>> kept_together("16.0 % of 32"), kept_together("Recall, %")
    ('16.0\xa0% of 32', 'Recall, %')
    """
    return (
        value if isinstance(value, Markup) or not isinstance(value, str) else _PER_CENT.sub("\u00a0%", value)
    )


def content_policy(scripts: Sequence[str], sources: Mapping[str, str]) -> Markup:
    """The content security policy of a page.

    Nothing is loaded unless `sources` says so, and of scripts those run whose digests the policy names: text that
    slipped through as markup could neither run nor send anything. Styles may stand in attributes, as charts need it.
    """
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    directives = {"default-src": "'none'", "style-src": "'unsafe-inline'", "img-src": "data:"}
    if digests:
        directives["script-src"] = " ".join(f"'sha256-{digest}'" for digest in digests)
    directives |= {**sources, "base-uri": "'none'", "form-action": "'none'"}
    return Markup("; ".join(f"{directive} {allowed}" for directive, allowed in directives.items()))


def _style_sheet(files: Sequence[Path]) -> Markup:
    sheets = [file.read_text(encoding="utf-8") for file in (_FOLDER / "base.css", *files)]
    return Markup(custom_properties() + "".join(sheets))


def _script(text: str) -> Markup:
    if "</script" in text.lower() or "<!--" in text or "\r" in text:
        raise ValueError(
            "a script that is put into a page must hold neither the end of a script, nor a comment of HTML, nor a "
            "carriage return, which would change its digest"
        )
    return Markup(text)
