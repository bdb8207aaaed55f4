import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.apart import run_part
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.wheels import LOCK, NEEDED, missing, names_of

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_everything_is_rehearsed_on_a_cpu(tmp_path):
    out = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--small", "--out", str(out)]
    environment = os.environ | {"GRCF_WORKERS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True)
    found = json.loads(out.read_text())
    failures = {name: found[name] for name in PARTS if "failure" in found[name]}
    assert not failures
    assert found["rehearsal"] is True
    assert found["tests"]["skipped"] == found["tests"]["tests"] > 0
    assert all(row["kept"] for name, row in found["agreement"].items() if name != "seconds")
    assert len(found["finetuning"]["rows"]) == 10


def test_a_part_that_fails_is_written_down_and_costs_no_other():
    found = run_part("no such part", limit_s=120, arguments=["--device", "cpu", "--small"])
    assert found["failure"] == "ended with status 1"
    assert "KeyError" in found["printed"]


def test_a_part_that_hangs_is_ended():
    found = run_part("tests", limit_s=0.2, arguments=["--device", "cpu", "--small"])
    assert found["failure"] == "not done in 0 s"


def test_all_parts_together_take_less_than_eight_minutes():
    assert sum(limit_s for _, limit_s in PARTS.values()) < 480


def test_wheels_are_those_that_are_missing_in_the_versions_of_the_lock():
    lock = LOCK.read_text()
    everything = missing(set(), lock)
    assert len(everything) == len(NEEDED)
    assert not any(line.startswith(("torch==", "nvidia")) for line in everything)
    have = names_of("# there\nnumba==0.60\nPyYAML\nopencv_python_headless @ file:///x\n")
    assert {line.split("==")[0] for line in everything} - {
        line.split("==")[0] for line in missing(have, lock)
    } == {
        "numba",
        "PyYAML",
        "opencv-python-headless",
    }
