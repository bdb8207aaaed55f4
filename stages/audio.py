"""Stage `audio`: the sound of each segment to acoustic features."""

from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.extract.cached.audio import audio_extractor
from pipeline.settled.facts import load_facts
from stages.frames import write_features

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/audio")


def main() -> None:
    """Extract every segment through the clip cache, or take the features that the corpus brings."""
    write_features(
        "audio",
        FEATURES,
        segments=SEGMENTS,
        folder=Path("data/raw") / params.load(params.Corpus).name,
        facts=load_facts(),
        settings=params.load(params.Audio).model_dump(),
        make_extractor=audio_extractor,
    )


if __name__ == "__main__":
    run(main)
