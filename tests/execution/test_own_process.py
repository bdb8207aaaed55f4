"""What crashes or fills the memory while a file of others is read ends a process of its own, and is answered by a sentence."""

import ctypes
import os
from pathlib import Path

import pytest

from pipeline.corpus import csd
from pipeline.errors import PipelineError
from pipeline.execution.executor import map_guarded
from pipeline.execution.own_process import read_in_own_process
from tests.corpus.replicas import write_csd

MEMORY_BYTES = 1 << 28


def read(path: Path) -> str:
    return f"{path.read_text()} {os.getpid()}"


def crash(path: Path) -> None:
    ctypes.string_at(0)


def fill_memory(path: Path) -> int:
    return len(bytearray(4 * MEMORY_BYTES))


def refuse(path: Path) -> None:
    raise PipelineError(f"{path}: is no good")


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").write_text("content")
    return tmp_path / "file"


def test_a_file_is_read_by_another_process(file):
    content, pid = read_in_own_process(read, file, memory_bytes=MEMORY_BYTES).split()
    assert content == "content"
    assert int(pid) != os.getpid()


@pytest.mark.parametrize(
    ("reader", "sentence"),
    [
        (crash, "its worker process died of SIGSEGV"),
        (fill_memory, "it needed more memory than there was"),
        (refuse, "is no good"),
    ],
)
def test_what_goes_wrong_is_a_sentence_that_names_the_file(file, reader, sentence):
    with pytest.raises(PipelineError) as raised:
        read_in_own_process(reader, file, memory_bytes=MEMORY_BYTES)
    assert str(raised.value).startswith(f"{file}: {sentence}")


def read_in_a_worker(path: Path) -> str:
    return read_in_own_process(read, path, memory_bytes=MEMORY_BYTES)


def test_a_worker_reads_by_itself(file):
    (found,) = map_guarded(
        read_in_a_worker,
        [file],
        title="t",
        unit="file",
        limit_s=lambda path: 60.0,
        on_loss=lambda path, why: why,
    )
    assert found.startswith("content ")


def test_a_computational_sequence_that_crashes_its_library_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(csd, "_sequences", crash)
    write_csd(tmp_path / "a.csd", "a", {"v": ([[0.0, 1.0]], [[1.0]])})
    with pytest.raises(
        PipelineError, match=r"a\.csd: its worker process died of SIGSEGV .*: fetch it again$"
    ):
        csd.read_csd(tmp_path / "a.csd")
