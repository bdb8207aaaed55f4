import threading

import numpy as np
import pytest
import torch

from pipeline.extract.batches import add_masked_row, map_batches, padded_length


def read_lengths(windows, length):
    return [(window, length, len(windows)) for window in windows]


def batched(windows, read=read_lengths, device="cpu"):
    return map_batches(
        windows,
        read,
        length_of=lambda window: padded_length(window, (4, 8), longest=10),
        n_rows=lambda length: 16 // length,
        device=device,
    )


@pytest.mark.parametrize(("length", "padded"), [(1, 4), (4, 4), (5, 8), (9, 10), (10, 10)])
def test_a_length_is_padded_to_the_next_one(length, padded):
    assert padded_length(length, (4, 8), longest=10) == padded


def test_lengths_beyond_the_longest_are_left_out():
    assert padded_length(5, (4, 8, 16), longest=6) == 6


def test_every_window_is_read_once_in_a_batch_of_its_length():
    lengths = np.random.default_rng(0).integers(1, 11, 100).tolist()
    found = dict(batched(enumerate(lengths)))
    assert sorted(found) == list(range(100))
    for key, (window, padded, n_rows) in found.items():
        assert window == lengths[key]
        assert padded == padded_length(window, (4, 8), longest=10)
        assert n_rows == 16 // padded


def test_windows_are_taken_no_further_ahead_than_batches_are_read(monkeypatch):
    monkeypatch.setenv("GRCF_WORKERS", "1")
    taken = 0

    def windows():
        nonlocal taken
        for key in range(1000):
            taken += 1
            yield key, 4

    reading = batched(windows())
    next(reading)
    assert taken <= 4 * 4
    reading.close()


def test_an_error_of_a_reader_comes_through():
    def fail(windows, length):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(batched([(0, 1)], fail))


def test_operations_have_one_thread_and_torch_keeps_its_own_afterwards():
    before = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
    seen = []
    try:
        torch.set_num_threads(2)
        list(batched([(0, 1)], lambda windows, _: seen.append(torch.get_num_threads()) or windows))
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before[0])
    assert torch.backends.cudnn.allow_tf32 == before[1]


def test_a_gpu_has_one_reader(monkeypatch):
    monkeypatch.setenv("GRCF_WORKERS", "4")
    readers = set()
    list(
        batched(
            ((i, 4) for i in range(64)),
            lambda windows, _: readers.add(threading.get_ident()) or windows,
            "cuda",
        )
    )
    assert len(readers) == 1


@pytest.mark.parametrize("n_attended", [1, 5])
def test_a_batch_gets_a_row_that_is_not_full(n_attended):
    attended = np.zeros((2, 5), np.int64)
    attended[:, :n_attended] = 1
    given = add_masked_row({"input_ids": np.arange(10).reshape(2, 5), "attention_mask": attended})
    assert given["input_ids"].tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [0, 1, 2, 3, 4]]
    assert given["attention_mask"][:2].tolist() == attended.tolist()
    assert 1 <= given["attention_mask"][2].sum() < 5
