"""Which labels say what a score means: all of them, or those that are trusted."""

from typing import Literal

import numpy as np

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.errors import PipelineError

CalibrateOn = Literal["all", "trusted"]
"""All labels, or those that are on the scale that all should be on."""


def labels_to_calibrate_on(
    train: AlignedSplit, valid: AlignedSplit, *, on: CalibrateOn, tuned: bool
) -> tuple[AlignedSplit, AlignedSplit]:
    """What is learnt from, and what measures it or has the curve fitted to it.

    A network that is tuned learns from segments of train alone. Those of valid are what runs are compared, searched and judged
    by: tuned on them, a run would look better for having seen the answers. A curve has too few numbers to fit to single labels.

    Args:
        train: the split that was learnt from.
        valid: the split that measures epochs and that a curve is fitted on.
        on: "all" gives the splits as they are. "trusted" gives the trusted segments of each; where one of the two has none, those of
            the other stand in for a curve, and those of train for the choice of the epoch.
        tuned: whether a network is tuned, not only a curve fitted.

    Raises:
        PipelineError: no segment of the two is trusted, or none of train and the network is tuned.
    """
    if on == "all":
        return train, valid
    of_train, of_valid = (split.select(np.flatnonzero(split.is_trusted)) for split in (train, valid))
    if not (len(of_train) or len(of_valid)):
        raise PipelineError(
            f"calibration on trusted labels needs some, but none of the {len(train)} segments of train and {len(valid)} of valid is "
            "trusted; mark them by 1 in the column trusted of segments.csv, or calibrate on all"
        )
    if tuned and not len(of_train):
        raise PipelineError(
            f"tuning on trusted labels (head, all) needs some in train, but none of its {len(train)} segments is trusted, only "
            f"{len(of_valid)} of valid, by which runs are judged; move some of them to train (column split of segments.csv), or "
            "calibrate by a curve (affine, monotone)"
        )
    return (of_train if len(of_train) else of_valid), (of_valid if len(of_valid) else of_train)
