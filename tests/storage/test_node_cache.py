"""Copies of remote media: never more than the bound, never removed while in use, never half."""

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.storage import node_cache
from pipeline.storage.node_cache import NodeCache
from pipeline.storage.place import StorageError

SPAWN = multiprocessing.get_context("fork")


def content(key: str, n_bytes: int) -> bytes:
    return (key.encode() * n_bytes)[:n_bytes]


class Log:
    """Counts, over processes, how often what was fetched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def note(self, key: str) -> None:
        (self.folder / f"{key} {time.monotonic_ns()} {os.getpid()}").touch()

    def count(self, key: str) -> int:
        return len(list(self.folder.glob(f"{key} *")))


@pytest.fixture
def log(tmp_path) -> Log:
    return Log(tmp_path / "log")


def held(cache: NodeCache, key: str, n_bytes: int, log: Log):
    def fetch(file) -> None:
        log.note(key)
        file.write(content(key, n_bytes))

    return cache.holding(
        key, lambda: n_bytes, fetch, is_whole=lambda path: path.read_bytes() == content(key, n_bytes)
    )


def copies(cache: NodeCache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir() if path.is_file())


def use(cache: NodeCache, key: str, n_bytes: int, log: Log) -> None:
    with held(cache, key, n_bytes, log) as path:
        assert path.read_bytes() == content(key, n_bytes)


def test_those_that_were_not_used_for_longest_make_room(tmp_path, log):
    cache = NodeCache(tmp_path / "cache", 1000)
    for key in ("aa", "bb", "aa", "cc"):
        use(cache, key, 400, log)
    assert copies(cache) == ["aa", "cc"]
    assert [log.count(key) for key in ("aa", "bb", "cc")] == [1, 1, 1]
    use(cache, "bb", 400, log)
    assert copies(cache) == ["bb", "cc"]


def test_what_is_in_use_stays_and_others_wait_for_room_or_end(tmp_path, log, monkeypatch):
    monkeypatch.setattr(node_cache, "_WAIT_S", 0.0)
    cache = NodeCache(tmp_path / "cache", 1000)
    with held(cache, "aa", 600, log) as path:
        with pytest.raises(StorageError, match=r"other processes use all of the 1.0 kB"):
            use(cache, "bb", 600, log)
        assert path.read_bytes() == content("aa", 600)
        assert copies(cache) == ["aa"]
    use(cache, "bb", 600, log)
    assert copies(cache) == ["bb"]


def test_a_recording_that_can_never_fit(tmp_path, log):
    with pytest.raises(
        StorageError, match=r"does not fit into the 1.0 kB .* set GRCF_MEDIA_CACHE_GB to more"
    ):
        use(NodeCache(tmp_path / "cache", 1000), "aa", 1001, log)


def test_a_copy_that_was_damaged_is_fetched_anew(tmp_path, log):
    cache = NodeCache(tmp_path / "cache", 1000)
    use(cache, "aa", 400, log)
    (cache.folder / "aa").write_bytes(b"damaged")
    use(cache, "aa", 400, log)
    assert log.count("aa") == 2


def many(folder: Path, log: Log, number: int) -> None:
    cache = NodeCache(folder, 1000)
    for step in range(20):
        use(cache, f"{(number + step) % 4}{(number * step) % 3}", 300, log)


def taken(folder: Path) -> int:
    """Bytes of all files, those that are being fetched among them; a file that is renamed meanwhile counts once."""
    sizes = {}
    with NodeCache(folder, 1000)._locked("room"):  # so that no room is taken or given while files are counted
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                status = path.stat()
                sizes[status.st_ino] = status.st_size if path.is_file() else 0
    return sum(sizes.values())


def test_several_processes_at_a_time(tmp_path, log):
    processes = [SPAWN.Process(target=many, args=(tmp_path / "cache", log, number)) for number in range(4)]
    for process in processes:
        process.start()
    most = 0
    while any(process.is_alive() for process in processes):
        most = max(most, taken(tmp_path / "cache"))
    most = max(most, taken(tmp_path / "cache"))
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert 300 <= most <= 1000


def together(folder: Path, log: Log) -> None:
    use(NodeCache(folder, 1000), "aa", 300, log)


def test_one_fetches_what_several_ask_for(tmp_path, log):
    processes = [SPAWN.Process(target=together, args=(tmp_path / "cache", log)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert log.count("aa") == 1


def killed_within(folder: Path) -> None:
    def fetch(file) -> Iterator[None]:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    with NodeCache(folder, 1000).holding("aa", lambda: 900, fetch, is_whole=lambda path: True):
        raise AssertionError("it was killed before")


def test_a_kill_leaves_neither_a_half_nor_a_reservation(tmp_path, log):
    process = SPAWN.Process(target=killed_within, args=(tmp_path / "cache",))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    cache = NodeCache(tmp_path / "cache", 1000)
    (left,) = [path for path in cache.folder.iterdir() if path.is_file()]
    assert left.stat().st_size == 900
    use(cache, "bb", 900, log)
    assert copies(cache) == ["bb"]


def with_little_room(folder: Path, log: Log, sentences) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        use(NodeCache(folder, 10_000), "aa", 5000, log)
    except StorageError as error:
        sentences.put(str(error))


def test_a_disk_that_takes_no_more(tmp_path, log):
    sentences = SPAWN.SimpleQueue()
    process = SPAWN.Process(target=with_little_room, args=(tmp_path / "cache", log, sentences))
    process.start()
    process.join()
    assert "its disk is full" in sentences.get()
    assert copies(NodeCache(tmp_path / "cache", 1)) == []


def test_a_disk_with_less_room_than_a_recording_takes(tmp_path, log):
    with pytest.raises(StorageError, match=r"its disk is full: a recording takes 1,000.0 TB"):
        use(NodeCache(tmp_path / "cache", 10**18), "aa", 10**15, log)


def test_a_folder_that_cannot_be_written(tmp_path, log):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be used for fetched media"):
        use(NodeCache(tmp_path / "file", 1000), "aa", 10, log)


def test_where_it_is_and_how_large(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("GRCF_MEDIA_CACHE", raising=False)
    monkeypatch.delenv("GRCF_MEDIA_CACHE_GB", raising=False)
    found = node_cache.node_cache()
    assert (found.folder, found.most_bytes) == (tmp_path / f"grcf-media-{os.getuid()}", 20_000_000_000)
    found.folder.mkdir()
    found.folder.chmod(0o777)
    with pytest.raises(PipelineError, match="is not a folder that only you can write"):
        node_cache.node_cache()
    monkeypatch.setenv("GRCF_MEDIA_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("GRCF_MEDIA_CACHE_GB", "0.5")
    found = node_cache.node_cache()
    assert (found.folder, found.most_bytes) == (tmp_path / "mine", 500_000_000)
    for wrong in ("much", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("GRCF_MEDIA_CACHE_GB", wrong)
        with pytest.raises(PipelineError, match="expected a number of gigabytes"):
            node_cache.node_cache()
