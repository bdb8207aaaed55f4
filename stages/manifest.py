"""Stage `manifest`: one corpus to checked segments."""

from pathlib import Path, PurePosixPath

from stages.entry import run

from pipeline import params
from pipeline.artifacts.rejections import write_rejections
from pipeline.artifacts.segments import write_segments
from pipeline.corpus.inspection import inspect_all
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.manifest import build_manifest, check_table, media_files, say_repeated_recordings
from pipeline.corpus.splits import say_leaks, split_candidates

SEGMENTS = Path("data/manifest/segments.jsonl")
REJECTED = Path("data/manifest/rejected.csv")


def main() -> None:
    """Read the corpus's table, open every media file once, and write what the later stages may rely on."""
    corpus, settings = params.load(params.Corpus), params.load(params.Manifest)
    folder = PurePosixPath("data/raw") / corpus.name
    layout = LAYOUTS[corpus.layout]
    candidates = layout.read(Path(folder))
    check_table(
        candidates,
        label_min=corpus.label_min,
        label_max=corpus.label_max,
        binary=params.load(params.Task).kind == "binary",
    )
    splits = split_candidates(
        candidates,
        split=settings.split,
        valid_share=settings.valid_share,
        test_share=settings.test_share,
        split_seed=settings.split_seed,
        mixes=layout.mixes(settings.split),
    )
    say_leaks(candidates, splits, mixes=layout.mixes(settings.split))
    segments, rejections = build_manifest(
        candidates,
        splits,
        folder=folder,
        inspected=inspect_all(media_files(candidates), folder=Path(folder)),
        language=corpus.language,
        max_rejected_share=settings.max_rejected_share,
    )
    say_repeated_recordings(segments)
    write_segments(SEGMENTS, segments)
    write_rejections(REJECTED, rejections)


if __name__ == "__main__":
    run(main)
