import pickle
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.execution.engines.agent import Refused, answers, compute, to_frame
from pipeline.execution.engines.pieces import LONGEST_PIECE_S, MOST_ITEMS, cut
from pipeline.execution.engines.surroundings import Surroundings
from pipeline.execution.pool import Done
from pipeline.execution.scheduling import Affinity

HERE = Surroundings("3.11.7", "x86_64 avx2", (("numpy", "2.4.0"), ("torch", "2.13.0")), "a" * 64)


def pieces_of(lengths: dict[str, list[float]], *, n_slots: int = 1):
    items = [
        (name, position, length) for name, found in lengths.items() for position, length in enumerate(found)
    ]
    found = cut(
        len,
        dict(enumerate(items)),
        limit_s=None,
        describe=str,
        affinity=lambda item: Affinity(item[0], float(item[1]), item[2]),
        surroundings=HERE,
        n_slots=n_slots,
    )
    return items, found


@given(
    st.dictionaries(
        st.text("abc", min_size=1), st.lists(st.floats(0.1, 400.0), min_size=1, max_size=100), max_size=5
    ),
    st.integers(1, 100),
)
def test_pieces_hold_every_item_once_with_neighbours_in_order(lengths, n_slots):
    items, pieces = pieces_of(lengths, n_slots=n_slots)
    assert sorted(key for piece in pieces for key in piece.keys) == list(range(len(items)))
    for piece in pieces:
        of = [items[key] for key in piece.keys]
        for _, group in groupby(of, key=lambda item: item[0]):
            positions = [position for _, position, _ in group]
            assert positions == list(range(positions[0], positions[0] + len(positions)))
        assert len(of) <= MOST_ITEMS
        share_s = max(60.0, sum(map(sum, lengths.values())) / (4 * n_slots))
        assert len(of) == 1 or sum(length for _, _, length in of) <= min(share_s, LONGEST_PIECE_S) * (
            1 + 1e-9
        )
    sums = [sum(items[key][2] for key in piece.keys) for piece in pieces]
    assert sums == pytest.approx(sorted(sums, reverse=True))


def test_short_recordings_share_pieces_of_which_there_are_some_for_each_slot():
    lengths = {f"film {number}": [3.0] for number in range(1000)}
    few, many = (pieces_of(lengths, n_slots=n_slots)[1] for n_slots in (1, 8))
    assert [len(piece.keys) for piece in few] == [100] * 10, "300 s each"
    assert [len(piece.keys) for piece in many] == [31] * 32 + [8], "a quarter of an eighth of 3,000 s"


def test_a_long_recording_is_cut_so_that_no_slot_waits():
    _, pieces = pieces_of({"film": [3.0] * 1000}, n_slots=8)
    assert [len(piece.keys) for piece in pieces] == [31] * 32 + [8]


def test_items_without_an_affinity_travel_alone():
    pieces = cut(
        len, {5: "a", 7: "bb"}, limit_s=None, describe=str, affinity=None, surroundings=HERE, n_slots=1
    )
    assert [piece.keys for piece in pieces] == [(5,), (7,)]


def test_a_piece_can_be_taken_apart():
    _, (piece,) = pieces_of({"film": [1.0, 2.0]})
    first, second = piece.alone()
    assert (first.keys, second.keys) == ((0,), (1,))
    assert pickle.loads(second.items)[1].item == ("film", 1, 2.0)


def test_a_frame_that_was_cut_short_is_no_answer():
    whole = to_frame(pickle.dumps((1, Done(b"a"))))
    assert list(answers(whole + whole[:-1])) == [(1, Done(b"a"))]
    assert list(answers(whole + whole[:3])) == [(1, Done(b"a"))]


@pytest.mark.parametrize(
    ("other", "clause"),
    [
        (Surroundings("3.12.1", HERE.processor, HERE.libraries, HERE.source), "its python is 3.12.1, and here it is 3.11.7"),
        (Surroundings(HERE.python, HERE.processor, HERE.libraries, "b" * 64), "its source is bbbbbbbbbbbb, and here it is aaaaaaaaaaaa"),
        (
            Surroundings(HERE.python, HERE.processor, (("numpy", "2.4.0"), ("torch", "absent")), HERE.source),
            "its torch is absent, and here it is 2.13.0",
        ),
        (HERE, None),
    ],
)  # fmt: skip
def test_what_differs_first_is_named(other, clause):
    assert HERE.difference(other) == clause


def test_an_agent_elsewhere_unpickles_nothing():
    _, (piece,) = pieces_of({"film": [1.0]})
    # What cannot be unpickled would raise: the surroundings are looked at before.
    spoilt = type(piece)(b"no pickle", b"no pickle", piece.keys, HERE)
    (answer,) = compute(spoilt)
    assert isinstance(answer, Refused)
