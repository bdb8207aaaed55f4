"""A new installation is compiled by one process, however many start at once."""

import multiprocessing
import os
import shutil
import subprocess
import sys
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


READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && mount --bind "$HOME" "$HOME" && mount -o remount,ro,bind "$HOME" || exit 77
touch "$1/written" 2>/dev/null && exit 77
exec "$2" -c "
from pipeline.execution.compilation import compile_once
def warm_up():
    import tiny
    assert tiny.double(2) == 4
compile_once('tiny', warm_up)
"
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="mounts read-only in a namespace of its own")
def test_a_read_only_installation_and_home_are_no_hindrance(tmp_path):
    for name in ("home", "temporary", "packages"):
        (tmp_path / name).mkdir()
    (tmp_path / "packages" / "tiny.py").write_text(
        "import numba\n\n\n@numba.njit('int64(int64)', cache=True)\ndef double(number):\n    return 2 * number\n"
    )
    ended = subprocess.run(
        ["unshare", "--mount", "bash", "-c", READ_ONLY, "bash", str(tmp_path / "packages"), sys.executable],
        env={key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
        | {
            "HOME": str(tmp_path / "home"),
            "TMPDIR": str(tmp_path / "temporary"),
            "PYTHONPATH": f"{tmp_path / 'packages'}:.",
        },
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == 77 or "unshare failed" in ended.stderr:
        pytest.skip("no namespaces for mounts here")
    assert ended.returncode == 0, ended.stderr
    assert list((tmp_path / "temporary").glob("numba-of-user-*/*")), "numba did not use the folder"
