"""Jobs that SLURM refuses, some or all: sbatch and scancel are scripts here, whose jobs are processes of this machine."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.execution.engines.clusters import ended_quietly
from tests.execution.engines.work import run

LIMIT = "QOSMaxSubmitJobPerUserLimit"
# The first `taken` calls but `passing` start a job; mkdir counts them, whatever the order in which they come.
SBATCH = """#!/bin/bash
folder={folder}
n=1; until mkdir $folder/call-$n 2>/dev/null; do n=$((n + 1)); done
if [ $n -le {passing} ]; then
  echo "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)" >&2; exit 1
fi
if [ $n -gt $(({passing} + {taken})) ]; then
  echo "sbatch: error: {limit}" >&2
  echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy" >&2; exit 1
fi
cp "${{@: -1}}" $folder/job-$n
setsid bash $folder/job-$n >$folder/log-$n 2>&1 </dev/null &
echo $! >$folder/pid-$n
echo "Submitted batch job $n"
"""
SCANCEL = """#!/bin/bash
touch {folder}/cancelled-$1
kill -- -$(cat {folder}/pid-$1)
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="requirements-cluster.lock is not installed")
    folder = tmp_path / "slurm"
    folder.mkdir()
    settings = folder / "cluster.yaml"
    settings.write_text(f"jobs: 4\nmemory: 1GB\ninterface: lo\nshared_folder: {folder}\n")
    monkeypatch.setenv("GRCF_CLUSTER", str(settings))
    monkeypatch.setenv("GRCF_ENGINE", "slurm")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def takes(taken: int, *, passing: int = 0) -> Path:
        texts = {
            "sbatch": SBATCH.format(folder=folder, taken=taken, passing=passing, limit=LIMIT),
            "scancel": SCANCEL.format(folder=folder),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return folder

    return takes


def cancelled(folder: Path) -> set[str]:
    return {path.name.removeprefix("cancelled-") for path in folder.glob("cancelled-*")}


def test_a_run_goes_on_with_the_jobs_that_were_taken(tmp_path, slurm, capfd, caplog):
    folder = slurm(2)
    assert run(tmp_path, 10) == [str(item).encode() for item in range(10)]
    said = capfd.readouterr().err
    assert said.count("sbatch refused 2 of 4 jobs") == 1
    assert f"({LIMIT}; Batch job submission failed: Job violates accounting/QOS policy)" in said
    assert "AssertionError" not in said + caplog.text
    assert "did not end" not in said
    assert len(list(folder.glob("call-*"))) == 4, "no job is asked for again and again"
    assert cancelled(folder) == {"1", "2"}


def test_a_run_of_whose_jobs_all_are_refused_ends_with_the_reason(tmp_path, slurm, capfd, caplog):
    slurm(0)
    with pytest.raises(PipelineError, match=rf"sbatch refused the jobs \({LIMIT}; .*GRCF_CLUSTER"):
        run(tmp_path, 3)
    said = capfd.readouterr().err
    assert "no worker is left" not in said
    assert "AssertionError" not in said + caplog.text
    assert "did not end" not in said


def test_an_error_of_the_run_is_its_error_where_jobs_were_refused(tmp_path, slurm, capfd, caplog):
    folder = slurm(2)
    with pytest.raises(ValueError, match="item 1"):
        run(tmp_path, 3, {1: "raises"})
    assert "AssertionError" not in capfd.readouterr().err + caplog.text
    assert cancelled(folder) == {"1", "2"}


def test_a_job_is_submitted_again_where_the_controller_did_not_answer(tmp_path, slurm, monkeypatch):
    folder = slurm(4, passing=4)
    monkeypatch.setattr("pipeline.execution.engines.slurm_jobs._NEXT_ATTEMPT_S", 0.5)
    assert run(tmp_path, 3) == [b"0", b"1", b"2"]
    assert not (folder / "call-9").exists()


@contextmanager
def ends_badly():
    yield "cluster"
    raise AssertionError("Status.running")


def test_what_the_end_of_a_cluster_raises_is_a_line_and_no_error(capsys):
    with ended_quietly(ends_badly(), "slurm") as cluster:
        assert cluster == "cluster"
    assert "did not end as it should (AssertionError: Status.running)" in capsys.readouterr().err


def test_what_the_end_of_a_cluster_raises_takes_the_place_of_no_error(capsys):
    with pytest.raises(PipelineError, match="why"), ended_quietly(ends_badly(), "slurm"):
        raise PipelineError("why")
    assert "Status.running" in capsys.readouterr().err
