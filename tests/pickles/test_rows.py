"""Padding, absence and damage: which rows of a padded array a sample really has."""

import numpy as np
import pytest

from pipeline.pickles.layouts import GivenSplit
from pipeline.pickles.rows import GivenWindows


def given(text, audio=None, *, lengths=None, aligned=True) -> GivenSplit:
    text, audio = (
        np.asarray(values, np.float32)[..., None] for values in (text, text if audio is None else audio)
    )
    n = len(text)
    return GivenSplit(
        "train",
        tuple(map(str, range(n))),
        tuple(map(str, range(n))),
        (None,) * n,
        (0.0,) * n,
        (None,) * n,
        {"text": text, "audio": audio, "visual": text},
        {} if lengths is None else {"audio": np.array(lengths)},
        aligned,
    )


@pytest.mark.parametrize(
    ("rows", "side", "expected"),
    [
        ([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]], "right", [[1, 2, 3], [4]]),
        ([[0, 0, 1, 2, 3], [0, 0, 0, 0, 4]], "left", [[1, 2, 3], [4]]),
        ([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]], "right", [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]),
        ([[0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], "right", [[], [1]]),
        ([[0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], "left", [[], [1]]),
    ],
)
def test_rows_of_zeros_at_the_padded_side_are_padding(rows, side, expected):
    windows = GivenWindows(given(rows))
    assert windows.sides["text"] == side
    assert [windows.rows("text", sample).values[:, 0].tolist() for sample in range(2)] == expected
    assert [windows.length("text", sample) for sample in range(2)] == [len(row) for row in expected]


def test_zeros_within_and_at_the_other_side_stay_in_place_and_are_invalid():
    windows = GivenWindows(given([[0, 1, 0, 2, 0], [1, 1, 1, 0, 0]]))
    rows = windows.rows("text", 0)
    assert rows.values[:, 0].tolist() == [0, 1, 0, 2]
    assert rows.valid.tolist() == [False, True, False, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_stays_in_place_and_is_invalid(bad):
    audio = [[1, bad, 3, 0, 0], [1, 0, 0, 0, 0]]
    split = given([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    windows = GivenWindows(
        GivenSplit(**{**vars(split), "features": {**split.features, "audio": np.array(audio)[..., None]}})
    )
    rows = windows.rows("audio", 0)
    assert rows.values[:, 0].tolist() == [1, 0, 3]
    assert rows.valid.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("audio", "expected"),
    [([[1, 0, 0, 0, 0], [2, 2, 0, 0, 0]], [[1, 0, 0], [2, 2]]), ([[0, 0, 0, 0, 1], [0, 0, 0, 2, 2]], [[0, 0, 1], [2, 2]])],
)  # fmt: skip
def test_a_length_counts_from_the_side_that_is_not_padded(audio, expected):
    windows = GivenWindows(given([[1, 1, 1, 1, 1]] * 2, audio, lengths=[3, 2], aligned=False))
    assert [windows.rows("audio", sample).values[:, 0].tolist() for sample in range(2)] == expected


def test_aligned_modalities_share_the_window_that_any_of_them_has():
    windows = GivenWindows(given([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0]], [[0, 5, 5, 0, 0], [0, 0, 0, 0, 0]]))
    assert windows.rows("text", 0).valid.tolist() == [True, True, False]
    assert windows.rows("audio", 0).valid.tolist() == [False, True, True]
    assert windows.rows("audio", 1).valid.tolist() == [False, False, False]


def test_rows_are_counted_once_each():
    windows = GivenWindows(given([[1, 0, np.nan, 0, 0], [1, 1, 1, 1, 0]]))
    assert windows.counts("text") == {"rows": 10, "padding": 3, "zero": 1, "not_finite": 1}
