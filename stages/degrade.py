"""Stage `degrade`: the test split of recordings that were made worse before extraction, where the parameters ask for any."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stages.entry import run

from pipeline import params
from pipeline.artifacts.aligned.degraded import write_degraded
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.degradation.conditions import DEGRADATIONS, Condition

if TYPE_CHECKING:
    from pipeline.degradation.features import Extractors, Ordinary

SEGMENTS = Path("data/manifest/segments.jsonl")
WORDS = Path("data/words/words.jsonl")
FEATURES: dict[Modality, Path] = {
    "text": Path("data/text"),
    "audio": Path("data/audio"),
    "visual": Path("data/visual"),
}
PREPROCESSING = Path("data/align/preprocessing.safetensors")
DEGRADED = Path("data/degraded")


def asked_for() -> list[Condition]:
    """Every condition that the parameters name, one level after the other."""
    settings = params.load(params.Degrade)
    return [
        Condition(degradation, level, settings.seed)
        for degradation in DEGRADATIONS
        for level in getattr(settings, degradation)
    ]


def load_extractors() -> "Extractors":
    """The extractors of the stages before; none for what the corpus brings."""
    from pipeline.degradation.features import Extractors
    from pipeline.extract.cached.audio import audio_extractor
    from pipeline.extract.cached.text import text_extractor
    from pipeline.extract.cached.visual import visual_extractor
    from pipeline.extract.cached.words import words_extractor
    from pipeline.extract.precomputed import is_precomputed
    from pipeline.extract.text.encoder import TextSettings
    from pipeline.extract.words.locate import WordSettings
    from pipeline.settled.facts import load_facts

    facts = load_facts()
    text, audio, visual = params.load(params.Text), params.load(params.Audio), params.load(params.Visual)

    def is_given(modality: Modality, name: str | None) -> bool:
        return is_precomputed(facts.precomputed(modality, name), layout=facts.layout)

    return Extractors(
        words=words_extractor(WordSettings(**params.load(params.Words).model_dump())),
        text=None
        if is_given("text", text.precomputed)
        else text_extractor(TextSettings(**text.model_dump(exclude={"precomputed"}))),
        audio=None if is_given("audio", audio.precomputed) else audio_extractor(audio.model_dump()),
        visual=None if is_given("visual", visual.precomputed) else visual_extractor(visual.model_dump()),
        hears_faces=visual.face == "speaking",
    )


def read_ordinary() -> "Ordinary":
    """The test split as the stages before left it."""
    from pipeline.artifacts.aligned.preprocessing import read_preprocessing
    from pipeline.artifacts.corpus.segments import read_segments
    from pipeline.artifacts.corpus.words import iterate_words
    from pipeline.artifacts.features.shards import read_sequences
    from pipeline.degradation.features import Ordinary

    both = zip(read_segments(SEGMENTS), iterate_words(WORDS), strict=True)
    segments, words = zip(*(pair for pair in both if pair[0].split == "test"), strict=True)
    return Ordinary(
        segments=segments,
        words=words,
        sequences={modality: read_sequences(path) for modality, path in FEATURES.items()},
        preprocessing=read_preprocessing(PREPROCESSING),
    )


def degrade(conditions: list[Condition]) -> Iterator[tuple[str, float, AlignedSplit]]:
    """The test split under every condition."""
    # Imported where something is asked for: without, this stage takes no time.
    from pipeline.degradation.features import degraded_split
    from pipeline.execution.preloading import preload

    extractors = load_extractors()
    extractors.check(conditions)
    # Before the first of many maps, whose workers are all forked from one process.
    preload(extractors.preloaded)
    ordinary = read_ordinary()
    for condition in conditions:
        yield condition.degradation, condition.level, degraded_split(ordinary, extractors, condition)


def main() -> None:
    """Extract and align the test recordings under every condition; nothing where none is asked for."""
    conditions = asked_for()
    write_degraded(DEGRADED, degrade(conditions) if conditions else [])


if __name__ == "__main__":
    run(main)
