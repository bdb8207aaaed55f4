"""Stage `align`: three modalities onto one word axis, normalised on train."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.align.splits import (
    AlignedSegment,
    align_segment,
    assemble_split,
    coverage,
    describe_train,
    fit_normalisation,
    normalise,
)
from pipeline.artifacts.aligned import AlignedSplit, write_aligned
from pipeline.artifacts.coverage import write_coverage
from pipeline.artifacts.files import read_json
from pipeline.artifacts.preprocessing import Preprocessing, preprocessing_path, write_preprocessing
from pipeline.artifacts.rejections import read_rejections
from pipeline.artifacts.segments import SPLITS, Segment, Split, read_segments
from pipeline.artifacts.sequences import MODALITIES, Modality, read_sequences
from pipeline.artifacts.words import SegmentWords, read_words

SEGMENTS = Path("data/manifest/segments.jsonl")
REJECTED = Path("data/manifest/rejected.csv")
WORDS = Path("data/words/words.jsonl")
WORDS_FOUND_BY = Path("data/words/extractor.json")
FEATURES: dict[Modality, Path] = {
    "text": Path("data/text/features.safetensors"),
    "audio": Path("data/audio/features.safetensors"),
    "visual": Path("data/visual/features.safetensors"),
}
ALIGNED = Path("data/align")
COVERAGE = Path("reports/coverage.json")


def align_split(
    split: Split,
    segments: Sequence[Segment],
    spoken: Sequence[SegmentWords],
    columns: Mapping[Modality, tuple[str, ...]],
    align: Callable[[Segment, SegmentWords], AlignedSegment],
) -> AlignedSplit:
    """One split at a time: its segments are held twice while they are joined."""
    pairs = zip(segments, spoken, strict=True)
    chosen = [(segment, words) for segment, words in pairs if segment.split == split]
    return assemble_split(
        split,
        [segment for segment, _ in chosen],
        [align(segment, words) for segment, words in chosen],
        columns,
    )


def main() -> None:
    """Align every segment, fit the normalisation on train, and say how much each modality covers."""
    settings = params.load(params.Align)
    segments, spoken = read_segments(SEGMENTS), read_words(WORDS)
    sequences = {modality: read_sequences(FEATURES[modality]) for modality in MODALITIES}
    columns = {modality: sequences[modality].columns for modality in MODALITIES}
    align = partial(align_segment, sequences=sequences, **settings.model_dump())
    splits = [align_split(split, segments, spoken, columns, align) for split in SPLITS]
    normalisation = fit_normalisation(splits[0])
    language, train = describe_train(segments, spoken, splits[0])
    preprocessing = Preprocessing(
        language=language,
        words=read_json(WORDS_FOUND_BY),
        extractors={modality: sequences[modality].extractor for modality in MODALITIES},
        columns={modality: list(columns[modality]) for modality in MODALITIES},
        align=settings.model_dump(),
        train=train,
        normalisation=normalisation,
    )
    write_preprocessing(preprocessing_path(ALIGNED), preprocessing)
    n_rejected = len(read_rejections(REJECTED))
    write_coverage(
        COVERAGE,
        coverage(segments, spoken, sequences, splits, max_words=settings.max_words, n_rejected=n_rejected),
    )
    # What was extracted is the most of what is held, and writing holds each split three times.
    del sequences, align
    for split in splits:
        write_aligned(ALIGNED / f"{split.split}.safetensors", normalise(split, normalisation))


if __name__ == "__main__":
    run(main)
