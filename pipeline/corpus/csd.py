"""Computational sequences of the CMU-MultimodalSDK: HDF5 files with intervals and features by video."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float64

from pipeline.errors import PipelineError


@dataclass(frozen=True, eq=False)
class Sequence:
    """What one video has: a row of features per interval, both in the order of the file.

    `intervals` are seconds from the start of the video; `features` are numbers, or byte strings in sequences of words.
    """

    intervals: Float64[np.ndarray, "row 2"]
    features: np.ndarray


def read_csd(path: Path) -> Mapping[str, Sequence]:
    """Read `<name>/data/<video>/{intervals,features}`, whatever the sequence is called, sorted by video.

    Raises:
        PipelineError: the file is no HDF5, or not of this form.
    """
    try:
        with h5py.File(path, "r") as file:
            roots = list(file)
            if len(roots) != 1:
                raise PipelineError(f"{path}: expected one computational sequence, found {len(roots)}")
            data = _own(_own(file, roots[0], str(path)), "data", str(path))
            return {
                video: _sequence(_own(data, video, str(path)), f"{path}, {video}") for video in sorted(data)
            }
    except OSError as error:
        raise PipelineError(f"{path}: not a whole HDF5 file ({error}); fetch it again") from error


def _own(group: Any, name: str, place: str) -> Any:
    """A member that lies in this file; HDF5 has links that read whatever file of the machine they name."""
    if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise PipelineError(
            f"{place}: has no {name} of its own; expected a computational sequence of the CMU SDK"
        )
    member = group[name]
    if isinstance(member, h5py.Dataset) and (member.external or member.is_virtual):
        raise PipelineError(f"{place}: {name} lies in another file; fetch the sequence again")
    return member


def _sequence(group: Any, place: str) -> Sequence:
    intervals, features = (np.asarray(_own(group, name, place)) for name in ("intervals", "features"))
    if intervals.ndim != 2 or intervals.shape[1] != 2 or len(features) != len(intervals):
        raise PipelineError(
            f"{place}: has intervals of shape {intervals.shape} for {len(features)} rows of features; expected "
            "a start and an end for each"
        )
    return Sequence(intervals.astype(np.float64), features)
