"""A look at a corpus before anything heavy runs: what is in it, and what would end or spoil a run."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.artifacts.segments import SPLITS, Split
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.inspection import probe_all, refuse_name
from pipeline.corpus.layouts import Layout
from pipeline.corpus.manifest import check_table, media_files
from pipeline.corpus.splits import find_leaks, split_candidates
from pipeline.errors import PipelineError
from pipeline.intake.duplicates import near_duplicates
from pipeline.media.probe import MediaInfo

Level = Literal["error", "warning"]
# Beyond this share of valid and test, the same sentence in train makes their numbers too good to be believed.
_MANY_DUPLICATES = 0.05
# Letters of another script than the language is written in, as a share of all.
_FOREIGN_SCRIPT = 0.5
_LATIN = {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr"}
_SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """What is wrong: an error ends or spoils a run, a warning is to be known. `n` is how many segments or files."""

    level: Level
    kind: str
    n: int
    sentence: str


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
class Look:
    """What a corpus holds and what is wrong with it.

    `label_counts` has a row of counts per split, over the intervals between `label_edges`. `duration_is_estimated` where
    only some media files were opened.
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
    problems: Sequence[Problem]

    @property
    def has_errors(self) -> bool:
        """Whether something would end or spoil a run."""
        return any(problem.level == "error" for problem in self.problems)


@dataclass(frozen=True)
class Rules:
    """What params.yaml says of a corpus; see its sections corpus, task and manifest."""

    label_min: float
    label_max: float
    binary: bool
    language: str
    split: str
    valid_share: float
    test_share: float
    split_seed: int
    max_rejected_share: float


def look_at(folder: Path, *, layout: str, reader: Layout, rules: Rules, n_opened: int | None) -> Look:
    """Read a corpus, look at each of its media files and open some.

    Args:
        folder: the corpus folder.
        layout: the name of its layout, for the reader.
        reader: that layout.
        rules: what a run would hold it against.
        n_opened: how many media files are opened, evenly spread; None for all.
    """
    problems: list[Problem] = []
    try:
        candidates = reader.read(folder)
    except PipelineError as error:
        return Look(
            str(folder), layout, 0, {}, (), {}, 0, 0, False, [Problem("error", "table", 1, str(error))]
        )
    used = [candidate for candidate in candidates if candidate.excluded is None]
    if len(used) < len(candidates):
        said = [candidate.excluded for candidate in candidates if candidate.excluded is not None]
        problems.append(_problem("warning", "excluded", said))
    problems += _table_problems(candidates, rules)
    splits, found = _splits(used, reader, rules)
    problems += found
    infos, n_opened, found = _media(used, folder, rules, n_opened)
    problems += found
    problems += (
        _span_problems(used, infos)
        + _text_problems(used, splits, rules)
        + _label_problems(used, splits, rules)
    )
    durations_s = {candidate.id: _duration_s(candidate, infos) for candidate in used}
    order = [*SPLITS, *sorted(set(splits.values()) - set(SPLITS))]
    parts = {
        split: _part([c for c in used if splits.get(c.id) == split], durations_s, rules)
        for split in order
        if any(splits.get(c.id) == split for c in used)
    }
    edges = _edges(rules)
    return Look(
        folder=str(folder),
        layout=layout,
        n_excluded=len(candidates) - len(used),
        parts=parts,
        label_edges=edges,
        label_counts={
            split: np.histogram([c.label for c in used if splits.get(c.id) == split], edges)[0].tolist()
            for split in parts
        },
        n_media=len(media_files(used)),
        n_media_opened=n_opened,
        duration_is_estimated=any(value is None for value in durations_s.values()),
        problems=sorted(problems, key=lambda problem: problem.level != "error"),
    )


def _problem(level: Level, kind: str, sentences: Sequence[str], *, advice: str = "") -> Problem:
    """Many of a kind as one: how many, and the first few."""
    shown = "; ".join(sentences[:_SHOWN])
    more = f"; and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    return Problem(level, kind, len(sentences), f"{shown}{more}{'. ' + advice if advice else ''}")


def _failing(check: Callable[[], object]) -> str | None:
    try:
        check()
    except PipelineError as error:
        return str(error)
    return None


def _table_problems(candidates: Sequence[Candidate], rules: Rules) -> list[Problem]:
    check = partial(check_table, label_min=rules.label_min, label_max=rules.label_max, binary=rules.binary)
    wrong = [said for candidate in candidates if (said := _failing(partial(check, [candidate]))) is not None]
    problems = [_problem("error", "labels", wrong)] if wrong else []
    repeated = [id for id, n in Counter(candidate.id for candidate in candidates).items() if n > 1]
    if repeated:
        sentences = [f"the id {id!r} is used more than once" for id in repeated]
        problems.append(_problem("error", "ids", sentences, advice="Every segment needs one of its own"))
    return problems


def _splits(
    used: Sequence[Candidate], reader: Layout, rules: Rules
) -> tuple[Mapping[str, str], list[Problem]]:
    """The split of each segment as a run would have it, or as the corpus names it where a run would end here."""
    mixes = reader.mixes(rules.split)
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
        leaks = find_leaks(used, named, kinds=[kind for kind in ("speaker", "video") if kind not in mixes])
        shown = dict(named) if named else {candidate.id: "all" for candidate in used}
        return shown, [
            _problem("error", "leaks", leaks) if leaks else Problem("error", "splits", 1, str(error))
        ]
    problems = [
        Problem("error", "splits", 1, f"the split {split!r} has no segments; every split needs at least one")
        for split in SPLITS
        if split not in splits.values()
    ]
    leaks = find_leaks(used, splits, kinds=mixes)
    if leaks:
        problems.append(
            _problem(
                "warning",
                "leaks",
                leaks,
                advice="The published split has it so; `-S manifest.split=drawn` draws one by speaker or video",
            )
        )
    return splits, problems


def _media(
    used: Sequence[Candidate], folder: Path, rules: Rules, n_opened: int | None
) -> tuple[Mapping[str, MediaInfo], int, list[Problem]]:
    """What the opened media files are, how many were opened, and what is wrong with any."""
    names = media_files(used)
    absent = {name: reason for name in names if (reason := refuse_name(name, folder=folder)) is not None}
    present = [name for name in names if name not in absent]
    step = max(1, -(-len(present) // n_opened)) if n_opened else 1
    chosen = [] if n_opened == 0 else present[::step]
    probed = probe_all(chosen, folder=folder)
    infos = {name: info for name, info in probed.items() if isinstance(info, MediaInfo)}
    broken = [info for info in probed.values() if isinstance(info, str)]
    problems = []
    if absent or broken:
        lost = sum(candidate.media in absent for candidate in used) / len(used)
        lost += len(broken) / max(1, len(chosen)) * len(present) / len(names)
        level: Level = "error" if lost > rules.max_rejected_share else "warning"
        advice = f"About {lost:.1%} of the segments are lost; manifest.max_rejected_share is {rules.max_rejected_share:.1%}"
        problems.append(_problem(level, "media", [*absent.values(), *broken], advice=advice))
    for what, n in (
        ("sound", sum(not info.has_audio for info in infos.values())),
        ("picture", sum(not info.has_video for info in infos.values())),
    ):
        if n:
            problems.append(
                Problem("warning", "media", n, f"{n} of {len(infos)} opened media files have no {what}")
            )
    return infos, len(chosen), problems


def _span_problems(used: Sequence[Candidate], infos: Mapping[str, MediaInfo]) -> list[Problem]:
    wrong = []
    for candidate in used:
        start_s = candidate.start_s or 0.0
        info = infos.get(candidate.media or "")
        if start_s < 0 or (candidate.end_s is not None and candidate.end_s <= start_s):
            wrong.append(f"{candidate.place}: the span {start_s}–{candidate.end_s} s is empty or negative")
        elif info is not None and start_s >= info.duration_s:
            wrong.append(
                f"{candidate.place}: starts at {start_s} s, but its media last {info.duration_s:.2f} s"
            )
    return [_problem("warning", "spans", wrong, advice="Such segments are rejected")] if wrong else []


def _text_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    problems = []
    silent = [candidate for candidate in used if not candidate.text and not candidate.words]
    if silent:
        foreign = [c for c in silent if (c.language or rules.language) != "en"]
        level: Level = "error" if len(foreign) == len(used) else "warning"
        said = "have no transcript: rough recognition for English, no words at all for other languages"
        problems.append(
            Problem(level, "transcripts", len(silent), f"{len(silent)} of {len(used)} segments {said}")
        )
    problems += _script_problems(used, rules)
    spoken = [candidate for candidate in used if candidate.text and candidate.id in splits]
    pairs = near_duplicates([c.text or "" for c in spoken], [splits[c.id] for c in spoken])
    if pairs:
        told = [
            f"{spoken[pair.first].id!r} ({splits[spoken[pair.first].id]}) and {spoken[pair.second].id!r} "
            f"({splits[spoken[pair.second].id]}) say nearly the same ({pair.similarity:.0%}): "
            f"{(spoken[pair.first].text or '')[:60]!r}"
            for pair in pairs
        ]
        held_out = sum(split != "train" for split in splits.values())
        touched = {
            position
            for pair in pairs
            for position, other in ((pair.first, pair.second), (pair.second, pair.first))
            if splits[spoken[position].id] != "train" and splits[spoken[other].id] == "train"
        }
        level = "error" if len(touched) > _MANY_DUPLICATES * held_out else "warning"
        advice = f"{len(touched)} of {held_out} segments outside of train have a near-duplicate in it"
        problems.append(_problem(level, "near-duplicates", told, advice=advice))
    return problems


def _script_problems(used: Sequence[Candidate], rules: Rules) -> list[Problem]:
    """A corpus in another script than its language is a forgotten corpus.language."""
    scripts: Counter[str] = Counter()
    for candidate in used:
        if (candidate.language or rules.language) in _LATIN and candidate.text:
            scripts.update(
                unicodedata.name(letter, "?").split()[0]
                for letter in candidate.text[:200]
                if letter.isalpha()
            )
    foreign = {script: n for script, n in scripts.items() if script != "LATIN"}
    if not foreign or sum(foreign.values()) < _FOREIGN_SCRIPT * scripts.total():
        return []
    script, n = max(foreign.items(), key=lambda pair: (pair[1], pair[0]))
    said = f"{n / scripts.total():.0%} of the letters are {script.title()}, but the language is {rules.language!r}; set "
    return [Problem("error", "language", n, f"{said}corpus.language")]


def _label_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    problems = []
    for split in sorted(set(splits.values())):
        labels = {candidate.label for candidate in used if splits.get(candidate.id) == split}
        if len(labels) == 1 and split in ("train", "valid", "test"):
            (only,) = labels
            level: Level = "error" if split == "train" else "warning"
            what = "nothing can be ranked" if split == "train" else "its correlations are undefined"
            problems.append(Problem(level, "labels", 1, f"every label of {split} is {only:g}: {what}"))
    top = max((abs(candidate.label) for candidate in used), default=0.0)
    if not rules.binary and top and top <= 0.5 * max(abs(rules.label_min), abs(rules.label_max)):
        problems.append(
            Problem(
                "warning",
                "labels",
                len(used),
                f"no label is beyond ±{top:g}, but corpus.label_min and label_max allow {rules.label_min:g} to "
                f"{rules.label_max:g}; set them to the range of the corpus",
            )
        )
    return problems


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
        languages=dict(sorted(Counter(row.language or rules.language for row in rows).items())),
    )


def _edges(rules: Rules) -> list[float]:
    """Edges of the histogram: whole units or tenths of the range, centred on its labels; two classes are two bars."""
    if rules.binary:
        return [-0.5, 0.5, 1.5]
    width = 1.0 if rules.label_max - rules.label_min >= 4 else (rules.label_max - rules.label_min) / 10
    n = max(1, round((rules.label_max - rules.label_min) / width))
    edges = rules.label_min - width / 2 + width * np.arange(n + 2)
    return [round(float(edge), 6) for edge in edges]
