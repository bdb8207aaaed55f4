"""What a loss is given, looked at before anything is computed.

`params.yaml` is checked as it is read. A training loop of one's own is not, and a misspelt name would be another loss and no error.
"""

import math
from collections.abc import Collection

from torch import Tensor

from pipeline.errors import PipelineError, did_you_mean


def check_choice(name: str, value: object, known: Collection[str]) -> None:
    """Refuse a value that is not one of the known ones.

    Args:
        name: name of the setting, for the message.
        value: what was given.
        known: what may be given.

    Raises:
        PipelineError: it is another.
    """
    if value not in known:
        near = did_you_mean(value, known) if isinstance(value, str) else ""
        raise PipelineError(f"{name} is {value!r}{near}; expected {' or '.join(map(repr, known))}")


def check_number(name: str, value: float, *, least: float, excluded: bool = False) -> None:
    """Refuse a number below the least one, or that is not finite.

    Args:
        name: name of the setting, for the message.
        value: what was given.
        least: the least that it may be.
        excluded: whether the least itself may not be.

    Raises:
        PipelineError: it is less, or NaN or infinite.
    """
    if not math.isfinite(value) or value < least or (excluded and value == least):
        raise PipelineError(
            f"{name} is {value:g}; expected a number {'above' if excluded else 'of at least'} {least:g}"
        )


def check_segments(score: Tensor, label: Tensor, owner: Tensor | None) -> None:
    """Refuse scores, labels and owners that are not of the same segments: some would be repeated without a word.

    Raises:
        PipelineError: they are not rows of numbers of one length.
    """
    found = {"score": score, "label": label} | ({} if owner is None else {"owner": owner})
    if len({tuple(of.shape) for of in found.values()}) > 1 or score.ndim != 1:
        shapes = ", ".join(f"{name} {tuple(of.shape)}" for name, of in found.items())
        raise PipelineError(f"the shapes are {shapes}; expected one number for each segment in each of them")
