"""Files are whole or absent, finite, and the same bytes for the same content."""

import errno
import fcntl
import json
import subprocess
import sys

import numpy as np
import pytest

from pipeline.artifacts.formats.files import (
    finite,
    map_tensors,
    read_json,
    read_json_lines,
    read_tensors,
    remove_abandoned,
    tensors_to_bytes,
    write_bytes,
    write_json,
    write_whole_file,
)
from pipeline.errors import PipelineError


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PipelineError, match=r"a\.txt: could not be written \(No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from pipeline.artifacts.formats.files import write_whole_file

write_whole_file(Path(sys.argv[1]), lambda file: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_what_a_killed_process_was_writing_goes_and_what_a_living_one_writes_stays(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, tmp_path / "killed"], check=False)
    (left,) = tmp_path.iterdir()
    (tmp_path / ".of another tool.tmp").touch()

    def write(file):
        assert remove_abandoned(tmp_path) == 1
        assert not left.exists()
        file.write(b"whole")

    write_whole_file(tmp_path / "living", write)
    assert {path.name for path in tmp_path.iterdir()} == {".of another tool.tmp", "living"}
    assert (tmp_path / "living").read_bytes() == b"whole"


def test_a_file_taken_for_abandoned_before_it_was_locked_is_begun_anew(tmp_path, monkeypatch):
    lock, n_swept = fcntl.flock, []

    def swept_first(file, how):
        if not n_swept:
            n_swept.append(None)
            assert remove_abandoned(tmp_path) == 1
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    write_bytes(tmp_path / "a", b"whole")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"whole"]


def test_where_a_file_system_has_no_locks_nothing_is_taken_for_abandoned(tmp_path, monkeypatch):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)

    def write(file):
        assert remove_abandoned(tmp_path) == 0
        file.write(b"whole")

    write_whole_file(tmp_path / "a", write)
    assert (tmp_path / "a").read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["a" * 255, "情" * 85])
def test_the_longest_name_that_a_file_may_have_is_written(tmp_path, name):
    write_bytes(tmp_path / name, b"content")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_a_number_that_is_not_finite_is_refused_by_its_place(tmp_path, value):
    with pytest.raises(PipelineError, match=r"/a/1: (nan|inf) is not finite"):
        write_json(tmp_path / "x.json", {"a": [1.0, value]})
    assert not (tmp_path / "x.json").exists()


def test_json_is_rounded_sorted_and_without_negative_zero(tmp_path):
    write_json(tmp_path / "x.json", {"b": 0.12345678, "a": -0.0})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 0.0, "b": 0.123457}
    assert (tmp_path / "x.json").read_text().index('"a"') < (tmp_path / "x.json").read_text().index('"b"')
    assert "-0.0" not in (tmp_path / "x.json").read_text()


def test_numpy_numbers_become_plain_ones():
    assert finite({"n": np.int64(3), "x": np.float64(0.5)}) == {"n": 3, "x": 0.5}


def test_a_missing_or_broken_json_is_a_sentence(tmp_path):
    with pytest.raises(PipelineError, match="not found; run `dvc repro`"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(PipelineError, match="not JSON"):
        read_json(tmp_path / "x.json")


def test_lines_end_with_a_line_feed_alone(tmp_path):
    (tmp_path / "x").write_bytes('"a\u2028b\x85c"\n"d"\n'.encode())
    assert read_json_lines(tmp_path / "x", str, stage="words") == ["a\u2028b\x85c", "d"]


@pytest.mark.parametrize("read", [read_tensors, map_tensors])
def test_tensors_keep_shape_dtype_and_value(tmp_path, read):
    tensors = {
        "a": np.array(2.5),
        "b": np.zeros((0, 3), np.float32),
        "c": np.array([True, False, True]),
        "d": np.arange(6).reshape(2, 3),
        "e": np.arange(3, dtype=np.uint8),
        "f": np.ones((2, 2), np.float32),
        "g": np.arange(5, dtype=np.int32),
        "h": np.arange(3, dtype=np.float16),
    }
    (tmp_path / "f").write_bytes(tensors_to_bytes(tensors, kind="x", version=1, header={"h": "é"}))
    back, header = read(tmp_path / "f", kind="x", version=1)
    assert header["h"] == "é"
    assert back.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(back[name], value)
        assert (back[name].dtype, back[name].shape) == (value.dtype, value.shape)


def test_tensor_bytes_are_the_same_in_another_process():
    code = (
        "import numpy as np, hashlib; from pipeline.artifacts.formats.files import tensors_to_bytes;"
        "b = tensors_to_bytes({k: np.arange(9.) for k in 'zyxwv'}, kind='k', version=1, header={c: c for c in 'hgfed'});"
        "print(hashlib.sha256(b).hexdigest())"
    )
    digests = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    }
    assert len(digests) == 1


def test_mapped_tensors_cannot_be_written_to(tmp_path):
    (tmp_path / "f").write_bytes(tensors_to_bytes({"a": np.arange(3.0)}, kind="x", version=1, header={}))
    tensors, _ = map_tensors(tmp_path / "f", kind="x", version=1)
    with pytest.raises(ValueError, match="read-only"):
        tensors["a"][0] = 1


@pytest.mark.parametrize("read", [read_tensors, map_tensors])
@pytest.mark.parametrize("cut", [0, 4, 20, -1])
def test_a_half_written_tensor_file_is_never_read_as_whole(tmp_path, cut, read):
    whole = tensors_to_bytes({"a": np.arange(100.0)}, kind="x", version=1, header={})
    (tmp_path / "f").write_bytes(whole[:cut])
    with pytest.raises(PipelineError, match="not a whole x file"):
        read(tmp_path / "f", kind="x", version=1)


@pytest.mark.parametrize("read", [read_tensors, map_tensors])
def test_a_missing_tensor_file_says_how_to_make_it(tmp_path, read):
    with pytest.raises(PipelineError, match="not found; run `dvc repro`"):
        read(tmp_path / "f", kind="x", version=1)


@pytest.mark.parametrize("read", [read_tensors, map_tensors])
def test_another_version_is_refused_with_both_named(tmp_path, read):
    (tmp_path / "f").write_bytes(tensors_to_bytes({}, kind="x", version=2, header={}))
    with pytest.raises(
        PipelineError, match="holds x version 2, and this code reads version 1, an older one; update the code"
    ):
        read(tmp_path / "f", kind="x", version=1)
