"""The benchmark of `compare`: what it measures is a comparison that a person could make."""

import subprocess
import sys

import pytest

from benchmarks.compare import ROOT, make_repository


@pytest.mark.parametrize("n_copies", [1, 3])
def test_its_repository_can_be_compared(tmp_path, n_copies):
    (name,) = make_repository(tmp_path, n_experiments=1, n_copies=n_copies)
    command = [sys.executable, "-m", "pipeline", "compare", "HEAD", name]
    finished = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert f"Paired over {32 * n_copies} segments and 5 seeds" in finished.stdout.replace("\n", " ")
    assert "was changed after the run" not in finished.stdout
