"""Which of the labels of a corpus is the one to learn, and the numbers of its classes."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pipeline.artifacts.corpus.segments import Split
from pipeline.artifacts.corpus.task import Task
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import shortened
from pipeline.corpus.facts import FACTS_FILE, LABEL, MOST_CLASSES
from pipeline.errors import PipelineError, did_you_mean


def label_chosen(candidates: Sequence[Candidate], task: Task) -> list[Candidate]:
    """The rows of a corpus with the label of a task as the one to learn; names of classes become their numbers.

    The label that it takes the place of becomes one of the other labels; a row without this label is not used.

    Args:
        candidates: rows as the reader of the layout gives them.
        task: what is learnt: `label` for the label that the layout has for the one to learn, or the name of another.

    Raises:
        PipelineError: no row has such a label, or a name is none of the classes.
    """
    name = task.label
    if name != LABEL:
        known = {
            other for candidate in candidates for other in (*candidate.other_labels, *candidate.named)
        } - {LABEL}
        if name not in known:
            place = candidates[0].place.split(", ")[0] if candidates else "the corpus"
            raise PipelineError(
                f"{place}: no segment has a label {name!r}{did_you_mean(name, known)}; the labels there are "
                f"{', '.join([LABEL, *sorted(known)])}; choose one by corpus.label"
            )
        candidates = [_with(candidate, name) for candidate in candidates]
    return [_numbered(candidate, task) for candidate in candidates]


def _with(candidate: Candidate, name: str) -> Candidate:
    if name not in candidate.other_labels and name not in candidate.named:
        return replace(
            candidate,
            excluded=candidate.excluded or f"{candidate.place}: {candidate.id!r} has no label {name!r}",
        )
    others = {other: value for other, value in candidate.other_labels.items() if other != name}
    if LABEL not in candidate.named and not candidate.unlabelled and math.isfinite(candidate.label):
        others[LABEL] = candidate.label
    # Ratings and spread are those of the label that is replaced.
    return replace(
        candidate,
        label=candidate.other_labels.get(name, math.nan),
        other_labels=others,
        excluded=None if candidate.unlabelled else candidate.excluded,
        unlabelled=False,
        spread=None,
        ratings={},
        named_ratings={},
        by_ratings=False,
    )


def _numbered(candidate: Candidate, task: Task) -> Candidate:
    if candidate.excluded is not None:
        return candidate
    if candidate.named_ratings:
        who = "{0}: the label that {1!r} gave {2!r}"
        ratings = {
            rater: _class_number(name, task, who.format(candidate.place, rater, candidate.id))
            for rater, name in candidate.named_ratings.items()
        }
        candidate = replace(candidate, ratings=ratings)
    if candidate.by_ratings and task.kind != "regression":
        return _by_majority(candidate, task)
    if task.label not in candidate.named:
        return candidate
    name = candidate.named[task.label]
    if task.kind != "classes" and math.isfinite(candidate.label):
        return candidate  # the file has both, and the number is what is learnt
    where = f"{candidate.place}: the label of {candidate.id!r}"
    return replace(candidate, label=_class_number(name, task, where))


def _by_majority(candidate: Candidate, task: Task) -> Candidate:
    """With the class that most raters gave; a row where two classes share that place has no label."""
    (label, most), *rest = Counter(candidate.ratings.values()).most_common()
    if rest and rest[0][1] == most:
        tied = [value for value, n in Counter(candidate.ratings.values()).items() if n == most]
        names = [
            task.classes[int(v)] if task.classes and v in range(len(task.classes)) else f"{v:g}" for v in tied
        ]
        reason = f"{candidate.place}: the raters of {candidate.id!r} agree on no class ({most} each for {' and '.join(sorted(names))})"
        return replace(candidate, label=math.nan, excluded=reason, unlabelled=True, spread=None)
    return replace(candidate, label=label, spread=None)


def _class_number(name: str, task: Task, where: str) -> float:
    """The number of a class that somebody named.

    Args:
        name: as it is written.
        task: the classes.
        where: place and what the name is of, for error sentences.

    Raises:
        PipelineError: labels are no classes, or it is none of them.
    """
    where = f"{where} is {shortened(name)}"
    if task.kind != "classes":
        expected = "a number" if task.kind == "regression" else "0 or 1"
        raise PipelineError(
            f"{where}; expected {expected}, because kind in {FACTS_FILE} is {task.kind}; name its classes there where labels are "
            "names (kind: classes)"
        )
    if name not in task.classes:
        alike = next((known for known in task.classes if _form(known) == _form(name)), None)
        meant = did_you_mean(name, task.classes) if alike is None else f" (did you mean {alike!r}?)"
        raise PipelineError(
            f"{where}{meant}; expected one of the classes in {FACTS_FILE}: {_listed(task.classes)}"
        )
    return float(task.classes.index(name))


def classes_found(names: Sequence[str], *, source: str) -> tuple[str, ...]:
    """The classes that a column names, sorted.

    Args:
        names: the name in each row.
        source: name of the table, for errors.

    Raises:
        PipelineError: two names differ in how they are written alone, there is only one, or there are so many that they can be
            no classes.
    """
    counts = Counter(names)
    if len(counts) > MOST_CLASSES:
        raise PipelineError(
            f"{source}: the label has {len(counts):,} different names, such as {shortened(names[0])}; expected numbers, or at most "
            f"{MOST_CLASSES:,} classes: name another column by --label"
        )
    by_form: dict[str, str] = {}
    for name in sorted(counts):
        other = by_form.setdefault(_form(name), name)
        if other != name:
            raise PipelineError(
                f"{source}: the classes {other!r} ({counts[other]:,} segments) and {name!r} ({counts[name]:,}) differ in how they "
                "are written alone; write one class in one way"
            )
    if len(counts) == 1:
        raise PipelineError(
            f"{source}: every label is {shortened(names[0])}; expected numbers, or at least two classes"
        )
    return tuple(sorted(counts))


def refuse_absent_classes(labels: Mapping[Split, Sequence[float]], task: Task) -> None:
    """Refuse classes that train lacks: nothing could be learnt of them.

    Args:
        labels: numbers of the classes of the segments of each split.
        task: the classes.

    Raises:
        PipelineError: there is such a class.
    """
    if task.kind != "classes":
        return
    n_of_class = {split: Counter(map(int, numbers)) for split, numbers in labels.items()}
    for number, name in enumerate(task.classes):
        if n_of_class.get("train", Counter())[number]:
            continue
        elsewhere = [f"{counts[number]} in {split}" for split, counts in n_of_class.items() if counts[number]]
        raise PipelineError(
            f"train has no segment of the class {name!r} ({', '.join(elsewhere) or 'and no other split has one'}), so nothing of it "
            f"can be learnt; move some to train, or leave its segments out of the table and its name out of {FACTS_FILE}"
        )


def _form(name: str) -> str:
    """What two ways to write one name have in common."""
    plain = unicodedata.normalize("NFKC", name).casefold().replace("_", " ").replace("-", " ")
    return " ".join(plain.split())


def _listed(classes: Iterable[str], *, at_most: int = 12) -> str:
    names = list(classes)
    return ", ".join(names[:at_most]) + (f" and {len(names) - at_most} more" if len(names) > at_most else "")
