"""A full disk, Ctrl-C or a second process: a sentence at most, a cache that is whole, and the same bytes in the end."""

import signal
import subprocess
import sys
import time

import pytest

from pipeline.execution.cache import ResultCache
from tests.stages.repositories import Repository

pytestmark = pytest.mark.slow

PACKED = {"words": "data/words/words.jsonl", "audio": "data/audio/index.json"}


def stored(repository: Repository, kind: str) -> list[str]:
    """Finished entries: a worker that is stopped while it writes leaves its temporary file, which no reader looks at."""
    cache = ResultCache(repository.path / ".cache/clips" / kind)
    return [entry.key for entry in cache.entries() if entry.finished]


def assert_whole(repository: Repository, kind: str) -> None:
    cache = ResultCache(repository.path / ".cache/clips" / kind)
    for key in stored(repository, kind):
        assert cache.get(key) is not None


def start(repository: Repository, stage: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=repository.path,
        env=repository.environment(GRCF_WORKERS="1"),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_ctrl_c_leaves_a_sentence_and_a_whole_cache(copy):
    undisturbed = (copy.path / PACKED["words"]).read_bytes()
    stage = start(copy, "words")
    while not stored(copy, "words"):
        assert stage.poll() is None, "the stage ended before it could be interrupted"
        time.sleep(0.01)
    stage.send_signal(signal.SIGINT)
    _, message = stage.communicate(timeout=120)

    assert stage.returncode == 130
    assert (
        message.splitlines()[-1]
        == "interrupted; what is done is kept, and the same command goes on from there"
    )
    assert "Traceback" not in message
    assert_whole(copy, "words")
    copy.stage("words")
    assert (copy.path / PACKED["words"]).read_bytes() == undisturbed


# The first limit lets the entries through and not the packed file, the second one not even an entry.
@pytest.mark.parametrize(("stage", "limit_kb", "file"), [("words", 4, "words.jsonl"), ("audio", 4, ".cache")])
def test_a_full_disk_leaves_a_sentence_and_a_whole_cache(copy, stage, limit_kb, file):
    undisturbed = (copy.path / PACKED[stage]).read_bytes()
    # Python keeps bytecode that a limit cut short, and cannot read it afterwards.
    limited = f'ulimit -f {limit_kb}; PYTHONDONTWRITEBYTECODE=1 exec "$0" -m stages.{stage}'
    ended = copy.run("bash", "-c", limited, sys.executable, check=False)

    assert ended.returncode == 1
    sentence = ended.stderr.splitlines()[-1]
    assert file in sentence
    assert "could not be written (File too large); free some space" in sentence
    assert "Traceback" not in ended.stderr
    assert_whole(copy, stage)
    assert (copy.path / PACKED[stage]).read_bytes() == undisturbed, "the packed file of the last run is gone"
    copy.stage(stage)
    assert (copy.path / PACKED[stage]).read_bytes() == undisturbed


def test_two_processes_that_fill_one_cache_side_by_side_write_the_same_bytes(copy, tmp_path):
    undisturbed = (copy.path / PACKED["audio"]).read_bytes()
    other = copy.copy(tmp_path / "other")
    shared = {"GRCF_CACHE": str(tmp_path / "cache"), "GRCF_WORKERS": "1"}
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "stages.audio"],
            cwd=repository.path,
            env=repository.environment(**shared),
            stderr=subprocess.DEVNULL,
        )
        for repository in (copy, other)
    ]

    assert [run.wait(timeout=300) for run in runs] == [0, 0]
    for repository in (copy, other):
        assert (repository.path / PACKED["audio"]).read_bytes() == undisturbed
    cache = ResultCache(tmp_path / "cache/clips/audio")
    assert all(cache.get(entry.key) is not None for entry in cache.entries())
