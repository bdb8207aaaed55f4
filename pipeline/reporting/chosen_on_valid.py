"""What of a run was chosen or fitted on valid, which makes its numbers there optimistic: one account for the report and the card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CURVES = ("affine", "monotone")
WITHOUT_ORDER = ("none", "rank_n_contrast")
"""The objectives of stage 1 that leave scores without an order, to which no curve is fitted before tuning."""


@dataclass(frozen=True)
class ChosenOnValid:
    """What the parameters say was chosen on valid.

    Attributes:
        epoch: whether the epoch of both models was.
        curves: names of the models to whose scores a curve was fitted, "GRCF" and "the baseline"; also where a network was tuned
            afterwards, which starts from such a curve.
        trusted: names of those whose curve was fitted to trusted labels alone.
    """

    epoch: bool
    curves: tuple[str, ...]
    trusted: tuple[str, ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "ChosenOnValid":
        """What the parameters, by their full names such as `calibrate.scope`, say."""
        scope, calibration = parameters["calibrate.scope"], parameters["pointwise.calibration"]
        fitted = {
            "GRCF": scope in _CURVES or parameters["rank.objective"] not in WITHOUT_ORDER,
            "the baseline": calibration != "none",
        }
        labels = {"GRCF": parameters["calibrate.labels"], "the baseline": parameters["pointwise.labels"]}
        curves = tuple(model for model, is_fitted in fitted.items() if is_fitted)
        return cls(
            epoch=parameters["training.epoch"] == "best",
            curves=curves,
            trusted=tuple(model for model in curves if labels[model] == "trusted"),
        )

    @property
    def for_report(self) -> str:
        """The sentences of the report."""
        chosen = []
        if self.epoch:
            chosen.append("the epoch of both models was chosen")
        if self.curves:
            verb = "were" if len(self.curves) > 1 else "was"
            chosen.append(f"the calibration {self._curves} of {' and of '.join(self.curves)} {verb} fitted")
        if not chosen:
            return "Neither an epoch nor a curve was chosen on valid or on test."
        listed = " and ".join(chosen)
        text = f"{listed[0].upper()}{listed[1:]} on valid, so errors on valid are slightly optimistic."
        return f"{text}{self._of_trusted} Nothing was chosen on test."

    @property
    def for_card(self) -> str | None:
        """The item of the card's limits, in Markdown; None where nothing was chosen."""
        if not self.epoch and not self.curves:
            return None
        # What nobody asks about GRCF, the card's own model, it need not name.
        of = "" if self.curves == ("GRCF",) else f" of {' and of '.join(self.curves)}"
        verb = "are" if len(self.curves) > 1 else "is"
        which = f"{self._curves} of the calibration{of} {verb} fitted"
        if self.epoch:
            text = "The epoch of every model is chosen on valid"
            text += f", and the {which} there" if self.curves else ""
        else:
            text = f"The {which} on valid"
        too = ", for the baseline too" if self.epoch or "the baseline" in self.curves else ""
        return (
            f"{text}.{self._of_trusted} Numbers on valid are\n  therefore slightly optimistic{too}. The pipeline uses test for "
            "measuring only."
        )

    @property
    def _curves(self) -> str:
        return "curves" if len(self.curves) > 1 else "curve"

    @property
    def _of_trusted(self) -> str:
        if not self.trusted:
            return ""
        verb, it = ("take", "curves") if len(self.trusted) > 1 else ("takes", "curve")
        return (
            f" The {it} of {' and of '.join(self.trusted)} {verb} the trusted labels of valid alone, or those of train where valid "
            "has none."
        )
