"""Features of segments in an `.npz` of somebody else, whose arrays have names of their own."""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from pipeline.errors import PipelineError
from pipeline.execution.cache import path_named
from pipeline.extract.given_arrays import positions_of, read_arrays

_NAMED = re.compile(r"(.+\.npz)(?::(\w+))?")
_IDS = ("ids", "id", "segment_id", "segment_ids", "utterance_id")
_VALUES = "values"


def is_array(patterns: Sequence[str]) -> bool:
    """Whether patterns of columns name a file of arrays instead: `rows.npz`, or `rows.npz:hubert` for one of its arrays."""
    return len(patterns) == 1 and _NAMED.fullmatch(patterns[0]) is not None


def rows_of_segments(named: str, ids: Sequence[str]) -> Float32[np.ndarray, "segment dim"]:
    """The row of each segment in an array with a row per segment; NaN for a segment without one.

    Args:
        named: `<file>.npz`, whose array is called `values`, or `<file>.npz:<array>`; the segments are named by an array `ids` or
            `segment_id`.
        ids: ids of the segments.

    Raises:
        PipelineError: the file is no such file, lacks an array, names one of the segments twice, or has rows of none of the segments.
    """
    found = _NAMED.fullmatch(named)
    assert found is not None
    path, name = path_named(found[1]), found[2] or _VALUES
    arrays = read_arrays(path, [*_IDS, name])
    owners = next((arrays[known] for known in _IDS if known in arrays), None)
    if owners is None or name not in arrays:
        raise PipelineError(
            f"{path}: has no array {name if owners is not None else 'ids'!r}; expected ids (or segment_id) and {name}, as in "
            f"{path.name}:<array>"
        )
    values = arrays[name]
    if values.ndim != 2 or values.dtype.kind not in "fiu" or owners.ndim != 1 or len(owners) != len(values):
        raise PipelineError(
            f"{path}: {name} is {values.dtype} of shape {values.shape} beside {owners.size} ids; expected numbers with a row per id"
        )
    position = positions_of(owners, ids, path=path)
    rows = np.full((len(ids), values.shape[1]), np.nan, np.float32)
    there = [(segment, position[id_]) for segment, id_ in enumerate(ids) if id_ in position]
    if not there:
        raise PipelineError(
            f"{path}: has rows of none of the {len(ids)} segments; its first is {next(iter(position), 'none')[:60]!r}, theirs is "
            f"{ids[0]!r}"
        )
    segments, sources = zip(*there, strict=True)
    rows[list(segments)] = values[list(sources)]
    return rows
