"""Dask as the engine: the same results, and the faults of machines that must cost no more than their own item."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from pipeline.artifacts.formats.files import sha256_of
from pipeline.corpus.inspection import inspect_all
from pipeline.errors import PipelineError
from pipeline.execution.engines import agent, launch, on_dask, pieces
from pipeline.execution.engines.choice import chosen_engine, on_this_machine
from pipeline.execution.engines.on_dask import _Run
from pipeline.execution.engines.surroundings import Surroundings
from pipeline.execution.pool import Done
from pipeline.extract.cached.audio import audio_extractor
from pipeline.yaml12 import read_yaml
from tests.execution.engines.work import run, tries
from tests.media.recordings import numbered_pictures, write_recording
from tests.segments import make_segment

pytestmark = pytest.mark.slow
pytest.importorskip("distributed", reason="requirements-cluster.lock is not installed")

EXPECTED = [str(item).encode() for item in range(10)]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(condition, what: str) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come to pass within a minute")


class Cluster:
    """A scheduler and workers as a site would start them, on this machine."""

    def __init__(self) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2]
        )
        self.workers = [self.add_worker() for _ in range(2)]

    def add_worker(self) -> subprocess.Popen:
        return self._start("dask_worker", self.address, "--nthreads", "1", "--no-nanny")

    def _start(self, program: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
        return subprocess.Popen(
            [*command, "--dashboard-address", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"},
        )

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(monkeypatch):
    found = Cluster()
    monkeypatch.setenv("GRCF_ENGINE", found.address)
    yield found
    found.end()


def test_results_come_in_order_and_only_loopback_listens(tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_ENGINE", "local:2")
    assert run(tmp_path, 10) == EXPECTED
    assert tries(tmp_path, 10) == [1] * 10
    assert run(tmp_path, 10) == EXPECTED
    assert tries(tmp_path, 10) == [1] * 10, "a second run finds everything in the cache"


def test_a_corpus_is_inspected_there_in_few_pieces_and_with_the_same_outcome(tmp_path, monkeypatch, cluster):
    for number in range(70):
        write_recording(tmp_path / f"{number}.mp4", pictures=numbered_pictures([0.0, 0.1 + number / 1000]))
    (tmp_path / "70.mp4").write_bytes(b"no recording")
    names = [f"{number}.mp4" for number in range(72)]
    launched = tmp_path / "launched"
    monkeypatch.setattr(_Run, "_submit", noting(_Run._submit, launched))
    found = inspect_all(names, folder=tmp_path)
    assert launched.read_text() == "72\n"
    assert ["not found" in (found[name].reason or "") for name in names] == [False] * 71 + [True]
    monkeypatch.delenv("GRCF_ENGINE")
    assert found == inspect_all(names, folder=tmp_path)


def agents_of(cluster: Cluster) -> list[psutil.Process]:
    return [
        process
        for worker in cluster.workers
        for process in psutil.Process(worker.pid).children()
        if "pipeline.execution.engines.agent" in process.cmdline()
    ]


def test_agents_take_one_piece_after_the_other_and_end_with_their_run(tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(pieces, "MOST_ITEMS", 5)
    launched = tmp_path / "launched"
    monkeypatch.setattr(_Run, "_submit", noting(_Run._submit, launched))
    expected = [str(item).encode() for item in range(40)]
    assert run(tmp_path, 40) == expected
    assert launched.read_text() == "5\n" * 8
    processes = set((tmp_path / "log/forked-from").read_text().split())
    assert 1 <= len(processes) <= 2, "one for each slot"
    assert not agents_of(cluster)
    assert run(tmp_path / "again", 5) == expected[:5]
    assert processes.isdisjoint((tmp_path / "again/log/forked-from").read_text().split())


def test_an_interrupted_run_leaves_no_agent_at_work(tmp_path, cluster):
    process = head(tmp_path, "10", "8")
    wait_for(lambda: agents_of(cluster), "an agent")
    wait_for(lambda: stored(tmp_path) >= 3, "three stored results")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    wait_for(lambda: not agents_of(cluster), "the end of the agents")


def test_an_agent_that_has_rested_too_long_ends_and_another_takes_its_place(tmp_path, monkeypatch):
    impatient = tmp_path / "python"
    code = "from pipeline.execution.engines import agent; agent._LONGEST_REST_S = 0.2; agent.main()"
    impatient.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}"\n')
    impatient.chmod(0o755)
    worker = SimpleNamespace()
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    (piece,) = pieces.cut(
        str, {0: 7}, limit_s=None, describe=str, affinity=None, surroundings=Surroundings.here(), n_slots=1
    )
    order = {
        "run": "run",
        "python": str(impatient),
        "folder": str(Path.cwd()),
        "environment": {},
        "piece": agent.to_frame(pickle.dumps(piece)),
    }
    found = [launch.run_piece(order)]
    time.sleep(1.0)
    found.append(launch.run_piece(order))
    assert [(status, list(agent.answers(frames))) for status, frames in found] == [(0, [(0, Done("7"))])] * 2
    launch.end_agents("run", worker)


def noting(submit, path: Path):
    """`_Run._submit`, with the number of items of each piece written down."""

    def noted(self, piece):
        with path.open("a") as file:
            file.write(f"{len(piece.keys)}\n")
        submit(self, piece)

    return noted


def test_every_fault_of_an_item_costs_that_item_alone(tmp_path, cluster):
    listening = [
        connection.laddr.ip
        for process in (cluster.scheduler, *cluster.workers)
        for connection in psutil.Process(process.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    found = run(tmp_path, 10, {3: "dies", 7: "hangs"}, limit_s=4.0)
    assert (
        found[3]
        == b"lost: number 3: its worker process died of SIGKILL (out of memory, or a crash in a library), twice"
    )
    assert found[7] == b"lost: number 7: took longer than 4 s and was stopped"
    assert [found[item] for item in range(10) if item not in (3, 7)] == [
        EXPECTED[item] for item in range(10) if item not in (3, 7)
    ]
    assert set(listening) <= {"127.0.0.1"}


def test_an_error_is_raised_as_itself_and_what_was_done_is_kept(tmp_path, cluster):
    with pytest.raises(ValueError, match="item 4") as caught:
        run(tmp_path, 5, {4: "raises"})
    assert "in compute" in str(caught.value.__cause__), "the traceback of the process that raised it"
    assert run(tmp_path, 5) == EXPECTED[:5]
    assert tries(tmp_path, 5) == [1, 1, 1, 1, 2]


def test_a_worker_that_dies_is_replaced_by_the_others(tmp_path, cluster):
    assert run(tmp_path, 10, {2: "takes its node with it"}) == EXPECTED
    assert sum(worker.poll() is not None for worker in cluster.workers) == 1
    begun = tries(tmp_path, 10)
    assert begun[2] == 2
    assert begun[5:] == [1] * 5, "the other recording was not touched"


def test_without_any_worker_a_run_says_so_and_ends_in_time(tmp_path, monkeypatch, cluster, capsys):
    monkeypatch.setattr(on_dask, "_WAIT_FOR_WORKERS_S", 3.0)
    cluster.workers.pop().kill()
    with pytest.raises(PipelineError, match="no worker has joined within 3 s, what was done is kept"):
        run(tmp_path, 10, {2: "takes its node with it"})
    assert "no worker is left; the run waits 3 s for one" in capsys.readouterr().err
    cluster.workers.append(cluster.add_worker())
    assert run(tmp_path, 10) == EXPECTED
    assert tries(tmp_path, 2) == [1, 1]


def test_who_takes_the_place_of_a_dead_agent_takes_its_gpu(tmp_path, monkeypatch):
    named = tmp_path / "python"
    named.write_text('#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES" >> gpus\nexit 3\n')
    named.chmod(0o755)
    worker = SimpleNamespace(grcf_agents={"run all": [SimpleNamespace(gpu="5"), SimpleNamespace(gpu="7")]})
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6,7")
    order = {"run": "run", "python": str(named), "folder": str(tmp_path), "environment": {}, "piece": b""}
    assert [launch.run_piece(order), launch.run_piece(order)] == [(3, b"")] * 2
    assert (tmp_path / "gpus").read_text() == "6\n6\n"


def head(folder: Path, *arguments: str, cwd: Path | None = None) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.execution.engines.work", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def stored(folder: Path) -> int:
    return len([path for path in (folder / "cache").glob("*/*") if not path.name.endswith(".tmp")])


def test_without_its_scheduler_a_run_ends_with_a_sentence_and_goes_on_at_another(
    tmp_path, cluster, monkeypatch
):
    process = head(tmp_path, "10", "8")
    wait_for(lambda: stored(tmp_path) >= 3, "three stored results")
    cluster.scheduler.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "the scheduler is gone; what was done is kept" in errors
    (tmp_path / "log/go").touch()
    other = Cluster()
    monkeypatch.setenv("GRCF_ENGINE", other.address)
    try:
        assert run(tmp_path, 10) == EXPECTED
    finally:
        other.end()
    assert tries(tmp_path, 3) == [1, 1, 1]


def test_a_killed_head_loses_nothing_that_was_stored(tmp_path, cluster):
    process = head(tmp_path, "10", "8")
    wait_for(lambda: stored(tmp_path) >= 3, "three stored results")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (tmp_path / "log/go").touch()
    assert run(tmp_path, 10) == EXPECTED
    assert tries(tmp_path, 3) == [1, 1, 1]


def test_two_runs_with_other_code_share_a_cluster(tmp_path, cluster):
    copy = tmp_path / "copy"
    for name in ("pipeline", "stages", "plugins", "tests"):
        subprocess.run(
            ["cp", "-r", name, f"{copy}/"] if copy.mkdir(exist_ok=True) is None else [], check=True
        )
    subprocess.run(["cp", "requirements.lock", f"{copy}/"], check=True)
    work = copy / "tests/execution/engines/work.py"
    work.write_text(work.read_text().replace("return str(item).encode()", 'return f"other {item}".encode()'))
    ours, theirs = head(tmp_path / "ours", "5"), head(tmp_path / "theirs", "5", cwd=copy)
    assert ours.communicate(timeout=120)[0].split() == ["0", "1", "2", "3", "4"]
    assert theirs.communicate(timeout=120)[0].split() == [
        "other",
        "0",
        "other",
        "1",
        "other",
        "2",
        "other",
        "3",
        "other",
        "4",
    ]


def test_a_machine_of_another_kind_is_refused(tmp_path, cluster, monkeypatch):
    other = replace(Surroundings.here(), processor="x86_64 avx2")
    monkeypatch.setattr(Surroundings, "here", lambda: other)
    with pytest.raises(
        PipelineError,
        match=r"a machine of the cluster is not like this one: its processor is .*, and here it is",
    ):
        run(tmp_path, 2)
    assert stored(tmp_path) == 0


def test_entries_of_the_cache_have_the_same_names_and_bytes_under_either_engine(
    tmp_path, cluster, monkeypatch
):
    settings = read_yaml(Path("params.yaml"))["audio"]
    clips = [f"data/raw/demo/clips/s01_0{number}.mp4" for number in (1, 2)]
    segments = [
        make_segment(id=clip, media=clip, media_sha256=sha256_of(Path(clip)), has_audio=True)
        for clip in clips
    ]
    contents = {}
    for engine in ("", cluster.address):
        monkeypatch.setenv("GRCF_ENGINE", engine)
        monkeypatch.setenv("GRCF_CACHE", str(tmp_path / (engine.rpartition(":")[2] or "pool")))
        audio_extractor(settings).map(segments)
        folder = Path(os.environ["GRCF_CACHE"])
        contents[engine] = {
            path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }
    assert [path.suffix for path in contents[""]] == [".pack"]
    assert contents[""] == contents[cluster.address]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ("ray", "expected local:N, slurm, tls://host:port or tcp://host:port"),
        ("local:0", "expected local:N"),
        ("tls://127.0.0.1:1", "name tls_ca, tls_certificate and tls_key"),
    ],
)
def test_a_name_that_means_nothing_is_a_sentence(tmp_path, monkeypatch, chosen, sentence):
    monkeypatch.setenv("GRCF_ENGINE", chosen)
    monkeypatch.delenv("GRCF_CLUSTER", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(PipelineError, match=sentence):
        run(tmp_path, 1)


def test_nothing_is_needed_where_no_engine_is_named(monkeypatch):
    monkeypatch.delenv("GRCF_ENGINE", raising=False)
    assert chosen_engine() is on_this_machine
