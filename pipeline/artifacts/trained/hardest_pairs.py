"""The hardest pairs of train in stage 1, and the segments that the loss pulls at most."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.artifacts.formats.files import read_json, write_json
from pipeline.errors import PipelineError


@dataclass(frozen=True, slots=True)
class HardPair:
    """One pair; `weight`, `violation` and `gap` (score above minus score below) have a value per seed.

    `margin`, `violation` and `gap` are in score units. `label_gap` is the difference of the two labels by the rater within
    whom they were compared; None where it is that of the segments' own labels.
    """

    above: str
    below: str
    margin: float
    weight: tuple[float, ...]
    violation: tuple[float, ...]
    gap: tuple[float, ...]
    label_gap: float | None = None


@dataclass(frozen=True, slots=True)
class HardSegment:
    """One segment of train, and how stage 1 struggles with it.

    `order` is its place in the order of the scores, from 0 (lowest) to 1 (highest), a value per seed; `label_order` its
    place in the order of the labels, equal labels sharing one. Over its `n_pairs` pairs in which it is the upper or the
    lower segment, `pull_above` and `pull_below` are the sums of weight × violation (score units), `extra` that of
    weight − 1; means over seeds. `n_hardest` counts the recorded pairs that it is part of. `stands_out` says that it is
    pulled at more than Tukey's fence. Where weights are bounded, `extra` is negative: the weight that its pairs have lost.
    """

    id: str
    order: tuple[float, ...]
    label_order: float
    n_pairs: int
    pull_above: float
    pull_below: float
    extra: float
    n_hardest: int
    stands_out: bool

    @property
    def pull(self) -> float:
        """All that its pairs add to the loss, before it is divided by the sum of all weights."""
        return self.pull_above + self.pull_below


@dataclass(frozen=True, slots=True)
class HardestPairs:
    """The record of one run of stage 1.

    `n_segments` of the `n_train` segments of train were weighed, of a large train a random sample, and all below is of
    these. `n_pairs` counts their pairs that may be compared. `pairs` holds those with the largest weight (the smallest where
    weights are bounded) and those with the largest weight × violation, by falling weight × violation. `segments` holds those that are pulled at most, then the
    others that `pairs` names; the first `n_ranked` are there for their own sake. `mean_pull` and `fence`
    (Q3 + 1.5 · IQR) are of the pull at the segments.
    """

    seeds: tuple[int, ...]
    objective: str
    n_segments: int
    n_train: int
    n_pairs: int
    n_ranked: int
    mean_pull: float
    fence: float
    pairs: tuple[HardPair, ...]
    segments: tuple[HardSegment, ...]


def write_hardest_pairs(path: Path, record: HardestPairs) -> None:
    """Write a JSON file."""
    write_json(path, asdict(record))


def read_hardest_pairs(path: Path) -> HardestPairs:
    """Read what `write_hardest_pairs` wrote.

    Raises:
        PipelineError: no such file, or another content.
    """
    content = read_json(path)
    try:
        pairs = tuple(HardPair(**{**row, **_tuples(row)}) for row in content.pop("pairs"))
        segments = tuple(HardSegment(**{**row, **_tuples(row)}) for row in content.pop("segments"))
        return HardestPairs(pairs=pairs, segments=segments, **{**content, **_tuples(content)})
    except (AttributeError, KeyError, TypeError) as error:
        raise PipelineError(
            f"{path}: not a record of hard pairs as this version of the code writes it ({error}); make it anew by stage rank"
        ) from error


def _tuples(row: dict[str, object]) -> dict[str, tuple]:
    return {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
