"""The fused representations of the segments of a split, one vector per seed: what the score is a linear function of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from pipeline.artifacts.corpus.segments import Split
from pipeline.artifacts.formats.files import read_tensors, rebuilding, tensors_to_bytes, write_bytes
from pipeline.errors import PipelineError

_KIND, _VERSION = "representations", 1

MOST_SEGMENTS = 1000
"""A map of more dots shows a cloud; pages and files stay small for any corpus."""


@dataclass(frozen=True, eq=False)
class Representations:
    """Vectors of the segments of one split, or of an even sample of them.

    Attributes:
        split: the split.
        ids: ids of the segments that have vectors.
        n_segments: how many segments the split has.
        by_seed: vectors by seed, `segment width`. Each seed has axes of its own, so numbers of two seeds are not comparable.

    Raises:
        PipelineError: vectors of other segments than `ids`, or more of them than the split has.
    """

    split: Split
    ids: tuple[str, ...]
    n_segments: int
    by_seed: Mapping[int, Float32[np.ndarray, "segment width"]]

    def __post_init__(self) -> None:
        if len(self.ids) > self.n_segments or any(
            len(vectors) != len(self.ids) for vectors in self.by_seed.values()
        ):
            raise PipelineError(
                f"the representations of {self.split} do not fit together: {len(self.ids)} ids of {self.n_segments} segments; "
                "run `dvc repro evaluate`"
            )


def even_sample(labels: Float64[np.ndarray, "segment"], *, at_most: int) -> Int64[np.ndarray, "_"]:
    """Positions of at most so many segments, evenly along the order of their labels, in the order of the split."""
    if len(labels) <= at_most:
        return np.arange(len(labels))
    steps = np.linspace(0, len(labels) - 1, at_most).round().astype(np.int64)
    return np.sort(np.argsort(labels, kind="stable")[steps])


def write_representations(folder: Path, found: Representations) -> None:
    """Write the vectors of one split as a byte-deterministic safetensors file named by it."""
    tensors: dict[str, np.ndarray] = {f"seed_{seed}": vectors for seed, vectors in found.by_seed.items()}
    header = {
        "split": found.split,
        "ids": found.ids,
        "n_segments": found.n_segments,
        "seeds": list(found.by_seed),
    }
    content = tensors_to_bytes(tensors, kind=_KIND, version=_VERSION, header=header)
    write_bytes(_path(folder, found.split), content)


def read_representations(folder: Path, split: Split) -> Representations:
    """Read what `write_representations` wrote of a split."""
    path = _path(folder, split)
    tensors, header = read_tensors(path, kind=_KIND, version=_VERSION)
    with rebuilding(path, _KIND):
        return Representations(
            split=header["split"],
            ids=tuple(header["ids"]),
            n_segments=header["n_segments"],
            by_seed={seed: tensors[f"seed_{seed}"] for seed in header["seeds"]},
        )


def _path(folder: Path, split: Split) -> Path:
    return folder / f"{split}.safetensors"
