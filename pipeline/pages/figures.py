"""Figures by their descriptions, one on a line, for what draws them later."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.pages.blocks import Figure


def as_lines(figures: Iterable[Figure]) -> str:
    """A JSON object with `name`, `caption` and the Vega-Lite `spec` of each figure, one on a line."""
    return "".join(
        json.dumps(
            {"name": figure.name, "caption": figure.caption, "spec": figure.spec},
            ensure_ascii=False,
            allow_nan=False,
        )
        + "\n"
        for figure in figures
    )


def from_line(value: Mapping[str, Any]) -> Figure:
    """The figure of one line, as JSON has it.

    Raises:
        KeyError: a part of it is missing.
        TypeError: the line is no object.
        ValueError: its name is no name of a file.
    """
    name, caption, spec = value["name"], value["caption"], dict(value["spec"])
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"{name!r} is no name of a figure")
    return Figure(name, spec, str(caption))
