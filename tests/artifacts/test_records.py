"""Each record refuses what the next stage could not use, and survives its file."""

import dataclasses

import numpy as np
import pytest

from pipeline.artifacts.corpus.rejections import Rejection, read_rejections, write_rejections
from pipeline.artifacts.corpus.segments import OWNERS, Segment, read_segments, write_segments
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords, Word, read_words, write_words
from pipeline.artifacts.evaluated.predictions import (
    SplitPredictions,
    predictions_from_csv,
    predictions_to_csv,
)
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.features.shards import read_sequences, write_sequences
from pipeline.artifacts.trained.checkpoint import Checkpoint, read_checkpoints, write_checkpoints
from pipeline.artifacts.trained.curves import read_curves, write_curves
from pipeline.errors import PipelineError

SEGMENT = Segment(
    id="a-1",
    split="train",
    label=1.2,
    speaker="s",
    video="v",
    language="en",
    text="naïve \u2028 “quoted”, text",
    media="data/raw/x/clips/a.mp4",
    media_sha256="0" * 64,
    has_audio=True,
    has_video=False,
    start_s=1.0,
    end_s=2.5,
    timed_words=(Word("naïve", 0.1, 0.4),),
)


def test_segments_survive_their_file(tmp_path):
    segments = [SEGMENT, dataclasses.replace(SEGMENT, id="b", text=None, media=None, timed_words=())]
    write_segments(tmp_path / "s.jsonl", segments)
    assert read_segments(tmp_path / "s.jsonl") == segments


def test_further_labels_survive_and_leave_no_trace_where_there_are_none(tmp_path):
    segments = [dataclasses.replace(SEGMENT, other_labels={"audio": -1.0}, label_spread=0.25), SEGMENT]
    write_segments(tmp_path / "s.jsonl", segments)
    assert read_segments(tmp_path / "s.jsonl") == segments
    first, second = (tmp_path / "s.jsonl").read_text(encoding="utf-8").split("\n")[:2]
    assert first.endswith('"other_labels": {"audio": -1.0}, "label_spread": 0.25}')
    assert "other_labels" not in second
    assert "label_spread" not in second


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": ""}, "empty id"),
        ({"split": "dev"}, "split 'dev' is none of train, valid, test"),
        ({"label": float("nan")}, "label nan is not a finite"),
        ({"other_labels": {"audio": float("inf")}}, "label inf is not a finite"),
        ({"label_spread": -0.1}, "spread of its labels is -0.1"),
        ({"end_s": 1.0}, "span 1.0–1.0 s is empty"),
        ({"start_s": -1.0}, "span -1.0–2.5 s"),
    ],
)
def test_a_segment_that_cannot_be_is_refused(change, sentence):
    # Around the shape checker, which would refuse the unknown split first.
    with pytest.raises(PipelineError, match=sentence):
        Segment.__post_init__(_unchecked(SEGMENT, change))


def _unchecked(segment, change):
    copy = object.__new__(type(segment))
    for field in dataclasses.fields(segment):
        object.__setattr__(copy, field.name, change.get(field.name, getattr(segment, field.name)))
    return copy


def test_rejections_survive_their_file(tmp_path):
    rows = [Rejection("a", "clips/a.mp4", 'a "quoted", reason\nin two lines')]
    write_rejections(tmp_path / "r.csv", rows)
    assert read_rejections(tmp_path / "r.csv") == rows


def test_words_survive_their_file(tmp_path):
    rows = [
        SegmentWords("a", "forced", (Word("it's", 0.1, 0.3), Word("fine", 0.3, 0.5))),
        SegmentWords("b", "none", ()),
    ]
    write_words(tmp_path / "w.jsonl", rows)
    assert read_words(tmp_path / "w.jsonl") == rows


@pytest.mark.parametrize("spans", [[(0.5, 0.2)], [(0.5, 0.6), (0.1, 0.2)], [(-0.5, 0.2)]])
def test_words_out_of_order_are_refused(spans):
    with pytest.raises(PipelineError, match="non-decreasing"):
        SegmentWords("a", "given", tuple(Word("w", *span) for span in spans))


def sequence(n: int, dim: int = 2, failure: str | None = None) -> FeatureSequence:
    return FeatureSequence(
        np.arange(n * dim, dtype=np.float32).reshape(n, dim),
        np.arange(n) * 0.1,
        np.arange(n) % 2 == 0,
        failure,
    )


def test_packed_sequences_survive_their_file_and_come_apart_again(tmp_path):
    parts = [sequence(3), FeatureSequence.empty(2, "no sound"), sequence(1)]
    packed = pack("audio", ["x", "y", "z"], parts, columns=["a", "b"], extractor={"settings": {"k": 1}})
    write_sequences(tmp_path / "f", packed)
    back = read_sequences(tmp_path / "f")
    for id_, part in zip(["x", "y", "z"], parts, strict=True):
        np.testing.assert_array_equal(back[id_].values, part.values)
        np.testing.assert_array_equal(back[id_].times_s, part.times_s)
        np.testing.assert_array_equal(back[id_].valid, part.valid)
        assert back[id_].failure == part.failure
    assert back.failures == {"y": "no sound"}


def test_quality_stands_beside_the_rows_where_some_segment_has_one(tmp_path):
    seen = dataclasses.replace(sequence(2), quality=np.array([0.5, 1.0], np.float32))
    packed = pack("visual", ["x", "y"], [seen, sequence(1)], columns=["a", "b"], extractor={})
    write_sequences(tmp_path / "f", packed)
    back = read_sequences(tmp_path / "f")
    assert (back["x"].quality.tolist(), back["y"].quality) == ([0.5, 1.0], None)
    assert FeatureSequence.from_bytes(seen.to_bytes()).quality.tolist() == [0.5, 1.0]
    assert pack("audio", ["y"], [sequence(1)], columns=["a", "b"], extractor={}).quality is None


def test_a_corpus_without_any_row_can_be_packed():
    packed = pack("visual", ["x"], [FeatureSequence.empty(4, "no video")], columns="abcd", extractor={})
    assert packed.values.shape == (0, 4)


def test_a_sequence_survives_the_clip_cache():
    part = sequence(3, failure="half of it")
    back = FeatureSequence.from_bytes(part.to_bytes())
    np.testing.assert_array_equal(back.values, part.values)
    assert back.failure == part.failure


def test_a_valid_row_has_to_be_finite_and_an_invalid_one_need_not():
    values = np.array([[np.nan], [1.0]], np.float32)
    FeatureSequence(values, np.zeros(2), np.array([False, True]))
    with pytest.raises(PipelineError, match="not finite"):
        FeatureSequence(values, np.zeros(2), np.array([True, True]))


def test_times_that_decrease_are_refused():
    with pytest.raises(PipelineError, match="decrease"):
        FeatureSequence(np.zeros((2, 1), np.float32), np.array([0.2, 0.1]), np.ones(2, bool))


def test_predictions_survive_their_table():
    split = SplitPredictions(
        "valid",
        ("001", "NA"),
        np.array([1.0, -2.0]),
        {"grcf": np.array([[0.5, 0.25], [1.5, 0.75]]), "median": np.zeros((1, 2))},
        {"grcf": (3, 11), "median": ()},
        speaker=("anna", "=1"),
        rater=("", "ada"),
    )
    back = predictions_from_csv(predictions_to_csv([split]), source="x")[0]
    assert (back.split, back.ids, back.seeds) == ("valid", ("001", "NA"), split.seeds)
    assert [back.names_of(owner) for owner in OWNERS] == [("", ""), ("anna", "=1"), ("", ""), ("", "ada")]
    for model in split.models:
        np.testing.assert_allclose(back.models[model], split.models[model])


def checkpoint(seed: int, stage="rank") -> Checkpoint:
    curve = [
        {
            "seed": seed,
            "epoch": e,
            "train_loss": 1.0 / e,
            "valid_ordered_pair_accuracy": 0.5,
            "valid_error": None,
        }
        for e in (1, 2)
    ]
    return Checkpoint(
        stage, "groupwise", True, seed, {}, {}, 1, curve, "identity", 0.0, {}, {"w": np.ones(2)}
    )


def test_curves_have_the_mean_first_and_a_column_a_seed(tmp_path):
    write_curves(tmp_path / "c.csv", [checkpoint(1), checkpoint(2)])
    assert (tmp_path / "c.csv").read_text().split("\n")[0].split(",") == [
        "epoch",
        "train_loss",
        "valid_ordered_pair_accuracy",
        "train_loss_seed_1",
        "train_loss_seed_2",
        "valid_ordered_pair_accuracy_seed_1",
        "valid_ordered_pair_accuracy_seed_2",
    ]
    curves = read_curves(tmp_path / "c.csv", stage="rank")
    assert curves.epochs.tolist() == [1, 2]
    assert curves.means["train_loss"].tolist() == [1.0, 0.5]
    assert {seed: row.tolist() for seed, row in curves.by_seed["train_loss"].items()} == {
        1: [1.0, 0.5],
        2: [1.0, 0.5],
    }


def test_checkpoints_come_back_by_seed_and_of_the_stage_asked_for(tmp_path):
    write_checkpoints(tmp_path, [checkpoint(10), checkpoint(9)])
    assert [c.seed for c in read_checkpoints(tmp_path, stage="rank")] == [9, 10]
    with pytest.raises(PipelineError, match="holds a checkpoint of rank, expected pointwise"):
        read_checkpoints(tmp_path, stage="pointwise")
    with pytest.raises(PipelineError, match="no checkpoint found"):
        read_checkpoints(tmp_path / "none", stage="rank")
