"""Which colour of the palette a model or a split has, the same in every figure of a report."""

from collections.abc import Mapping

from pipeline.pages.palette import LIGHT

COLOURS: Mapping[str, str] = {
    "grcf": LIGHT["blue"],
    "pointwise": LIGHT["orange"],
    "train": LIGHT["grey"],
    "valid": LIGHT["green"],
    "test": LIGHT["purple"],
}
