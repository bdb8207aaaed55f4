"""What can be wrong with a corpus, and what a run would hold it against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.artifacts.corpus.task import Task
from pipeline.corpus.splits import Mixes

Level = Literal["error", "warning"]
_N_EXAMPLES = 3


@dataclass(frozen=True)
class Problem:
    """What is wrong: an error ends or spoils a run, a warning is to be known. `n` is how many segments or files."""

    level: Level
    kind: str
    n: int
    sentence: str


@dataclass(frozen=True)
class Rules:
    """What a run holds a corpus against: the task, and the section `manifest` of params.yaml.

    `language` is that of segments which name none, None where every segment has to; `mixes` is what the split may have in two
    parts; `prescribed` says that speakers were given what to say.
    """

    task: Task
    language: str | None
    split: str
    valid_share: float
    test_share: float
    split_seed: int
    max_rejected_share: float
    mixes: Mixes = field(default_factory=dict)
    prescribed: bool = False


def joined(level: Level, kind: str, sentences: Sequence[str], *, advice: str = "") -> Problem:
    """Many of a kind as one: how many, and the first few."""
    examples = "; ".join(sentences[:_N_EXAMPLES])
    more = f"; and {len(sentences) - _N_EXAMPLES} more" if len(sentences) > _N_EXAMPLES else ""
    return Problem(level, kind, len(sentences), f"{examples}{more}{'. ' + advice if advice else ''}")
