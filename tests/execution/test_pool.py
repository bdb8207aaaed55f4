"""A worker that dies or hangs costs its own item one more try, or a sentence, and the others nothing."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.executor import map_cached, map_guarded
from pipeline.execution.pool import Done, run_in_workers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


def work(
    item: int, *, log: Path, kill: tuple[int, ...] = (), n_kills: int = 1, **other: tuple[int, ...]
) -> bytes:
    with (log / str(item)).open("a") as file:
        file.write(f"{os.getpid()}\n")
    if item in kill and len(pids(log, item)) <= n_kills:
        os.kill(os.getpid(), signal.SIGKILL)
    if item in other.get("end", ()):
        os.kill(os.getpid(), signal.SIGRTMIN + 6)
    if item in other.get("crash", ()):
        ctypes.string_at(0)
    if item in other.get("hang", ()):
        time.sleep(600)
    if item in other.get("starve", ()):
        raise MemoryError
    if item in other.get("leave", ()):
        os._exit(3)
    return b"%d" % item * 200_000  # more than a pipe holds


def say(item: int) -> int:
    print(f"python says {item}", flush=True)
    os.write(1, b"a library says so\n")
    return item


def answer() -> None:
    """A program whose workers print."""
    done = map_guarded(
        say,
        range(2),
        title="numbers",
        unit="number",
        limit_s=lambda item: 600.0,
        describe=str,
        on_loss=lambda item, sentence: -1,
    )
    print(list(done))


def test_what_a_worker_prints_is_no_part_of_the_answer():
    program = "from tests.execution.test_pool import answer; answer()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[0, 1]\n"
    assert done.stderr.count("a library says so") == done.stderr.count("python says") == 2


def pids(log: Path, item: int) -> list[int]:
    return [int(line) for line in (log / str(item)).read_text().split()]


def run(
    tmp_path: Path,
    *,
    n_items: int = 6,
    n_workers: int = 2,
    limit_s: float = 600.0,
    lossless: bool = False,
    **behaviour,
):
    (tmp_path / "log").mkdir(exist_ok=True)
    return list(map_cached(
        partial(work, log=tmp_path / "log", **behaviour),
        range(n_items),
        keys=[cache_key(item=item) for item in range(n_items)],
        cache=ResultCache(tmp_path / "cache"),
        encode=bytes,
        decode=bytes,
        title="numbers",
        unit="number",
        n_workers=n_workers,
        limit_s=lambda item: limit_s,
        describe=lambda item: f"number {item}",
        on_loss=None if lossless else lambda item, sentence: sentence.encode(),
    ))  # fmt: skip


def tries(tmp_path: Path, n_items: int = 6) -> list[int]:
    return [len(pids(tmp_path / "log", item)) for item in range(n_items)]


def heads(results: list[bytes]) -> list[bytes]:
    return [result[:1] for result in results]


def n_entries(tmp_path: Path) -> int:
    return sum(path.is_file() for path in (tmp_path / "cache").rglob("*"))


@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_killed_worker_costs_its_item_one_try_and_the_others_none(tmp_path, capfd, n_workers):
    results = run(tmp_path, n_workers=n_workers, kill=(2,))

    assert heads(results) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert tries(tmp_path) == [1, 1, 2, 1, 1, 1]
    assert "number 2: its worker process died of SIGKILL" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ({"kill": (2,), "n_kills": 2}, "number 2: its worker process died of SIGKILL"),
        ({"crash": (2,)}, "number 2: its worker process died of SIGSEGV"),
        pytest.param(
            {"end": (2,)},
            "number 2: its worker process died of signal",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no signals of real time"),
        ),
        ({"leave": (2,)}, "number 2: its worker process ended with status 3, twice"),
        ({"starve": (2,)}, "number 2: it needed more memory than there was, twice"),
    ],
)
def test_what_dies_twice_is_lost_and_the_others_are_not(tmp_path, behaviour, sentence):
    results = run(tmp_path, **behaviour)

    assert results[2].decode().startswith(sentence)
    assert heads(results[:2] + results[3:]) == [b"0", b"1", b"3", b"4", b"5"]
    assert tries(tmp_path) == [1, 1, 2, 1, 1, 1]


def test_a_loss_is_not_stored_so_the_next_run_tries_again(tmp_path):
    run(tmp_path, kill=(2,), n_kills=2)
    assert n_entries(tmp_path) == 5

    assert heads(run(tmp_path, kill=(2,), n_kills=2)) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert tries(tmp_path) == [1, 1, 3, 1, 1, 1]


def test_where_nothing_can_stand_for_a_loss_the_run_ends_when_the_others_are_done(tmp_path):
    with pytest.raises(
        PipelineError, match=r"numbers: 1 of 6 could not be done, the first of them number 2: "
    ):
        run(tmp_path, kill=(2,), n_kills=2, lossless=True)
    assert n_entries(tmp_path) == 5


def test_what_hangs_is_stopped_and_the_others_go_on(tmp_path):
    results = run(tmp_path, hang=(0, 3), limit_s=2.0)

    assert results[0] == b"number 0: took longer than 2 s and was stopped"
    assert results[3] == b"number 3: took longer than 2 s and was stopped"
    assert tries(tmp_path) == [1, 1, 1, 1, 1, 1], "what hung once is not waited for again"
    for item in (0, 3):
        with pytest.raises(ProcessLookupError):
            os.kill(pids(tmp_path / "log", item)[0], 0)


def fail(item: int) -> None:
    raise KeyError(f"a bug at {item}")


def test_a_bug_in_a_worker_is_raised_with_its_traceback():
    with pytest.raises(KeyError, match="a bug at 0") as raised:
        map_guarded(
            fail, [0], title="t", unit="item", limit_s=lambda item: 60.0, on_loss=lambda item, sentence: None
        )
    assert "in fail" in str(raised.value.__cause__)


def idle_or_kill_the_idle(item: int, *, log: Path) -> int:
    (log / f"{item}-{os.getpid()}").touch()
    if item == 0:
        return 0
    (idle,) = (int(path.name.split("-")[1]) for path in log.glob("0-*"))
    if idle != os.getpid():
        os.kill(idle, signal.SIGKILL)
    time.sleep(1)
    return item


def test_a_worker_that_is_killed_while_it_waits_costs_nothing(tmp_path, capfd):
    outcomes = map_guarded(
        partial(idle_or_kill_the_idle, log=tmp_path),
        [0, 1],
        title="t",
        unit="item",
        limit_s=lambda item: 60.0,
        on_loss=lambda item, sentence: sentence,
    )
    assert outcomes == [0, 1]
    assert "tried once more" not in capfd.readouterr().err


def test_no_worker_outlives_the_work(tmp_path):
    with pytest.raises(PipelineError):
        run(tmp_path, kill=(5,), n_kills=2, lossless=True)
    for item in range(6):
        for pid in pids(tmp_path / "log", item):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


HANGING_STAGE = """
import sys
from pathlib import Path
from stages.entry import run
from tests.execution.test_pool import run as map_numbers

if __name__ == "__main__":
    run(lambda: map_numbers(Path(sys.argv[1]), hang=(0, 1)))
"""


def test_ctrl_c_leaves_a_sentence_and_no_process(tmp_path):
    (tmp_path / "stage.py").write_text(HANGING_STAGE)
    stage = subprocess.Popen(
        [sys.executable, tmp_path / "stage.py", tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for _ in range(600):
        if all((tmp_path / "log" / str(item)).exists() for item in (0, 1)):
            break
        time.sleep(0.1)
    os.killpg(stage.pid, signal.SIGINT)
    _, message = stage.communicate(timeout=60)

    assert stage.returncode == 130
    assert message.strip() == "interrupted; what is done is kept, and the same command goes on from there"
    for item in (0, 1):
        with pytest.raises(ProcessLookupError):
            os.kill(pids(tmp_path / "log", item)[0], 0)


def test_a_worker_has_the_environment_of_now_and_not_of_when_the_first_one_was_made(monkeypatch):
    for value in ("one", "two", None):
        if value is None:
            monkeypatch.delenv("GRCF_MEDIA")
        else:
            monkeypatch.setenv("GRCF_MEDIA", value)
        ((_, outcome),) = run_in_workers(
            os.getenv, {0: "GRCF_MEDIA"}, n_workers=1, limit_s=None, describe=str
        )
        assert outcome == Done(value)
