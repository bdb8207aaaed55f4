"""Charts from one Vega-Lite description each: the picture in the page, the chart that answers the pointer, and files for papers.

Nothing is fetched and no browser is needed: `vl-convert` brings Vega, Vega-Lite, Vega-Embed and the font it measures with.
In a page every colour of the palette is a property of the style sheet, so a dark page has dark charts. `vl-convert` is imported by
what draws: a page of charts that were drawn before does without.
"""

import copy
import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from pipeline.pages.blocks import Figure
from pipeline.pages.drawing_room import require_room
from pipeline.pages.palette import LIGHT

# The font that vl-convert brings: texts measure alike on every machine.
_FONT, _PAGE_FONT = "Liberation Sans", "system-ui, sans-serif"
VERSION = "6.4"
_SCALE = 3.0
_CONFIG: dict[str, Any] = {
    "font": _FONT,
    # A figure is described by its caption; a label at every dot would only be read out.
    "aria": False,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelColor": LIGHT["quiet"],
        "titleColor": LIGHT["quiet"],
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "labelFontSize": 11,
        "domainColor": LIGHT["line"],
        "tickColor": LIGHT["line"],
        "gridColor": LIGHT["grid"],
    },
    "legend": {
        "orient": "top",
        "title": None,
        "labelColor": LIGHT["quiet"],
        "labelFontSize": 11,
        "titleColor": LIGHT["quiet"],
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "symbolSize": 60,
        "symbolOpacity": 1,
    },
    "text": {"color": LIGHT["text"], "fontSize": 11},
    "rule": {"color": LIGHT["line"]},
}

_NAMED = {colour: name for name, colour in LIGHT.items()}
_COLOURS = re.compile(r'(?<=")#[0-9a-f]{6}(?=")')
_LONG_NUMBERS = re.compile(r"-?\d+\.\d{3,}")
_UNSEEN = re.compile(r'<(?:path|line)(?=[^>]* opacity="0")[^>]*/>')
_ROLES = re.compile(r' (?:class|role|aria-[a-z]+|pointer-events|font-family)="[^"]*"')
_COUNTED = re.compile(r'( id="|href="#|url\(#)([a-z]+_?)(\d+)')
_EMPTY = re.compile(r'<path d="[^"]*"(?: display="none")?/>|<g>\s*</g>')
_DOT = re.compile(r'<path (transform="[^"]*") (d="[^"]*"[^>]*)/>')


@cache
def runtime() -> str:
    """The JavaScript that draws charts in a page, about 0.9 MB: `window.vegaEmbed`."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def page_chart(figure: Figure) -> dict[str, Any]:
    """The description as `vegaEmbed` takes it, in the colours and the font of the page."""
    text = json.dumps(_described(figure.spec), ensure_ascii=False)
    described: dict[str, Any] = json.loads(_COLOURS.sub(lambda match: _colour(match[0]), text))
    described["config"]["font"] = _PAGE_FONT
    return described


def page_svg(figure: Figure, drawing: str | None = None) -> str:
    """The chart as an element of a page: ids of its own, the page's font and colours, no fixed size.

    Args:
        figure: the figure.
        drawing: what `draw` made of its description where that is at hand; None draws it.
    """
    drawn = _drawn(figure) if drawing is None else _rounded(drawing)
    body = re.sub(r"^<svg[^>]*>|</svg>$", "", drawn)
    body = _EMPTY.sub("", _ROLES.sub("", _UNSEEN.sub("", body)))
    body = re.sub(r'( id="|url\(#)', rf"\1{figure.name}-", body)
    body = _COLOURS.sub(lambda match: _colour(match[0]), _dots_once(body, figure.name))
    return (
        f'<svg viewBox="0 0 {" ".join(_size(drawn))}" role="img" aria-labelledby="{figure.name}-caption" '
        f'font-family="{_PAGE_FONT}">\n{body}\n</svg>\n'
    )


def file_svg(figure: Figure) -> str:
    """The chart as an SVG file, on white."""
    drawn = _drawn(figure)
    width, height = _size(drawn)
    white = f'<rect width="{width}" height="{height}" fill="white"/>'
    return re.sub(r"^(<svg[^>]*>)", rf"\1{white}", drawn) + "\n"


def file_png(figure: Figure) -> bytes:
    """The chart as a PNG file, on white, three pixels for one of the page: 300 to the inch at a column's width."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(file_svg(figure), scale=_SCALE))


def description(figure: Figure) -> str:
    """The description as `draw` takes it, JSON: what a drawing depends on, but for versions."""
    return json.dumps(_described(figure.spec), ensure_ascii=False)


# The page and two files show one drawing, and drawing takes longer than all else.
@lru_cache(maxsize=256)
def draw(described: str) -> str:
    """The chart as Vega draws it, SVG. The first one of a process takes a second, which it takes to start Vega's engine.

    Args:
        described: the `description` of a figure.

    Raises:
        PipelineError: the engine has no room in this process, see `require_room`.
    """
    import vl_convert

    require_room(VERSION)
    return _counted_anew(str(vl_convert.vegalite_to_svg(described, vl_version=VERSION)))


def _counted_anew(drawing: str) -> str:
    """The drawing with its ids counted from 0: Vega counts on from one drawing of a process to the next."""
    numbers: dict[str, int] = {}
    return _COUNTED.sub(
        lambda match: f"{match[1]}{match[2]}{numbers.setdefault(match[2] + match[3], len(numbers))}", drawing
    )


def _drawn(figure: Figure) -> str:
    return _rounded(draw(description(figure)))


def _rounded(drawing: str) -> str:
    """A hundredth of a pixel cannot be seen, and the last digits differ between mathematical libraries."""
    return _LONG_NUMBERS.sub(lambda match: f"{round(float(match[0]), 2) + 0.0:.6g}", drawing)


def _size(drawn: str) -> tuple[str, str]:
    found = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', drawn)
    assert found is not None, "Vega gives every picture a view box"
    return found[1], found[2]


def _described(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"config": copy.deepcopy(_CONFIG), "padding": 4} | copy.deepcopy(dict(spec))


def _colour(colour: str) -> str:
    name = _NAMED.get(colour)
    return f"var(--{name}, {colour})" if name else colour


def _dots_once(body: str, name: str) -> str:
    """Hundreds of dots that look alike say it once."""
    looks: dict[str, int] = {}
    for match in _DOT.finditer(body):
        looks[match[2]] = looks.get(match[2], 0) + 1
    often = {look: f"{name}-dot-{n}" for n, look in enumerate(look for look in looks if looks[look] > 20)}
    if not often:
        return body
    defined = "".join(f'<path id="{id_}" {look}/>' for look, id_ in often.items())
    used = _DOT.sub(
        lambda match: f'<use href="#{often[match[2]]}" {match[1]}/>' if match[2] in often else match[0], body
    )
    return f"<defs>{defined}</defs>{used}"
