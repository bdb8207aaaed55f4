"""A new installation is compiled by one process, however many start at once."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from pipeline.execution.compilation import compile_once


def warm_up() -> None:
    log = Path(os.environ["COMPILATION_LOG"])
    inside = log / f"inside-{os.getpid()}"
    inside.touch()
    time.sleep(0.2)
    (log / f"seen-{len(list(log.glob('inside-*')))}-{os.getpid()}").touch()
    inside.unlink()


def start(temporary: str) -> None:
    os.environ["TMPDIR"] = temporary
    compile_once("librosa", warm_up)


def test_processes_that_start_at_once_compile_once(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPILATION_LOG", str(tmp_path / "log"))
    (tmp_path / "log").mkdir()
    (tmp_path / "marks").mkdir()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=start, args=(str(tmp_path / "marks"),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    (seen,) = (path.name for path in (tmp_path / "log").iterdir())
    assert seen.startswith("seen-1-")


def test_a_failed_compilation_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    calls = []

    def failing() -> None:
        calls.append("failing")
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError):
        compile_once("librosa", failing)
    compile_once("librosa", lambda: calls.append("working"))
    compile_once("librosa", lambda: calls.append("not needed"))
    assert calls == ["failing", "working"]
