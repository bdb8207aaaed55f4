"""Workers start from a process that has imported their libraries, with one thread, whatever becomes of an import."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CODE = """
import multiprocessing.forkserver, os, sys
from pathlib import Path
from pipeline.execution.pool import run_in_workers
from pipeline.execution.preloading import preload
from tests.execution.preloaded_state import state

preload(sys.argv[1:])
((_, outcome),) = run_in_workers(state, {0: sys.argv[1]}, n_workers=1, limit_s=None, describe=str)
server = multiprocessing.forkserver._forkserver._forkserver_pid
print(outcome.result, len(os.listdir(f"/proc/{server}/task")), os.environ.get("GRCF_PRELOADED"))
"""


def run(*modules: str, path: Path = ROOT) -> str:
    return subprocess.run(
        [sys.executable, "-c", CODE, *modules],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{path}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize(
    "module",
    [
        "pipeline.grcf.rank",
        "pipeline.grcf.calibrate",
        "scipy.optimize",
        "pipeline.extract.audio.loaded",
        "pipeline.extract.visual.mesh_graph",
    ],
)
def test_a_worker_finds_the_module_loaded_and_the_process_it_comes_from_has_one_thread(module):
    assert run(module) == "(True, True) 1 None\n"


def test_a_module_that_cannot_be_imported_stops_no_worker(tmp_path):
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('broken')\n")
    assert run("broken_module", path=tmp_path).startswith("(False, True)")


def test_a_module_whose_import_kills_its_process_stops_no_worker(tmp_path):
    (tmp_path / "deadly_module.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert run("deadly_module", path=tmp_path).startswith("(False, True)")
