"""One word axis for three modalities, normalised on train and on nothing else."""

import dataclasses

import numpy as np
import pytest

from pipeline.align.splits import (
    CorpusCounts,
    align_segment,
    assemble_split,
    coverage,
    fit_normalisation,
    normalise,
    without_unlearnt,
)
from pipeline.artifacts.aligned.coverage import read_coverage, write_coverage
from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.artifacts.features.packed import pack
from pipeline.errors import PipelineError
from tests.segments import make_segment

COLUMNS = {"text": ("t0", "t1"), "audio": ("a0",), "visual": ("v0",)}


def segment(id_: str, split: str = "train") -> Segment:
    return make_segment(id=id_, split=split, label=0.4, has_audio=True, has_video=True)


def spoken(id_: str, n: int) -> SegmentWords:
    words = tuple(Word(f"w{k}", k * 0.5, k * 0.5 + 0.5) for k in range(n))
    return SegmentWords(id_, "given" if n else "none", words)


def sequences_of(sequences, id_):
    return {modality: packed[id_] for modality, packed in sequences.items()}


def counted(segments, words, sequences, *, max_words=50) -> CorpusCounts:
    counts = CorpusCounts(max_words=max_words)
    for row, found in zip(segments, words, strict=True):
        counts.add(row, found, sequences_of(sequences, row.id))
    return counts


def features(ids, n_words, *, visual_valid=True):
    text = [
        FeatureSequence(np.full((n, 2), 3.0, np.float32), np.arange(n) * 1.0, np.ones(n, bool))
        for n in n_words
    ]
    frames = np.arange(20) * 0.1
    audio = [FeatureSequence(frames[:, None].astype(np.float32), frames, np.ones(20, bool)) for _ in ids]
    visual = [FeatureSequence(np.ones((20, 1), np.float32), frames, np.full(20, visual_valid)) for _ in ids]
    return {
        modality: pack(modality, ids, rows, columns=COLUMNS[modality], extractor={})
        for modality, rows in (("text", text), ("audio", audio), ("visual", visual))
    }


def align(ids=("a",), n_words=(3,), max_words=50, **changes):
    sequences = features(list(ids), list(n_words), **changes)
    return [
        align_segment(
            segment(i), spoken(i, n), sequences_of(sequences, i), max_words=max_words, max_gap_s=0.1
        )
        for i, n in zip(ids, n_words, strict=True)
    ], sequences


def test_every_modality_has_a_row_a_word():
    (aligned,), _ = align()
    assert {m: len(v) for m, v in aligned.features.items()} == {"text": 3, "audio": 3, "visual": 3}
    assert aligned.features["audio"][:, 0].tolist() == pytest.approx([0.2, 0.7, 1.2])


def test_words_beyond_the_limit_are_cut_off():
    (aligned,), _ = align(max_words=2)
    assert all(len(mask) == 2 for mask in aligned.valid.values())


def test_a_segment_without_words_keeps_its_sound_and_its_face():
    (aligned,), _ = align(n_words=(0,))
    assert [bool(aligned.valid[m][0]) for m in ("text", "audio", "visual")] == [False, True, True]
    assert aligned.features["audio"][0, 0] == pytest.approx(0.95)


def test_no_face_is_invalid_and_not_zero_that_passes_for_data():
    (aligned,), _ = align(visual_valid=False)
    assert not aligned.valid["visual"].any()


def test_text_rows_that_do_not_match_the_words_are_refused():
    sequences = features(["a"], [3])
    with pytest.raises(PipelineError, match="3 rows of text features for 2 words"):
        align_segment(segment("a"), spoken("a", 2), sequences_of(sequences, "a"), max_words=50, max_gap_s=0.1)


def test_a_split_holds_its_own_segments_only():
    ids, n_words = ("a", "b", "c"), (1, 2, 3)
    rows, _ = align(ids, n_words)
    segments = [segment("a"), segment("b", "test"), segment("c")]
    train = assemble_split("train", segments, rows, COLUMNS)
    assert train.ids == ("a", "c")
    assert train.offsets.tolist() == [0, 1, 4]
    assert assemble_split("test", segments, rows, COLUMNS).ids == ("b",)


def test_normalisation_is_fitted_on_the_valid_words_of_train():
    rows, _ = align(("a",), (4,))
    train = assemble_split("train", [segment("a")], rows, COLUMNS)
    valid = dict(train.valid) | {"audio": np.array([True, True, False, False])}
    spoilt = dict(train.features) | {"audio": np.array([[1.0], [3.0], [99.0], [99.0]], np.float32)}
    train = dataclasses.replace(train, valid=valid, features=spoilt)
    scaler = fit_normalisation(train)
    assert (scaler.mean["audio"][0], scaler.std["audio"][0]) == (2.0, 1.0)
    scaled = normalise(train, scaler)
    assert scaled.features["audio"][:, 0].tolist() == [-1, 1, 0, 0]


def test_a_constant_feature_is_centred_and_not_blown_up():
    rows, _ = align()
    train = assemble_split("train", [segment("a")], rows, COLUMNS)
    scaled = normalise(train, fit_normalisation(train))
    assert np.abs(scaled.features["text"]).max() == 0


def test_what_train_lacks_counts_as_absent_everywhere(capsys):
    rows, _ = align(("a", "b"), (4, 2))
    segments = [segment("a"), segment("b", "test")]
    train, test = (assemble_split(split, segments, rows, COLUMNS) for split in ("train", "test"))
    assert without_unlearnt(test, fit_normalisation(train)) is test
    none = np.zeros(0, np.float32)
    assert Normalisation({"text": none}, {"text": none}).unlearnt == frozenset(), "sub-tokens have no columns"
    silent = dataclasses.replace(train, valid={**train.valid, "audio": np.zeros(4, bool)})
    found = without_unlearnt(test, fit_normalisation(silent))
    assert not found.valid["audio"].any()
    assert found.valid["text"].all()
    assert capsys.readouterr().err == (
        "audio: no segment of train has any, so no model can learn from it; it counts as absent in test\n"
    )


def test_coverage_counts_what_is_there():
    rows, sequences = align(("a", "b"), (2, 0), visual_valid=False)
    segments = [segment("a"), segment("b")]
    train = assemble_split("train", segments, rows, COLUMNS)
    counts = counted(segments, [spoken("a", 2), spoken("b", 0)], sequences, max_words=1)
    found = coverage(counts, sequences, [train], n_rejected=1)
    assert found.align_methods == {"given": 1, "none": 1}
    assert (found.words, found.words_cut_off, found.rejected) == (2, 1, 1)
    visual = next(row for row in found.modalities if row.modality == "visual")
    assert (visual.valid_words, visual.segments_without, visual.valid_rows) == (0, 1, 0)
    text = next(row for row in found.modalities if row.modality == "text")
    assert text.segments_without == 0.5
    assert found.notes is None


def test_coverage_repeats_what_extractors_noted(tmp_path):
    rows, sequences = align(("a", "b"), (2, 2))
    noted = {"b": ("22 of 50 pictures could not be decoded",)}
    sequences["visual"] = dataclasses.replace(sequences["visual"], notes=noted)
    segments = [segment("a"), segment("b")]
    train = assemble_split("train", segments, rows, COLUMNS)

    counts = counted(segments, [spoken("a", 2), spoken("b", 2)], sequences)
    found = coverage(counts, sequences, [train], n_rejected=0)
    write_coverage(tmp_path / "coverage.json", found)

    assert found.notes == {"visual": noted}
    assert read_coverage(tmp_path / "coverage.json") == found


def test_one_picture_a_second_reaches_every_short_word():
    times_s = np.arange(3) * 1.0
    slow = FeatureSequence(times_s[:, None].astype(np.float32), times_s, np.ones(3, bool))
    sequences = features(["a"], [15])
    sequences["visual"] = pack("visual", ["a"], [slow], columns=COLUMNS["visual"], extractor={})
    words = tuple(Word(f"w{k}", k * 0.2, k * 0.2 + 0.1) for k in range(15))

    found = align_segment(
        segment("a"),
        SegmentWords("a", "given", words),
        sequences_of(sequences, "a"),
        max_words=50,
        max_gap_s=0.1,
    )

    assert found.valid["visual"].all()
