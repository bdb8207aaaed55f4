"""Labels: what spoils a run, and how finely the annotators agree."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import FACTS_FILE
from pipeline.corpus.labels import refuse_absent_classes
from pipeline.errors import PipelineError
from pipeline.evaluation.groups import group_of
from pipeline.intake.problems import Level, Problem, Rules

_MOST_BARS = 40
# A label so many times as far from all others as these are from each other is none of their scale; one that tables write where there is
# no label, from once that distance on.
_FAR = 3.0
_CODES = frozenset(sign * n for sign in "789" for n in range(1, 6))
# Of fewer values nobody knows how far apart they lie, and a code is rarer than labels.
_FEWEST_VALUES, _MOST_MISSING = 3, 0.25


def label_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    """Splits with one label only, and a range that the labels do not fill."""
    problems = []
    for split in sorted(set(splits.values())):
        labels = {candidate.label for candidate in used if splits.get(candidate.id) == split}
        if len(labels) == 1 and split in ("train", "valid", "test"):
            (only,) = labels
            # Of several classes a calibration leaves some probability to those that it has not seen.
            ends = split == "train" or (split == "valid" and rules.task.kind != "classes")
            level: Level = "error" if ends else "warning"
            what = {
                "train": "nothing can be ranked",
                "valid": "stage 2 has nothing to calibrate on",
                "test": "its correlations are undefined",
            }[split]
            problems.append(Problem(level, "labels", 1, f"every label of {split} is {only:g}: {what}"))
    train = np.array([candidate.label for candidate in used if splits.get(candidate.id) == "train"])
    if len(np.unique(train)) > 1 and len(np.unique(group_of(train, groups=rules.task.groups))) == 1:
        sentence = (
            f"all labels of train ({train.min():g} to {train.max():g}) are in one group of margin.groups, so stage 1 has no pair "
            "to order; set it to cuts between the labels"
        )
        problems.append(Problem("error", "labels", len(train), sentence))
    problems += _class_problems(used, splits, rules)
    if rules.task.kind == "regression":
        problems += _scale_problems(used)
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


def _scale_problems(used: Sequence[Candidate]) -> list[Problem]:
    """Labels that are two classes in place of numbers, and a code for a missing label that would stretch the scale."""
    counts = Counter(candidate.label for candidate in used)
    values = sorted(counts)
    if len(values) == 2 and values != [0.0, 1.0]:
        sentence = (
            f"every label is {values[0]:g} or {values[1]:g}, which are two classes, but they are learnt as numbers; write 0 and 1 with "
            f"kind: binary in {FACTS_FILE}, or the names of the classes"
        )
        return [Problem("warning", "labels", len(used), sentence)]
    for code, others in ((values[-1:], values[:-1]), (values[:1], values[1:])):
        if len(others) < _FEWEST_VALUES or counts[code[0]] > _MOST_MISSING * len(used):
            continue
        width = others[-1] - others[0]
        gap = min(abs(code[0] - others[0]), abs(code[0] - others[-1]))
        if gap >= _FAR * width or (gap >= width and f"{abs(code[0]):g}" in _CODES):
            sentence = (
                f"{counts[code[0]]} of {len(used)} labels are {code[0]:g}, far from all others ({others[0]:g} to {others[-1]:g}); if that "
                "stands for a missing label, leave these rows out and import again, for it stretches the scale"
            )
            return [Problem("warning", "labels", counts[code[0]], sentence)]
    return []


def _class_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    """Classes that train lacks, that one segment has, and two classes where a task of its own would do."""
    task = rules.task
    if task.kind != "classes":
        return []
    problems = []
    by_split: dict[Split, list[float]] = {
        split: [candidate.label for candidate in used if splits.get(candidate.id) == split]
        for split in SPLITS
    }
    try:
        refuse_absent_classes(by_split, task)
    except PipelineError as error:
        problems.append(Problem("error", "labels", 1, str(error)))
    counts = Counter(candidate.label for candidate in used)
    lonely = [name for number, name in enumerate(task.classes) if counts[number] == 1]
    if lonely:
        sentence = f"one segment alone has the class {' or '.join(map(repr, lonely[:3]))}: it cannot be learnt and measured both"
        problems.append(Problem("warning", "labels", len(lonely), sentence))
    if len(task.classes) == 2:
        sentence = (
            f"{task.classes[0]!r} and {task.classes[1]!r} are two classes alone; labels 0 and 1 with kind: binary in {FACTS_FILE} "
            "train one probability and are measured as the field measures two classes"
        )
        problems.append(Problem("warning", "labels", len(used), sentence))
    return problems


def pooled_spread(rows: Sequence[Candidate]) -> float | None:
    """Root of the mean variance of the annotators of a segment, None where segments have one."""
    spreads = [row.spread for row in rows if row.spread is not None]
    return float(np.sqrt(np.mean(np.square(spreads)))) if spreads else None


def nominal_agreement(rows: Sequence[Candidate]) -> float | None:
    """Krippendorff's alpha of raters who chose among classes: 1 where all agree, 0 where they agree as by chance.

    Krippendorff (2004), Content Analysis, chapter 11, for nominal data; raters may have seen different segments.

    Args:
        rows: segments with the classes that their raters gave; those with one rater do not count.

    Returns:
        alpha; None where no segment has two raters, or all gave one class.
    """
    counts = [Counter(row.ratings.values()) for row in rows if len(row.ratings) > 1]
    of_class = sum(counts, Counter[float]())
    n = of_class.total()
    expected = (n**2 - sum(m**2 for m in of_class.values())) / (n * (n - 1)) if n > 1 else 0.0
    if not expected:
        return None
    observed = sum(
        (of_segment.total() ** 2 - sum(m**2 for m in of_segment.values())) / (of_segment.total() - 1)
        for of_segment in counts
    )
    return 1 - observed / n / expected


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
