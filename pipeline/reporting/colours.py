"""Which colour of the palette a model or a split has, the same in every figure of a report."""

from collections.abc import Mapping

from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.pages.palette import LIGHT

COLOURS: Mapping[str, str] = {
    METHOD: LIGHT["blue"],
    BASELINE: LIGHT["orange"],
    "train": LIGHT["grey"],
    "valid": LIGHT["green"],
    "test": LIGHT["purple"],
}
