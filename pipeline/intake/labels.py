"""Labels: what spoils a run, and how finely the annotators agree."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import FACTS_FILE
from pipeline.evaluation.groups import group_of
from pipeline.intake.problems import Level, Problem, Rules

_MOST_BARS = 40


def label_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    """Splits with one label only, and a range that the labels do not fill."""
    problems = []
    for split in sorted(set(splits.values())):
        labels = {candidate.label for candidate in used if splits.get(candidate.id) == split}
        if len(labels) == 1 and split in ("train", "valid", "test"):
            (only,) = labels
            level: Level = "error" if split == "train" else "warning"
            what = "nothing can be ranked" if split == "train" else "its correlations are undefined"
            problems.append(Problem(level, "labels", 1, f"every label of {split} is {only:g}: {what}"))
    train = np.array([candidate.label for candidate in used if splits.get(candidate.id) == "train"])
    if len(np.unique(train)) > 1 and len(np.unique(group_of(train, groups=rules.task.groups))) == 1:
        sentence = (
            f"all labels of train ({train.min():g} to {train.max():g}) are in one group of margin.groups, so stage 1 has no pair "
            "to order; set it to cuts between the labels"
        )
        problems.append(Problem("error", "labels", len(train), sentence))
    top = max((abs(candidate.label) for candidate in used), default=0.0)
    low, high = rules.task.label_min, rules.task.label_max
    if rules.task.kind == "regression" and top and top <= 0.5 * max(abs(low), abs(high)):
        problems.append(
            Problem(
                "warning",
                "labels",
                len(used),
                f"no label is beyond ±{top:g}, but min and max in {FACTS_FILE} allow {low:g} to {high:g}; set them to the range "
                "of the corpus",
            )
        )
    return problems


def pooled_spread(rows: Sequence[Candidate]) -> float | None:
    """Root of the mean variance of the annotators of a segment, None where segments have one."""
    spreads = [row.spread for row in rows if row.spread is not None]
    return float(np.sqrt(np.mean(np.square(spreads)))) if spreads else None


def group_cuts(spread: float, label_min: float, label_max: float) -> list[float]:
    """Cuts of sentiment groups as wide as two standard deviations of one annotator, about the middle of the range.

    Then an annotator who is a standard deviation off moves a label from the middle of its group to its edge at most. Empty
    where the range holds no two such groups.

    >>> group_cuts(0.5, -3.0, 3.0)
    [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    """
    middle, width = (label_min + label_max) / 2, 2 * spread
    if width <= 0:
        return []
    n_above = int(np.ceil((label_max - middle) / width - 0.5))
    return [round(middle + (step + 0.5) * width, 4) for step in range(-n_above, n_above) if n_above > 0]


def histogram_edges(rules: Rules) -> list[float]:
    """Edges of the histogram: whole units or tenths of the range, centred on its labels; a bar for each class."""
    low, high = rules.task.label_min, rules.task.label_max
    width = 1.0 if high - low >= 4 or rules.task.kind != "regression" else (high - low) / 10
    width = max(width, (high - low) / _MOST_BARS)
    n = max(1, round((high - low) / width))
    edges = low - width / 2 + width * np.arange(n + 2)
    return [round(float(edge), 6) for edge in edges]
