"""A look at a corpus before anything heavy runs: what is in it, and what would end or spoil a run."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.labels import label_chosen
from pipeline.corpus.layouts import layout_of
from pipeline.corpus.manifest import check_table, refuse_classes
from pipeline.corpus.names import ONE_SPEAKER, alike_speakers, refuse_two_forms
from pipeline.corpus.splits import known_leaks, refused_leaks, split_candidates
from pipeline.errors import PipelineError
from pipeline.intake.labels import (
    group_cuts,
    histogram_edges,
    label_problems,
    nominal_agreement,
    pooled_spread,
)
from pipeline.intake.media import media_problems, open_some, repeated_problems, span_problems
from pipeline.intake.problems import Level, Problem, Rules, joined
from pipeline.intake.transcripts import text_problems
from pipeline.media.probe import MediaInfo
from pipeline.storage.place import StorageError


@dataclass(frozen=True)
class Part:
    """What a split holds; durations are in seconds, None where nothing says how long its segments are."""

    n_segments: int
    n_speakers: int
    n_videos: int
    n_with_text: int
    n_with_words: int
    n_with_media: int
    mean_label: float
    mean_duration_s: float | None
    total_duration_s: float | None
    languages: Mapping[str, int]


@dataclass(frozen=True)
class CorpusReport:
    """What a corpus holds and what is wrong with it.

    `label_counts` has a row of counts per split, over the intervals between `label_edges`. `duration_is_estimated` where
    only some media files were opened. `annotator_spread` is the pooled standard deviation of the annotators of a segment
    of train, label units, None where segments have one; `groups` are cuts for `margin.groups` as far apart as twice that. `classes`
    names the classes where labels are some, and `agreement` is that of their raters, see `nominal_agreement`.
    """

    folder: str
    layout: str
    n_excluded: int
    parts: Mapping[str, Part]
    label_edges: Sequence[float]
    label_counts: Mapping[str, Sequence[int]]
    n_media: int
    n_media_opened: int
    duration_is_estimated: bool
    annotator_spread: float | None
    groups: Sequence[float]
    problems: Sequence[Problem]
    classes: Sequence[str] = ()
    agreement: float | None = None

    @property
    def has_errors(self) -> bool:
        """Whether something would end or spoil a run."""
        return any(problem.level == "error" for problem in self.problems)


def check_corpus(
    folder: Path,
    *,
    layout: str,
    rules_for: Callable[[Sequence[Candidate]], Rules],
    n_opened: int | None,
) -> CorpusReport:
    """Read a corpus, look at each of its media files and open some.

    Args:
        folder: the corpus folder.
        layout: name of its layout.
        rules_for: gives the rules by which a run would reject it, from the rows that were read.
        n_opened: how many media files are opened, evenly spread; None for all.
    """
    try:
        candidates = layout_of(layout).read(folder)
        rules = rules_for(candidates)
        candidates = label_chosen(candidates, rules.task)
    except PipelineError as error:
        problem = Problem("error", "table", 1, str(error))
        return CorpusReport(str(folder), layout, 0, {}, (), {}, 0, 0, False, None, (), [problem])
    used = [candidate for candidate in candidates if candidate.excluded is None]
    splits, split_problems = _splits(used, rules)
    try:
        opened, unreachable = open_some(used, folder, n_opened), []
    except StorageError as error:
        opened, unreachable = open_some(used, folder, 0), [Problem("error", "media", 1, str(error))]
    problems = [
        *unreachable,
        *_excluded_problems(candidates),
        *_empty_problems(used, rules),
        *_table_problems(candidates, rules),
        *split_problems,
        *media_problems(used, opened, rules),
        *repeated_problems(used, splits, opened, folder),
        *span_problems(used, opened.infos),
        *text_problems(used, splits, rules),
        *label_problems(used, splits, rules),
    ]
    durations_s = {candidate.id: _duration_s(candidate, opened.infos) for candidate in used}
    by_split = _by_split(used, splits)
    edges = histogram_edges(rules)
    spread = pooled_spread(by_split.get("train", [])) if rules.task.kind == "regression" else None
    return CorpusReport(
        folder=str(folder),
        layout=layout,
        n_excluded=len(candidates) - len(used),
        parts={split: _part(rows, durations_s, rules) for split, rows in by_split.items()},
        label_edges=edges,
        label_counts={
            split: np.histogram([row.label for row in rows], edges)[0].tolist()
            for split, rows in by_split.items()
        },
        n_media=len(opened.named),
        n_media_opened=opened.n_opened,
        duration_is_estimated=any(value is None for value in durations_s.values()),
        annotator_spread=spread,
        groups=() if spread is None else group_cuts(spread, rules.task.label_min, rules.task.label_max),
        problems=sorted(problems, key=lambda problem: problem.level != "error"),
        classes=rules.task.classes,
        agreement=None if rules.task.kind == "regression" else nominal_agreement(candidates),
    )


def refuse_unusable(candidates: Sequence[Candidate], rules: Rules) -> None:
    """Refuse a corpus that cannot run by its table alone, before its media are looked at.

    Raises:
        PipelineError: a label, an id, a split or a fact would end a run.
    """
    candidates = label_chosen(candidates, rules.task)
    used = [candidate for candidate in candidates if candidate.excluded is None]
    splits, split_problems = _splits(used, rules)
    problems = [
        *_empty_problems(used, rules),
        *_table_problems(candidates, rules),
        *split_problems,
        *label_problems(used, splits, rules),
    ]
    for problem in problems:
        if problem.level == "error":
            raise PipelineError(problem.sentence)


def _by_split(used: Sequence[Candidate], splits: Mapping[str, str]) -> Mapping[str, list[Candidate]]:
    """Rows by split, those of a run first; a split without rows is left out."""
    found: dict[str, list[Candidate]] = {split: [] for split in [*SPLITS, *sorted(set(splits.values()))]}
    for candidate in used:
        if candidate.id in splits:
            found[splits[candidate.id]].append(candidate)
    return {split: rows for split, rows in found.items() if rows}


def _excluded_problems(candidates: Sequence[Candidate]) -> list[Problem]:
    reasons = [candidate.excluded for candidate in candidates if candidate.excluded is not None]
    return [joined("warning", "excluded", reasons)] if reasons else []


def _empty_problems(used: Sequence[Candidate], rules: Rules) -> list[Problem]:
    """Segments of which there is nothing but a label."""
    empty = [row.place for row in used if row.media is None and row.text is None and not row.words]
    if not empty:
        return []
    level: Level = "error" if len(empty) > rules.max_rejected_share * len(used) else "warning"
    sentence = (
        f"{len(empty)} of {len(used)} segments have neither a recording nor a transcript, the first at {empty[0]}; put the recordings into "
        "clips/, or name them in a column media, or write what is said into a column text"
    )
    return [Problem(level, "segments", len(empty), sentence)]


def _failing(check: Callable[[], object]) -> str | None:
    try:
        check()
    except PipelineError as error:
        return str(error)
    return None


def _table_problems(candidates: Sequence[Candidate], rules: Rules) -> list[Problem]:
    check = partial(check_table, task=rules.task)
    wrong = [reason for row in candidates if (reason := _failing(partial(check, [row]))) is not None]
    problems = [joined("error", "labels", wrong)] if wrong else []
    alike = _failing(partial(refuse_two_forms, candidates))
    if alike is not None:
        problems.append(Problem("error", "names", 1, alike))
    classes = _failing(partial(refuse_classes, candidates)) if rules.task.kind == "regression" else None
    if classes is not None:
        problems.append(Problem("error", "task", len(candidates), classes))
    repeated = [id for id, n in Counter(candidate.id for candidate in candidates).items() if n > 1]
    if repeated:
        sentences = [f"the id {id!r} is used more than once" for id in repeated]
        problems.append(joined("error", "ids", sentences, advice="Every segment needs one of its own"))
    return problems


def _splits(used: Sequence[Candidate], rules: Rules) -> tuple[Mapping[str, str], list[Problem]]:
    """The split of each segment as a run would have it, or as the corpus names it where a run would end here."""
    mixes = rules.mixes
    try:
        splits: Mapping[str, Split] = split_candidates(
            used,
            split=rules.split,
            valid_share=rules.valid_share,
            test_share=rules.test_share,
            split_seed=rules.split_seed,
            mixes=mixes,
        )
    except PipelineError as error:
        named: dict[str, Split] = {c.id: s for c in used for s in SPLITS if s == c.split}
        leaks = refused_leaks(used, named, mixes=mixes)
        as_named = dict(named) if named else {candidate.id: "all" for candidate in used}
        return as_named, [
            joined("error", "leaks", leaks) if leaks else Problem("error", "splits", 1, str(error))
        ]
    problems = [
        Problem("error", "splits", 1, f"the split {split!r} has no segments; every split needs at least one")
        for split in SPLITS
        if split not in splits.values()
    ]
    alike = alike_speakers(used, splits)
    if alike:
        problems.append(joined("warning", "names", alike, advice=ONE_SPEAKER))
    leaks = known_leaks(used, splits, mixes=mixes)
    if leaks:
        problems.append(
            joined(
                "warning",
                "leaks",
                leaks,
                advice="The published split has it so; `-S manifest.split=drawn` draws one by speaker or video",
            )
        )
    return splits, problems


def _duration_s(candidate: Candidate, infos: Mapping[str, MediaInfo]) -> float | None:
    info = infos.get(candidate.media or "")
    end_s = candidate.end_s if candidate.end_s is not None else None if info is None else info.duration_s
    return None if end_s is None else max(0.0, end_s - (candidate.start_s or 0.0))


def _part(rows: Sequence[Candidate], durations_s: Mapping[str, float | None], rules: Rules) -> Part:
    known_s = [value for row in rows if (value := durations_s[row.id]) is not None]
    mean_s = float(np.mean(known_s)) if known_s else None
    return Part(
        n_segments=len(rows),
        n_speakers=len({row.speaker for row in rows if row.speaker is not None}),
        n_videos=len({row.video for row in rows}),
        n_with_text=sum(bool(row.text) for row in rows),
        n_with_words=sum(bool(row.words) for row in rows),
        n_with_media=sum(row.media is not None for row in rows),
        mean_label=float(np.mean([row.label for row in rows])),
        mean_duration_s=mean_s,
        total_duration_s=None if mean_s is None else mean_s * len(rows),
        languages=dict(sorted(Counter(row.language or rules.language or "?" for row in rows).items())),
    )
