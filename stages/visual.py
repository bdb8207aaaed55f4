"""Stage `visual`: the face in each segment to facial features."""

from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.extract.cached.visual import visual_extractor
from pipeline.settled.facts import load_facts
from stages.frames import write_features

SEGMENTS = Path("data/manifest/segments.jsonl")
FEATURES = Path("data/visual")


def main() -> None:
    """Extract every segment through the clip cache, or take the features that the corpus brings."""
    write_features(
        "visual",
        FEATURES,
        segments=SEGMENTS,
        folder=Path("data/raw") / params.load(params.Corpus).name,
        facts=load_facts(),
        settings=params.load(params.Visual).model_dump(),
        make_extractor=visual_extractor,
    )


if __name__ == "__main__":
    run(main)
