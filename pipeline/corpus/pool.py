"""Several corpora as one: each part lies in a folder of its own, and every name of a segment says which part it is of."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.artifacts.corpus.task import Task
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import FACTS_FILE, POOL, Facts, Owner, read_facts
from pipeline.corpus.labels import label_chosen
from pipeline.corpus.manifest import check_table
from pipeline.corpus.splits import OWNERS, STANDARD, Mixes
from pipeline.errors import PipelineError
from pipeline.pickles.layouts import PICKLE_LAYOUTS

# A linear map of -0.6 in [-1, 1] to [-3, 3] is -1.8, not -1.7999999999999998.
_DIGITS = 9


def read_pool(folder: Path, *, read_part: Callable[[str, Path], Sequence[Candidate]]) -> list[Candidate]:
    """Read every part by the reader of its own layout, and make ids, speakers, videos, raters and media unique by part.

    The label is the one that each part names in its own `corpus.yaml`. Where the range of a part is not that of the pool,
    its labels, ratings and spreads are mapped linearly to it. Labels beside the one to learn are left out, because a
    name seldom means the same in two corpora. Each part keeps its split, its folds and its languages.

    Args:
        folder: folder of the pool.
        read_part: reads a folder of a layout that is named.

    Raises:
        PipelineError: a part is missing or a pool itself, its labels are of another kind or have other classes than those of
            the pool, or its table is wrong.
    """
    facts = read_facts(folder)
    if facts.layout != POOL:
        raise PipelineError(f"{folder / FACTS_FILE}: says that the layout is {facts.layout}, not {POOL}")
    common = facts.task(None, source=str(folder / FACTS_FILE))
    found: list[Candidate] = []
    for part in facts.parts:
        own = read_part_facts(folder / part)
        task = own.task(None, source=str(folder / part / FACTS_FILE))
        refuse_other_kind(task, common, part=part)
        rows = label_chosen(read_part(own.layout, folder / part), task)
        check_table(rows, task=task)
        found += [_of_part(row, part, language=own.language, task=task, common=common) for row in rows]
    return found


def read_part_facts(folder: Path) -> Facts:
    """The facts of a corpus that is to be a part.

    Raises:
        PipelineError: there are none, or it is a pool.
    """
    facts = read_facts(folder)
    if facts.layout == POOL:
        raise PipelineError(
            f"{folder}: is a pool itself; name its parts instead, which are {', '.join(facts.parts)}"
        )
    return facts


def splits_mix(facts: Facts, *, split: str) -> tuple[Owner, ...]:
    """What `manifest.split` of this value may have in two parts; a feature pickle is taken as it is divided."""
    if facts.layout in PICKLE_LAYOUTS and split == STANDARD:
        return OWNERS
    return facts.splits.mixes(split)


def mixes_of(facts: Facts, folder: Path, *, split: str) -> Mixes:
    """What `manifest.split` of this value may have in two parts, for each part of a pool as for that corpus alone.

    Args:
        facts: facts of the corpus.
        folder: its folder.
        split: value of `manifest.split`.

    Raises:
        PipelineError: the facts of a part cannot be read.
    """
    if facts.layout != POOL:
        return {None: splits_mix(facts, split=split)}
    return {part: splits_mix(read_part_facts(folder / part), split=split) for part in facts.parts}


def refuse_other_kind(task: Task, common: Task, *, part: str) -> None:
    """Refuse labels that cannot stand in one column with those of the pool.

    Raises:
        PipelineError: one is a number and the other a class, or the classes differ.
    """
    if task.kind != common.kind:
        raise PipelineError(
            f"{part}: its label {task.label!r} is of the kind {task.kind}, that of the pool of the kind {common.kind}; only labels "
            f"of one kind can be pooled: choose another by `label` in {FACTS_FILE} of the corpus, or leave it out"
        )
    if task.classes != common.classes or task.ordered != common.ordered:
        raise PipelineError(
            f"{part}: its classes are {', '.join(task.classes)}{_order(task)}, those of the pool "
            f"{', '.join(common.classes)}{_order(common)}; expected the same names in the same order"
        )


def _order(task: Task) -> str:
    return " (ordered)" if task.ordered else ""


def _of_part(row: Candidate, part: str, *, language: str | None, task: Task, common: Task) -> Candidate:
    factor = (common.label_max - common.label_min) / (task.label_max - task.label_min)
    same = (task.label_min, task.label_max) == (common.label_min, common.label_max)

    def mapped(label: float) -> float:
        if same or not math.isfinite(label):
            return label
        return round(common.label_min + factor * (label - task.label_min), _DIGITS)

    def named(name: str) -> str:
        return f"{part}/{name}"

    return replace(
        row,
        id=named(row.id),
        corpus=part,
        label=mapped(row.label),
        spread=row.spread if row.spread is None or same else row.spread * factor,
        ratings={named(rater): mapped(label) for rater, label in row.ratings.items()},
        rater=None if row.rater is None else named(row.rater),
        media=None if row.media is None else named(row.media),
        speaker=None if row.speaker is None else named(row.speaker),
        video=named(row.video),
        language=row.language or language,
        other_labels={},
        named={},
    )
