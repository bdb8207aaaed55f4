"""Computational sequences of the CMU-MultimodalSDK: HDF5 files with intervals and features by video."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.formats.foreign import head_of, refuse_stand_in, require_plain_file
from pipeline.errors import PipelineError, machine_error
from pipeline.execution.own_process import read_in_own_process

_MEMBERS = ("intervals", "features")
# Labels and words are read, never features: those of MOSEI have some ten million bytes.
_MAX_FILE_BYTES, _MAX_CONTENT_BYTES, _MAX_MEMORY_BYTES = 1 << 32, 1 << 30, 1 << 32
# Features shrink by a few times, zeros by a thousand, and what was never written has no bytes at all.
_MAX_RATIO, _ALWAYS_BYTES = 200, 1 << 28


@dataclass(frozen=True, eq=False)
class Sequence:
    """What one video has: a row of features per interval, both in the order of the file.

    `intervals` are seconds from the start of the video; `features` are numbers, or byte strings in sequences of words.
    """

    intervals: Float64[np.ndarray, "row 2"]
    features: np.ndarray

    @property
    def n_bytes(self) -> int:
        """Bytes that it takes in memory, those of strings without a fixed length among them."""
        strings = self.features.reshape(-1) if self.features.dtype == object else ()
        return self.intervals.nbytes + self.features.nbytes + sum(len(string) for string in strings)


def read_csd(path: Path) -> Mapping[str, Sequence]:
    """Read `<name>/data/<video>/{intervals,features}`, whatever the sequence is called, sorted by video.

    HDF5 is read in a process of its own: its library trusts the lengths and places that a file names, and may crash.

    Raises:
        PipelineError: the file is no HDF5, not of this form, or larger than any labels or words of the field.
    """
    require_plain_file(path, what="a computational sequence (.csd)", largest_bytes=_MAX_FILE_BYTES)
    refuse_stand_in(path, head_of(path))
    return read_in_own_process(_sequences, path, memory_bytes=_MAX_MEMORY_BYTES)


def _sequences(path: Path) -> dict[str, Sequence]:
    try:
        with h5py.File(path, "r") as file:
            roots = list(file)
            if len(roots) != 1:
                raise PipelineError(f"{path}: expected one computational sequence, found {len(roots)}")
            data = _own(_own(file, roots[0], str(path)), "data", str(path))
            if not isinstance(data, h5py.Group):
                raise PipelineError(f"{path}: data is no group of videos; expected a computational sequence")
            found, n_bytes = {}, 0
            for video in sorted(data):
                found[video] = _sequence(_own(data, video, str(path)), f"{path}, {video}")
                # One array may stand under many names, each of which is read.
                n_bytes += found[video].n_bytes
                if n_bytes > _MAX_CONTENT_BYTES:
                    raise PipelineError(
                        f"{path}: holds more than {_MAX_CONTENT_BYTES:,} bytes of intervals and features; expected labels or timed "
                        "words, of which no corpus has so many"
                    )
            return found
    except MemoryError as error:
        raise PipelineError(
            f"{path}: needs more than {_MAX_MEMORY_BYTES:,} bytes of memory to be read; fetch it again"
        ) from error
    # HDF5 reports damage by whatever its many parts do; of a file that others made, all of it is a fault of the file.
    except (
        OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, UnicodeError, OverflowError,
        NotImplementedError,
    ) as error:  # fmt: skip
        fault = machine_error(error, path) if isinstance(error, OSError) else None
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise fault or PipelineError(f"{path}: not a whole HDF5 file ({reason}); fetch it again") from error


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
    intervals, features = (_array(_own(group, name, place), f"{place}, {name}") for name in _MEMBERS)
    if intervals.ndim != 2 or intervals.shape[1] != 2 or not features.ndim or len(features) != len(intervals):
        raise PipelineError(
            f"{place}: has intervals of shape {intervals.shape} and features of shape {features.shape}; expected a start and an end "
            "for each row of features"
        )
    if intervals.dtype.kind not in "fiu" or not np.isfinite(intervals.astype(np.float64)).all():
        raise PipelineError(
            f"{place}: intervals are {intervals.dtype}, or not finite; expected seconds from the start of the video"
        )
    return Sequence(intervals.astype(np.float64), features)


def _array(dataset: Any, place: str) -> np.ndarray:
    """A dataset read into memory, if the file really holds as much as it announces.

    Raises:
        PipelineError: it is no array, of another type than numbers and text, or larger than its file.
    """
    if not isinstance(dataset, h5py.Dataset):
        raise PipelineError(f"{place}: is no array; expected a computational sequence of the CMU SDK")
    n_bytes = dataset.size * dataset.dtype.itemsize if dataset.size is not None else 0
    # What was never written has no bytes in the file and reads as zeros, as many as the header says.
    if n_bytes > _ALWAYS_BYTES and n_bytes > _MAX_RATIO * dataset.id.get_storage_size():
        raise PipelineError(
            f"{place}: announces {n_bytes:,} bytes and holds {dataset.id.get_storage_size():,}; fetch it again"
        )
    if dataset.dtype.kind not in "fiubSUO":
        raise PipelineError(f"{place}: holds {dataset.dtype}; expected numbers or text")
    return np.asarray(dataset)
