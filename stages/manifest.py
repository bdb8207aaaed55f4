"""Stage `manifest`: one corpus to checked segments."""

from pathlib import Path, PurePosixPath

from stages.entry import run

from pipeline import params
from pipeline.artifacts.corpus.rejections import write_rejections
from pipeline.artifacts.corpus.segments import SPLITS, write_segments
from pipeline.artifacts.corpus.task import write_task
from pipeline.corpus.inspection import inspect_all
from pipeline.corpus.labels import label_chosen, refuse_absent_classes
from pipeline.corpus.layouts import layout_of
from pipeline.corpus.manifest import build_manifest, check_table, media_files, say_repeated_recordings
from pipeline.corpus.names import say_alike_speakers
from pipeline.corpus.pool import mixes_of
from pipeline.corpus.splits import say_balance, say_leaks, split_candidates
from pipeline.settled.facts import load_facts

SEGMENTS = Path("data/manifest/segments.jsonl")
REJECTED = Path("data/manifest/rejected.csv")
TASK = Path("data/manifest/task.json")


def main() -> None:
    """Read the corpus's table, open every media file once, and write what the later stages may rely on."""
    corpus, settings = params.load(params.Corpus), params.load(params.Manifest)
    folder = PurePosixPath("data/raw") / corpus.name
    facts = load_facts()
    task = facts.task(corpus.label, source="params.yaml")
    candidates = label_chosen(layout_of(facts.layout).read(Path(folder)), task)
    check_table(candidates, task=task)
    mixes = mixes_of(facts, Path(folder), split=settings.split)
    splits = split_candidates(
        candidates,
        split=settings.split,
        valid_share=settings.valid_share,
        test_share=settings.test_share,
        split_seed=settings.split_seed,
        mixes=mixes,
    )
    say_leaks(candidates, splits, mixes=mixes)
    say_alike_speakers(candidates, splits)
    say_balance(candidates, splits)
    segments, rejections = build_manifest(
        candidates,
        splits,
        folder=folder,
        inspected=inspect_all(media_files(candidates), folder=Path(folder)),
        language=corpus.language or facts.language,
        max_rejected_share=settings.max_rejected_share,
    )
    refuse_absent_classes(
        {split: [segment.label for segment in segments if segment.split == split] for split in SPLITS}, task
    )
    say_repeated_recordings(segments)
    write_segments(SEGMENTS, segments)
    write_rejections(REJECTED, rejections)
    write_task(TASK, task)


if __name__ == "__main__":
    run(main)
