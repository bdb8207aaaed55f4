"""Pairs in the wrong order are looked for where labels share a scale, and each is counted once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.corpus.segments import Segment
from pipeline.inspector.comparable_labels import wrong_pairs

BARE = Segment(
    id="a", split="valid", label=0.0, speaker="", video="", language="en", text=None, media=None,
    media_sha256=None, has_audio=False, has_video=False, start_s=0.0, end_s=1.0,
)  # fmt: skip
# Label, prediction, owner and trust; few values, so that all of them tie.
ROWS = st.lists(
    st.tuples(
        st.integers(-2, 2).map(float), st.integers(-3, 3).map(float), st.sampled_from("abc"), st.booleans()
    ),
    max_size=14,
)


def made(rows) -> tuple[np.ndarray, np.ndarray, list[Segment]]:
    segments = [
        replace(BARE, id=str(n), label=label, speaker=owner, trusted=trusted)
        for n, (label, _, owner, trusted) in enumerate(rows)
    ]
    truth = np.array([segment.label for segment in segments], np.float64)
    return truth, np.array([row[1] for row in rows], np.float64), segments


@given(ROWS, st.integers(1, 20))
def test_the_pairs_of_an_owner_and_of_trusted_segments_are_those_of_a_double_loop(rows, at_most):
    truth, prediction, segments = made(rows)
    compared, wrong = 0, []
    for i, one in enumerate(segments):
        for j, other in enumerate(segments):
            if truth[i] > truth[j] and (one.speaker == other.speaker or (one.trusted and other.trusted)):
                compared += 1
                if prediction[i] < prediction[j]:
                    wrong.append((-(truth[i] - truth[j] + prediction[j] - prediction[i]), i, j))
    found, is_divided = wrong_pairs(truth, prediction, segments, within="speaker", at_most=at_most)
    assert is_divided == (compared > 0)
    if is_divided:
        assert (found.n_comparable, found.n_wrong) == (compared, len(wrong))
        assert (
            list(zip(found.above, found.below, strict=True))
            == [(i, j) for _, i, j in sorted(wrong)][:at_most]
        )


def test_each_rater_of_a_segment_puts_it_in_order_by_the_own_label():
    segments = [
        replace(BARE, id="a", label=0.0, ratings={"r": 1.0, "s": -1.0}),
        replace(BARE, id="b", label=0.5, ratings={"r": 0.0, "s": 1.0}),
        replace(BARE, id="c", label=9.0, rater="t"),
    ]
    truth = np.array([segment.label for segment in segments])
    found, _ = wrong_pairs(truth, np.array([1.0, 0.0, 0.0]), segments, within="rater", at_most=9)
    # The first rater has "a" above, as predicted; the second has "b" above; nobody has rated "c" beside another.
    assert (found.n_comparable, found.n_wrong) == (2, 1)
    assert (found.above.tolist(), found.below.tolist(), found.label_gap.tolist()) == ([1], [0], [2.0])


@pytest.mark.parametrize("within", ["any", "rater"])
def test_without_raters_all_pairs_are_compared(within):
    truth, prediction, segments = made(
        [(0.0, 1.0, "a", False), (1.0, 0.0, "b", False), (2.0, 2.0, "c", False)]
    )
    found, is_divided = wrong_pairs(truth, prediction, segments, within=within, at_most=9)
    assert not is_divided
    assert (found.n_comparable, found.n_wrong) == (3, 1)
