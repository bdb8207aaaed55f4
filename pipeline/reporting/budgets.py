"""How long each model was trained, and whether that is fair."""

from collections.abc import Mapping
from typing import Any

from pipeline.pages.numbers import plural

_TUNED = ("head", "all")


def gradient_epochs(parameters: Mapping[str, Any]) -> dict[str, int]:
    """Passes over train with gradient steps, by stage; a calibration curve that is fitted exactly takes none."""
    epochs, tuned = parameters["training.epochs"], parameters["calibrate.scope"] in _TUNED
    return {
        "rank": 0 if parameters["rank.objective"] == "none" else epochs,
        "calibrate": parameters["calibrate.epochs"] if tuned else 0,
        "pointwise": epochs + parameters["pointwise.extra_epochs"],
    }


def budget_warning(parameters: Mapping[str, Any]) -> str | None:
    """A sentence where GRCF was trained for more epochs than the baseline; None where it was not."""
    epochs = gradient_epochs(parameters)
    more = epochs["rank"] + epochs["calibrate"] - epochs["pointwise"]
    if more <= 0:
        return None
    return (
        f"The budgets differ: GRCF was trained for {plural(more, 'epoch')} more than the point-wise baseline, so a better "
        f"result of GRCF may come from longer training. Set pointwise.extra_epochs to {parameters['calibrate.epochs']} for a "
        "fair comparison."
    )
