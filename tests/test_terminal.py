"""Streams that a shell closed, and Ctrl-C before a program could catch it."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.terminal import INTERRUPTED_SENTENCE

ROOT = Path(__file__).parent.parent


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    python_path = ":".join([environment.pop("before", str(folder)), str(ROOT)])
    return subprocess.run(
        ["bash", "-c", command, "bash", sys.executable],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": python_path} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def run_answering_ctrl_c(module: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a stage or a command that finds its imports in the folder first."""
    # A shell that runs without a terminal makes its children ignore the signal.
    return run(
        "exec $1 -c 'import signal, runpy, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f'sys.argv = "{module}".split(); sys.path.insert(0, "{folder}"); '
        f'runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)\'',
        folder,
    )


@pytest.mark.parametrize("command", ["results", "cache", "check demo", "compare HEAD workspace", "--help"])
def test_a_command_whose_output_is_closed_says_so(command, tmp_path):
    ended = run(f"$1 -m pipeline {command} >&-", tmp_path)
    assert ended.returncode == 1
    assert (
        ended.stderr
        == "standard output is closed, so nothing could be shown; send it to a file or to /dev/null\n"
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_number_of_a_closed_stream(closed, tmp_path):
    program = (
        "from pipeline.terminal import prepare_streams; import os, sys; prepare_streams(); "
        "file = open('opened', 'w'); print('to stdout'); print('to stderr', file=sys.stderr); sys.stdin.read(); "
        "os.system('echo from a child; echo from a child >&2'); file.write(str(file.fileno()))"
    )
    ended = run(f'$1 -c "{program}" {closed}', tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert int((tmp_path / "opened").read_text()) > 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_a_stage_runs_with_closed_streams(closed, tmp_path):
    ended = run(f"$1 -m stages.report {closed}", tmp_path)
    assert ended.returncode == 1
    assert "not found" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("module", "imported"),
    [("stages.rank", "numpy"), ("stages.audio", "numpy"), ("pipeline compare HEAD workspace", "numpy")],
)
def test_ctrl_c_while_modules_are_imported_is_no_traceback(module, imported, tmp_path):
    (tmp_path / f"{imported}.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = run_answering_ctrl_c(module, tmp_path)
    assert ended.returncode == 130
    assert ended.stderr.strip() == INTERRUPTED_SENTENCE


@pytest.mark.parametrize("module", ["stages.rank", "pipeline compare HEAD workspace"])
def test_ctrl_c_that_an_import_swallows_ends_the_program_all_the_same(module, tmp_path):
    (tmp_path / "numpy.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    import time; time.sleep(1)\n"
        "except KeyboardInterrupt:\n    pass\nos._exit(7)\n"
    )
    ended = run_answering_ctrl_c(module, tmp_path)
    assert ended.returncode == 130
    assert ended.stderr.strip() == INTERRUPTED_SENTENCE


def test_a_name_that_is_no_utf_8_or_would_move_a_terminal_is_written_out(tmp_path):
    ended = run(r"$1 -m pipeline predict a.mp4 --model $'caf\xe9\x1b[2J'", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(r"caf\udce9\x1b[2J: no such folder")
    assert len(ended.stderr.splitlines()) == 1
    with pytest.raises(PipelineError) as raised:
        raise PipelineError("a\x1b[2J\u202eb.mp4: not found")
    assert str(raised.value) == "a\\x1b[2J\\u202eb.mp4: not found"
    assert pickle.loads(pickle.dumps(raised.value)).args == raised.value.args
