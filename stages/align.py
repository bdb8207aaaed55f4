"""Stage `align`: three modalities onto one word axis, and the scaler that is fitted on train."""

from pathlib import Path

from stages.entry import run

from pipeline import params
from pipeline.align.drafts import SplitDraft
from pipeline.align.splits import (
    CorpusCounts,
    align_segment,
    coverage,
    describe_train,
    fit_normalisation,
    without_unlearnt,
)
from pipeline.artifacts.aligned.coverage import write_coverage
from pipeline.artifacts.aligned.preprocessing import Preprocessing, preprocessing_path, write_preprocessing
from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.corpus.rejections import read_rejections
from pipeline.artifacts.corpus.segments import SPLITS, iterate_segments
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.words import iterate_words
from pipeline.artifacts.features.extraction import read_modalities
from pipeline.artifacts.formats.files import read_json
from pipeline.artifacts.sharding.spooled import spooling

SEGMENTS = Path("data/manifest/segments.jsonl")
REJECTED = Path("data/manifest/rejected.csv")
WORDS = Path("data/words/words.jsonl")
WORDS_FOUND_BY = Path("data/words/extractor.json")
FEATURES: dict[Modality, Path] = {
    "text": Path("data/text"),
    "audio": Path("data/audio"),
    "visual": Path("data/visual"),
}
ALIGNED = Path("data/align")
COVERAGE = Path("reports/coverage.json")


def main() -> None:
    """Align every segment, fit the normalisation on train, and say how much each modality covers."""
    settings = params.load(params.Align)
    counts = CorpusCounts(max_words=settings.max_words)
    sequences = read_modalities(FEATURES)
    columns = {modality: sequences[modality].columns for modality in MODALITIES}
    with spooling(ALIGNED / "rows") as spools:
        drafts = {split: SplitDraft(split, columns, spools) for split in SPLITS}
        in_order = zip(iterate_segments(SEGMENTS), iterate_words(WORDS), strict=True)
        for segment, words in in_order:
            rows = {modality: sequences[modality][segment.id] for modality in MODALITIES}
            counts.add(segment, words, rows)
            aligned = align_segment(segment, words, rows, **settings.model_dump())
            drafts[segment.split].append(segment, aligned)
        finished = {split: draft.finish() for split, draft in drafts.items()}
        normalisation = fit_normalisation(finished["train"])
        splits = {name: without_unlearnt(split, normalisation) for name, split in finished.items()}
        language, train = describe_train(counts, splits["train"])
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
        found = coverage(
            counts,
            sequences,
            list(splits.values()),
            n_rejected=len(read_rejections(REJECTED)),
        )
        write_coverage(COVERAGE, found)
        for split in SPLITS:
            write_aligned(ALIGNED / split, splits[split], normalisation=normalisation)
            # What a split was before it was a folder: nobody reads it any more, and it is as large as the corpus.
            (ALIGNED / f"{split}.safetensors").unlink(missing_ok=True)


if __name__ == "__main__":
    run(main)
