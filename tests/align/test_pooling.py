"""Frames come onto the words during which they were seen, and nothing else does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.align.pooling import pool_onto_words, reach_s
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import Word


def frames(times, values=None, valid=None) -> FeatureSequence:
    times = np.asarray(times, np.float64)
    values = np.asarray(times if values is None else values, np.float32).reshape(len(times), 1)
    return FeatureSequence(values, times, np.ones(len(times), bool) if valid is None else np.asarray(valid))


def test_a_word_gets_the_mean_of_its_frames():
    pooled, valid = pool_onto_words(
        frames([0.0, 0.1, 0.2, 0.3]), [Word("a", 0.0, 0.2), Word("b", 0.2, 0.4)], max_gap_s=0.0
    )
    assert pooled[:, 0].tolist() == pytest.approx([0.05, 0.25])
    assert valid.all()


def test_invalid_frames_do_not_count():
    pooled, valid = pool_onto_words(
        frames([0.0, 0.1], values=[9.0, 1.0], valid=[False, True]), [Word("a", 0.0, 0.2)], max_gap_s=0.0
    )
    assert pooled[0, 0] == 1.0
    assert valid.all()


def test_a_word_with_only_invalid_frames_is_invalid_even_if_a_valid_one_is_near():
    pooled, valid = pool_onto_words(
        frames([0.05, 0.15], valid=[False, True]), [Word("a", 0.0, 0.1)], max_gap_s=1.0
    )
    assert not valid[0]
    assert pooled[0, 0] == 0


def test_a_word_between_two_frames_takes_the_nearer_one_within_the_gap():
    sequence = frames([0.0, 0.1])
    near, valid = pool_onto_words(sequence, [Word("a", 0.06, 0.08)], max_gap_s=0.05)
    assert near[0, 0] == pytest.approx(0.1)
    assert valid[0]
    _, valid = pool_onto_words(sequence, [Word("a", 0.04, 0.06)], max_gap_s=0.01)
    assert not valid[0]


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 2.0])
def test_rare_rows_stand_for_the_words_until_the_next_one(rate_hz):
    sequence = frames(np.arange(4) / rate_hz)
    words = [Word(str(i), i / 10, i / 10 + 0.05) for i in range(round(40 / rate_hz))]

    pooled, valid = pool_onto_words(sequence, words, max_gap_s=reach_s(sequence, max_gap_s=0.1))

    assert valid.all()
    assert set(np.unique(pooled)) == set(np.float32(sequence.times_s))


def test_a_gap_in_frequent_rows_stays_one():
    sequence = frames([0.0, 0.1, 0.2, 1.2, 1.3, 1.4])

    assert reach_s(sequence, max_gap_s=0.1) == 0.1


def test_one_row_alone_tells_no_rate():
    assert reach_s(frames([0.5]), max_gap_s=0.1) == 0.1


def test_without_frames_all_words_are_invalid():
    pooled, valid = pool_onto_words(
        FeatureSequence.empty(3, "no sound"), [Word("a", 0.0, 1.0)], max_gap_s=1.0
    )
    assert pooled.shape == (1, 3)
    assert not valid.any()


spans = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2)), min_size=1, max_size=8)


@settings(max_examples=60)
@given(
    times=st.lists(st.floats(0, 6), max_size=30).map(sorted),
    words=spans,
    mask=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_equals_the_definition_frame_by_frame(times, words, mask):
    sequence = frames(times or [], values=np.cos(times), valid=np.array(mask[: len(times)], bool))
    spoken = [Word("w", start, start + length) for start, length in sorted(words)]
    pooled, valid = pool_onto_words(sequence, spoken, max_gap_s=-1.0)
    for word, row, is_valid in zip(spoken, pooled, valid, strict=True):
        within = [
            value[0]
            for time, value, seen in zip(sequence.times_s, sequence.values, sequence.valid, strict=True)
            if seen and word.start_s <= time < word.end_s
        ]
        assert is_valid == bool(within)
        assert row[0] == pytest.approx(np.mean(within) if within else 0, abs=1e-6)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([("good", 0.0, 0.85), ("film", 1.15, 2.0)], [1.0, 1.0]),
        ([("a", 0.0, 0.5), ("very", 0.5, 0.9), ("good", 0.9, 1.4), ("film", 1.4, 2.0)], [1.0, 1.0, 1.0, 1.0]),
        ([("short", 1.0, 1.0)], [1.0]),
    ],
)
def test_a_row_that_covers_the_segment_belongs_to_every_word(words, expected):
    row = FeatureSequence(
        np.ones((1, 1), np.float32), np.array([1.0]), np.array([True]), spans_s=np.array([[0.0, 2.0]])
    )
    pooled, valid = pool_onto_words(row, [Word(*word) for word in words], max_gap_s=0.1)
    assert valid.all()
    assert pooled[:, 0].tolist() == expected


def test_rows_with_spans_are_shared_out_by_what_they_overlap():
    rows = FeatureSequence(
        np.array([[1.0], [3.0], [9.0]], np.float32),
        np.array([0.5, 1.5, 2.5]),
        np.array([True, True, False]),
        spans_s=np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]),
    )
    words = [Word("one", 0.0, 1.0), Word("both", 0.5, 1.5), Word("unseen", 2.0, 3.0), Word("far", 4.0, 5.0)]
    pooled, valid = pool_onto_words(rows, words, max_gap_s=0.1)
    assert valid.tolist() == [True, True, False, False]
    assert pooled[:, 0].tolist() == [1.0, 2.0, 0.0, 0.0]
