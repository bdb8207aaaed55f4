"""Which labels say what a score means: all of them, or those that are trusted."""

from typing import Literal

import numpy as np

from pipeline.artifacts.aligned import AlignedSplit, joined
from pipeline.errors import PipelineError

CalibrateOn = Literal["all", "trusted"]
"""All labels, or those that are on the scale that all should be on."""


def labels_to_calibrate_on(
    train: AlignedSplit, valid: AlignedSplit, *, on: CalibrateOn
) -> tuple[AlignedSplit, AlignedSplit]:
    """What is tuned on, and what measures it.

    Args:
        train: the split that was learnt from.
        valid: the split that measures epochs.
        on: "all" gives the splits as they are. "trusted" gives the trusted segments of both together, because there are few of
            them, and those of valid (of train, where valid has none). What measures then was tuned on too, so that a tuned
            network is nearly always that of its last epochs; a curve has too few numbers to fit to single labels.

    Raises:
        PipelineError: no segment of the two is trusted.
    """
    if on == "all":
        return train, valid
    parts = [split.select(np.flatnonzero(split.is_trusted)) for split in (train, valid)]
    if not any(map(len, parts)):
        raise PipelineError(
            f"calibration on trusted labels needs some, but none of the {len(train)} segments of train and {len(valid)} of valid is "
            "trusted; mark them by 1 in the column trusted of segments.csv, or calibrate on all"
        )
    return joined([part for part in parts if len(part)]), parts[1] if len(parts[1]) else parts[0]
