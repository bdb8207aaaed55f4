"""Which entries of the cache parameters need, by the keys that the stages themselves compute."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, get_args

from pipeline.artifacts.corpus.segments import Segment, read_segments
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.task import Groups, read_task
from pipeline.artifacts.formats.files import sha256_of
from pipeline.artifacts.sharding.files import INDEX
from pipeline.artifacts.trained.checkpoint import TrainingStage, checkpoint_path
from pipeline.corpus.facts import EXTRACT, FACTS_FILE, read_facts
from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache
from pipeline.execution.clips import clip_cache
from pipeline.execution.seeds import seed_cache, seed_keys
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.text import text_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.cached.words import CachedWords, words_extractor
from pipeline.extract.precomputed import is_precomputed
from pipeline.extract.text.encoder import TextSettings
from pipeline.extract.words.locate import WordSettings
from pipeline.reporting.page_cache import page_cache

RAW = Path("data/raw")
SEGMENTS, TASK = Path("data/manifest/segments.jsonl"), Path("data/manifest/task.json")

CLIP_SECTIONS = ("words", "text", "audio", "visual")
"""Stages that fill the clip cache; each has a section, a kind of entry, and a name."""

STAGES: tuple[TrainingStage, ...] = get_args(TrainingStage)
SPLITS = (Path("data/align/train") / INDEX, Path("data/align/valid") / INDEX)
RANKED = Path("data/rank")

P = ParamSpec("P")

PAGES = "pages"
_UNUSED_DAYS = 30.0

Sections = Mapping[str, Mapping[str, Any]]
"""Sections of params.yaml by name, checked, as JSON values."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What parameters need of one kind of entries.

    Attributes:
        keys: keys of the entries.
        n_unknown: number of further entries whose keys depend on entries that are not there yet.
        reason: why nothing is known, None where it is.
        unused_days: days after which an entry that was not used can go, where no keys are known beforehand; 0 where they are.
    """

    keys: frozenset[str]
    n_unknown: int = 0
    reason: str | None = None
    unused_days: float = 0.0


def kinds() -> dict[str, ResultCache]:
    """Every kind of entry that a run looks up, and its folder."""
    clips = {f"clips/{kind}": clip_cache(kind) for kind in CLIP_SECTIONS}
    return clips | {f"checkpoints/{stage}": seed_cache(stage) for stage in STAGES} | {PAGES: page_cache()}


def needs_of(
    sections: Sections,
    *,
    locate: Callable[[Path], Path | None],
    sections_of: Mapping[str, Sequence[str]],
) -> dict[str, Needs]:
    """Which entries a run with these parameters would look up, by kind.

    The words of the text stage are those in the cache, so they belong to these parameters, whatever was last run.

    Args:
        sections: parameters by section.
        locate: finds a file that a stage wrote, None where it is nowhere.
        sections_of: names of the sections that each stage that trains loads, as in dvc.yaml.
    """
    segments = locate(SEGMENTS)
    found = {f"clips/{kind}": _knowing(_needs_of_clips, kind, sections, segments) for kind in CLIP_SECTIONS}
    for stage in STAGES:
        found[f"checkpoints/{stage}"] = _knowing(
            _needs_of_seeds, stage, sections, locate, sections_of=sections_of
        )
    # Their keys are known when the report is made. One that is missing costs a tenth of a second.
    return found | {PAGES: Needs(frozenset(), unused_days=_UNUSED_DAYS)}


def _knowing(ask: Callable[P, Needs], *args: P.args, **kwargs: P.kwargs) -> Needs:
    """What parameters need, or why that cannot be told: an encoder that is not here, or a file that another version wrote."""
    try:
        return ask(*args, **kwargs)
    except PipelineError as error:
        return Needs(frozenset(), reason=str(error))


def _needs_of_clips(kind: str, sections: Sections, segments: Path | None) -> Needs:
    settings = {key: value for key, value in sections[kind].items() if key != "precomputed"}
    given = kind != "words" and _is_given(kind, sections)
    # An encoder that learns is no part of extraction.
    if given or sections[kind].get("mode") == "finetuned":
        return Needs(frozenset())
    if segments is None:
        return Needs(frozenset(), reason=f"{SEGMENTS}: not made yet; run `dvc repro manifest`")
    if kind == "text":
        return _text_needs(_frozen(sections["words"]), _frozen(settings), segments)
    return Needs(frozenset(_clip_keys(kind, _frozen(settings), segments)))


def _needs_of_seeds(
    stage: TrainingStage,
    sections: Sections,
    locate: Callable[[Path], Path | None],
    *,
    sections_of: Mapping[str, Sequence[str]],
) -> Needs:
    values = {f"{name}.{key}": value for name in sections_of[stage] for key, value in sections[name].items()}
    seeds, written = values.pop("training.seeds"), locate(TASK)
    if written is not None:
        values = read_task(written).chosen(groups=_groups(sections), protocol=None, source="").settle(values)
    return _seed_needs(stage, seeds, values, locate)


def _is_given(kind: str, sections: Sections) -> bool:
    """Whether the corpus brings the features of a modality, by its facts where it is there; else only if params.yaml says so."""
    choice, folder = sections[kind]["precomputed"], RAW / sections["corpus"]["name"]
    if not (folder / FACTS_FILE).is_file():
        return choice not in (None, EXTRACT)
    facts = read_facts(folder)
    modality: Modality = next(name for name in MODALITIES if name == kind)
    return is_precomputed(facts.precomputed(modality, choice), layout=facts.layout)


def _groups(sections: Sections) -> Groups | None:
    groups = sections.get("margin", {}).get("groups")
    return tuple(groups) if isinstance(groups, list | tuple) else groups


def trainer_of(stage: TrainingStage) -> str:
    """Name of the module that trains the models of a stage."""
    return f"pipeline.grcf.{stage}"


def inputs_of(seed: int, *, stage: TrainingStage) -> tuple[Path, ...]:
    """The files that a stage makes the model of a seed from."""
    return (*SPLITS, checkpoint_path(RANKED, seed)) if stage == "calibrate" else SPLITS


def _frozen(settings: Mapping[str, Any]) -> str:
    return json.dumps(dict(settings), sort_keys=True)


@cache
def _segments(path: Path) -> Sequence[Segment]:
    return read_segments(path)


# Many experiments share their extraction: each is asked for once.
@cache
def _clip_keys(kind: str, settings: str, segments: Path) -> Sequence[str]:
    if kind == "words":
        return _words(settings).keys(_segments(segments))
    make = audio_extractor if kind == "audio" else visual_extractor
    return make(json.loads(settings)).keys(_segments(segments))


@cache
def _words(settings: str) -> CachedWords:
    return words_extractor(WordSettings(**json.loads(settings)))


@cache
def _text_needs(words_settings: str, settings: str, segments: Path) -> Needs:
    words = _words(words_settings)
    keys = _clip_keys("words", words_settings, segments)
    rows = [words.cache.load(key, words.decode) for key in keys]
    spoken = [row for row in rows if row is not None]
    text_keys = text_extractor(TextSettings(**json.loads(settings))).keys(spoken)
    return Needs(frozenset(text_keys), n_unknown=len(rows) - len(spoken))


def _seed_needs(
    stage: TrainingStage,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    locate: Callable[[Path], Path | None],
) -> Needs:
    found = {path: locate(path) for seed in seeds for path in inputs_of(seed, stage=stage)}
    found[TASK] = locate(TASK)
    missing = [path for path, there in found.items() if there is None]
    if missing:
        return Needs(frozenset(), reason=f"{missing[0]}: not made yet; run `dvc repro`")

    def located(seed: int) -> list[Path]:
        return [there for path in inputs_of(seed, stage=stage) if (there := found[path]) is not None]

    keys = seed_keys(seeds, trainer=trainer_of(stage), inputs=located, settings=settings, digest=_digest)
    return Needs(frozenset(keys))


_digest = cache(sha256_of)
