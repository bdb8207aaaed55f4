"""A file of spooled rows has the bytes that the same rows in memory would give, and leaves nothing else behind."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts.formats.files import map_tensors, tensors_to_bytes, write_whole_file
from pipeline.artifacts.sharding.spooled import Spool, spooling, tensor_file
from pipeline.errors import PipelineError

FULL = Path("/dev/full")
HEADER = {"ids": ['a"b', "ü\n\x1f\x7f\u2028/\\", "😀"], "nested": {"b": 1.5, "a": None}}


def write_tensors(path, tensors, **about):
    write_whole_file(
        path, lambda file: [file.write(content) for content in tensor_file(path, tensors, **about)]
    )


def arrays(n_rows):
    rng = np.random.default_rng(n_rows)
    return {
        "values": rng.standard_normal((n_rows, 3)).astype(np.float32),
        "half": rng.standard_normal((n_rows, 1)).astype(np.float16),
        "times_s": rng.random(n_rows),
        "offsets": np.arange(n_rows + 1),
        "valid": rng.random(n_rows) < 0.5,
        "tokens": np.arange(n_rows, dtype=np.int32),
        "pairs": rng.random((n_rows, 2)),
        "none": np.zeros((n_rows, 0), np.float32),
        "bytes": np.arange(n_rows, dtype=np.uint8),
    }


@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_the_bytes_are_those_of_the_same_arrays_in_memory(tmp_path, n_rows):
    path, given = tmp_path / "file", arrays(n_rows)
    with spooling(path) as spools:
        spooled = {}
        for name in ("values", "times_s", "valid", "pairs", "none"):
            spooled[name] = spools.new(given[name].dtype, given[name].shape[1:])
            for first in range(0, n_rows, 2):
                spooled[name].append(given[name][first : first + 2])
        write_tensors(path, given | spooled, kind="k", version=3, header=HEADER)
    assert path.read_bytes() == tensors_to_bytes(given, kind="k", version=3, header=HEADER)
    assert list(tmp_path.iterdir()) == [path]
    tensors, _ = map_tensors(path, kind="k", version=3)
    assert {name: rows.tolist() for name, rows in tensors.items()} == {
        n: r.tolist() for n, r in given.items()
    }


def test_blocks_are_the_rows_in_order(tmp_path):
    rows = np.arange(14, dtype=np.float32).reshape(7, 2)
    with spooling(tmp_path / "file") as spools:
        spool = spools.new(np.float32, (2,))
        spool.append(rows[:3])
        spool.append(rows[3:])
        blocks = list(spool.blocks(3))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert np.array_equal(np.concatenate(blocks), rows)


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="rows of shape"), spooling(tmp_path / "file") as spools:
        spools.new(np.float32, (2,)).append(np.zeros((1, 3), np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_a_sentence():
    with FULL.open("wb", buffering=0) as file:
        spool = Spool(FULL, np.dtype(np.float64), (), file)
        with pytest.raises(PipelineError, match=r"full: could not be written \(No space left"):
            spool.append(np.zeros(10))


def test_more_names_than_a_file_holds_are_a_sentence(tmp_path):
    with pytest.raises(PipelineError, match="101 MB, and a file holds 100 MB"):
        write_tensors(tmp_path / "file", {}, kind="k", version=1, header={"ids": ["x" * 101_000_000]})
    assert list(tmp_path.iterdir()) == []


def test_what_is_mapped_writable_never_changes_the_file(tmp_path):
    path = tmp_path / "file"
    write_tensors(path, arrays(3), kind="k", version=1, header={})
    before = path.read_bytes()
    tensors, _ = map_tensors(path, kind="k", version=1, writable=True)
    tensors["values"][:] = 0
    assert not tensors["values"].any()
    assert path.read_bytes() == before
