"""SLURM as the engine, on a cluster that this machine plays; skipped where Debian's packages for it are not installed."""

import os
import threading
import time
from pathlib import Path

import pytest

from benchmarks.slurm import Slurm, is_installed
from pipeline.errors import PipelineError
from tests.execution.engines.work import run, tries

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not is_installed(), reason="slurmctld, slurmd, slurm-client and munge are not installed"
    ),
]
pytest.importorskip("dask_jobqueue", reason="requirements-cluster.lock is not installed")


@pytest.fixture
def slurm(tmp_path_factory, monkeypatch, worker_id):
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    cluster = Slurm(tmp_path_factory.mktemp("slurm"), n_nodes=2, first_port=16817 + 10 * number)
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    settings = tmp_path_factory.mktemp("settings") / "cluster.yaml"
    settings.write_text(
        f"jobs: 2\ncores: 2\nmemory: 2GB\nwalltime: '00:10:00'\npartition: all\ninterface: lo\nshared_folder: {settings.parent}\n"
    )
    monkeypatch.setenv("GRCF_CLUSTER", str(settings))
    monkeypatch.setenv("GRCF_ENGINE", "slurm")
    yield cluster
    cluster.end()


def test_a_job_that_is_cancelled_is_replaced_and_nothing_is_lost(tmp_path: Path, slurm):
    found: list[list[bytes]] = []
    head = threading.Thread(target=lambda: found.append(run(tmp_path, 10, {4: "waits", 9: "waits"})))
    head.start()
    deadline_s = time.monotonic() + 120
    while not (tmp_path / "log/item-4").exists() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    first, *_ = slurm.jobs()
    slurm.cancel(first)
    (tmp_path / "log/go").touch()
    head.join(180)
    assert found == [[str(item).encode() for item in range(10)]]
    assert sum(tries(tmp_path, 10)) <= 12, "what was stored is not computed again"


def test_jobs_that_are_refused_end_the_run_with_the_reason(tmp_path: Path, slurm):
    settings = Path(os.environ["GRCF_CLUSTER"])
    kept = [line for line in settings.read_text().splitlines() if not line.startswith("partition")]
    settings.write_text("\n".join([*kept, "partition: nowhere\n"]))
    with pytest.raises(
        PipelineError, match=r"sbatch refused the jobs \(.*Invalid partition name.*GRCF_CLUSTER"
    ):
        run(tmp_path, 3, {})
