"""Entries in packs: none is lost, whoever writes, merges, is killed or damages a file meanwhile."""

import hashlib
import multiprocessing
import os
import re
import shutil
import signal
import threading
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.execution import packs
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.executor import map_cached
from pipeline.execution.pack_files import Entry
from pipeline.execution.packs import Packs

GROUP = "extractor"
KEYS = [cache_key(item=item) for item in range(6)]
PAYLOADS = {key: f"payload {number} ".encode() * (number + 1) for number, key in enumerate(KEYS)}


def filled(folder: Path, keys=KEYS) -> ResultCache:
    cache = ResultCache(folder)
    for key in keys:
        cache.put(key, PAYLOADS[key])
    return cache


def packed(folder: Path, keys=KEYS) -> ResultCache:
    cache = filled(folder, keys)
    cache.pack(keys, group=GROUP)
    return cache


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def found(cache: ResultCache) -> set[str]:
    """The keys whose payloads are whole."""
    contents = {key: cache.get(key) for key in KEYS}
    assert all(content in (None, PAYLOADS[key]) for key, content in contents.items())
    return {key for key, content in contents.items() if content is not None}


def test_entries_become_one_file_and_keep_their_payloads(tmp_path):
    cache = packed(tmp_path)
    (pack,) = files(tmp_path)
    assert pack.name.startswith(f"{GROUP}-")
    assert found(cache) == set(KEYS)
    assert all(map(cache.holds, KEYS))
    assert cache.get(cache_key(item="another")) is None
    assert not cache.holds(cache_key(item="another"))
    assert {entry.key for entry in cache.entries()} == set(KEYS)
    assert list(tmp_path.iterdir()) == [tmp_path / "packs"], "folders without files are left"


def test_a_pack_that_cannot_be_looked_at_costs_no_listing(tmp_path):
    cache = packed(tmp_path)
    (tmp_path / "packs" / f"{GROUP}-loop.pack").symlink_to(f"{GROUP}-loop.pack")
    assert {entry.key for entry in cache.entries()} == set(KEYS)


def test_the_same_entries_make_the_same_pack_on_every_machine(tmp_path):
    packed(tmp_path / "one")
    packed(tmp_path / "other")
    (one,), (other,) = files(tmp_path / "one"), files(tmp_path / "other")
    assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())


def test_what_is_packed_is_looked_up_and_not_computed(tmp_path):
    packed(tmp_path)
    results = map_cached(
        pytest.fail, KEYS, keys=KEYS, cache=ResultCache(tmp_path), encode=bytes, decode=bytes,
        title="t", unit="item",
    )  # fmt: skip
    assert list(results) == list(PAYLOADS.values())


def test_a_run_packs_what_it_stores_and_what_an_earlier_version_left(tmp_path):
    filled(tmp_path, KEYS[:3])
    results = map_cached(
        PAYLOADS.__getitem__, KEYS, keys=KEYS, cache=ResultCache(tmp_path), encode=bytes, decode=bytes,
        title="t", unit="item", n_workers=2, group=GROUP,
    )  # fmt: skip
    assert list(results) == list(PAYLOADS.values())
    assert len(files(tmp_path)) == 1
    assert list(results) == list(PAYLOADS.values())


def test_many_small_additions_leave_few_packs(tmp_path):
    keys = [cache_key(addition=number) for number in range(60)]
    cache = ResultCache(tmp_path)
    for first in range(0, 60, 2):
        for key in keys[first : first + 2]:
            cache.put(key, key.encode())
        cache.pack(keys[first : first + 2], group=GROUP)
    assert len(files(tmp_path)) <= 6
    assert [cache.get(key) for key in keys] == [key.encode() for key in keys]
    assert sorted(entry.key for entry in cache.entries()) == sorted(keys), "an entry is in two packs"


def test_extractors_do_not_share_packs(tmp_path):
    cache = packed(tmp_path, KEYS[:3])
    filled(tmp_path, KEYS[3:]).pack(KEYS[3:], group="other")
    assert len(files(tmp_path)) == 2
    assert found(cache) == set(KEYS)


def test_packs_are_cut_at_their_size_and_large_entries_stay_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "PACK_BYTES", 100)
    monkeypatch.setattr(packs, "LARGEST_ENTRY_BYTES", 32 + len(PAYLOADS[KEYS[4]]))
    cache = packed(tmp_path)
    alone = [entry.key for entry in cache.entries() if not entry.is_packed]
    assert alone == [KEYS[5]]
    assert len(files(tmp_path)) > 2
    assert found(cache) == set(KEYS)


def test_keys_that_begin_alike_are_told_apart(tmp_path):
    cache = ResultCache(tmp_path)
    keys = ["ab" * 8 + last * 48 for last in "0f"]
    for key in keys:
        cache.put(key, key.encode())
    cache.pack(keys, group=GROUP)
    assert len(files(tmp_path)) == 1
    assert [cache.get(key) for key in keys] == [key.encode() for key in keys]
    assert cache.get("ab" * 8 + "3" * 48) is None


def test_a_damaged_single_file_is_not_packed(tmp_path):
    cache = filled(tmp_path)
    (tmp_path / KEYS[0][:2] / KEYS[0]).write_bytes(b"damaged")
    cache.pack(KEYS, group=GROUP)
    assert found(cache) == set(KEYS[1:])


# Of the file: its magic, its number of entries, the key, place and length in the first record, the middle, the last byte.
@pytest.mark.parametrize(
    ("at", "lost"), [(0, 6), (8, 6), (16, 1), (48, 1), (56, 1), (-2, 1)],
    ids=["magic", "count", "key", "place", "length", "payload"],
)  # fmt: skip
def test_damage_costs_the_entries_where_it_is(tmp_path, at, lost):
    packed(tmp_path)
    (pack,) = files(tmp_path)
    content = bytearray(pack.read_bytes())
    content[at] ^= 0xFF
    pack.write_bytes(content)
    assert len(KEYS) - len(found(ResultCache(tmp_path))) <= lost
    again(tmp_path)


def again(folder: Path) -> None:
    """Whatever was damaged is computed anew, and the cache is whole then."""
    for cache in (ResultCache(folder), fresh(folder)):
        results = map_cached(
            PAYLOADS.__getitem__, KEYS, keys=KEYS, cache=cache, encode=bytes, decode=bytes,
            title="t", unit="item", n_workers=1, group=GROUP,
        )  # fmt: skip
        assert list(results) == list(PAYLOADS.values())
    assert found(ResultCache(folder)) == found(fresh(folder)) == set(KEYS)


def fresh(folder: Path) -> ResultCache:
    """The same folder, as a process finds it that has not looked at it yet."""
    packs.packs_of.cache_clear()
    return ResultCache(folder)


def test_a_damaged_pack_is_replaced_by_one_of_its_name(tmp_path):
    cache = packed(tmp_path)
    (pack,) = files(tmp_path)
    content = pack.read_bytes()
    pack.write_bytes(bytes(len(content)))
    assert found(cache) == set()
    packed(tmp_path)
    assert found(cache) == set(KEYS)
    assert files(tmp_path) == [pack]
    assert pack.read_bytes() == content


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("looked", [True, False])
def test_a_pack_that_is_cut_off_costs_what_is_beyond(tmp_path, share, looked):
    packed(tmp_path)
    (pack,) = files(tmp_path)
    content = pack.read_bytes()
    pack.write_bytes(content[: int(len(content) * share)])
    left = found(ResultCache(tmp_path) if looked else fresh(tmp_path))
    assert (len(left) >= 4) == (share >= 0.9)
    assert left != set(KEYS)
    again(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no pack", b"\xff" * 5000, b"grcfpk01" + b"\xff" * 5000])
def test_a_file_that_is_no_pack_is_passed_over(tmp_path, content):
    cache = packed(tmp_path)
    (tmp_path / "packs" / f"{GROUP}-other.pack").write_bytes(content)
    assert found(fresh(tmp_path)) == set(KEYS)
    cache.remove(list(cache.entries()))
    assert found(cache) == set()


def newer(payload: bytes) -> bytes:
    if payload != b"newer":
        raise PipelineError("made by an earlier version")
    return payload


def make_newer(_: str) -> bytes:
    return b"newer"


def test_a_payload_that_is_no_longer_understood_is_replaced(tmp_path):
    packed(tmp_path)
    for compute in (make_newer, pytest.fail):
        results = map_cached(
            compute, KEYS, keys=KEYS, cache=fresh(tmp_path), encode=bytes, decode=newer,
            title="t", unit="item", n_workers=1, group=GROUP,
        )  # fmt: skip
        assert list(results) == [b"newer"] * len(KEYS)


def test_a_reader_goes_on_when_the_pack_that_it_knows_is_merged(tmp_path):
    cache = packed(tmp_path, KEYS[:3])
    assert found(cache) == set(KEYS[:3])
    (before,) = files(tmp_path)
    other = Packs(tmp_path / "packs")
    other.add([Entry(key, as_entry(PAYLOADS[key])) for key in KEYS[3:]], group=GROUP)
    assert files(tmp_path) != [before]
    assert not before.exists()
    assert found(cache) == set(KEYS)


def as_entry(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest() + payload


def test_where_nothing_can_be_packed_entries_stay_as_they_are(tmp_path):
    (tmp_path / "packs").write_text("in the way")
    cache = packed(tmp_path)
    assert len(files(tmp_path)) == len(KEYS) + 1
    assert found(cache) == set(KEYS)


def test_entries_are_removed_and_the_others_of_their_pack_stay(tmp_path):
    cache = packed(tmp_path)
    (pack,) = files(tmp_path)
    os.utime(pack, (1e9, 1e9))
    cache.remove([entry for entry in cache.entries() if entry.key in KEYS[:2]])
    assert {entry.used_s for entry in cache.entries()} == {1e9}, "what stays looks as if it had been used"
    assert found(cache) == set(KEYS[2:])
    (left,) = files(tmp_path)
    assert left.stat().st_size < 6 * 200
    cache.remove(list(cache.entries()))
    assert files(tmp_path) == []
    assert found(cache) == set()


def test_what_cannot_be_removed_is_named_when_all_else_is_gone(tmp_path):
    cache = packed(tmp_path, KEYS[:2])
    filled(tmp_path, KEYS[2:4]).pack(KEYS[2:4], group="other")
    filled(tmp_path, KEYS[4:])
    entries = list(cache.entries())
    in_the_way = [next(entry.path for entry in entries if entry.key == key) for key in (KEYS[0], KEYS[4])]
    for path in in_the_way:
        path.unlink()
        path.mkdir()
    with pytest.raises(PipelineError, match=rf"2 of its files .* such as {re.escape(str(in_the_way[1]))} \("):
        cache.remove(entries)
    assert files(tmp_path) == []
    assert all(path.is_dir() for path in in_the_way)


def test_caches_of_two_machines_are_joined_by_copying(tmp_path):
    packed(tmp_path / "one", KEYS[:4])
    packed(tmp_path / "other", KEYS[2:])
    shutil.copytree(tmp_path / "one", tmp_path / "other", dirs_exist_ok=True)
    assert found(ResultCache(tmp_path / "other")) == set(KEYS)


def pack_until(folder: Path, step: int) -> None:
    """Pack, and be killed before the step of that number at which something on the disk changes."""
    n_steps = 0

    def counted(function):
        def call(*arguments, **named):
            nonlocal n_steps
            n_steps += 1
            if n_steps == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    os.fsync = counted(os.fsync)
    for name in ("replace", "unlink", "rmdir", "mkdir"):
        setattr(Path, name, counted(getattr(Path, name)))
    ResultCache(folder).pack(KEYS, group=GROUP)


@pytest.mark.slow
def test_a_kill_at_any_step_loses_nothing(tmp_path):
    context = multiprocessing.get_context("forkserver")
    for step in range(1, 100):
        folder = tmp_path / str(step)
        packed(folder, KEYS[:2])
        filled(folder, KEYS[2:])
        process = context.Process(target=pack_until, args=(folder, step))
        process.start()
        process.join()
        assert found(fresh(folder)) == set(KEYS), step
        cache = ResultCache(folder)
        cache.remove_abandoned()
        cache.pack_all(KEYS, group=GROUP)
        assert found(fresh(folder)) == set(KEYS), step
        assert all(entry.is_packed for entry in cache.entries()), step
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert step > 10, "too few steps to have seen all"


def write_and_pack(folder: Path, worker: int, n_rounds: int) -> int:
    """Store, pack, remove and look up entries that others pack, too; how many looks missed what must be there."""
    cache, n_missed = ResultCache(folder), 0
    for number in range(n_rounds):
        own = [cache_key(worker=worker, number=number, entry=entry) for entry in range(3)]
        for key in own:
            cache.put(key, key.encode())
        everything = [entry.key for entry in cache.entries() if not entry.is_packed and entry.finished]
        cache.pack(everything, group=GROUP)
        for earlier in range(number + 1):
            for entry in range(3):
                key = cache_key(worker=worker, number=earlier, entry=entry)
                n_missed += cache.get(key) != key.encode()
    return n_missed


@pytest.mark.slow
def test_processes_that_write_pack_and_read_at_once_miss_nothing(tmp_path):
    context = multiprocessing.get_context("forkserver")
    with context.Pool(4) as pool:
        missed = pool.starmap(write_and_pack, [(tmp_path, worker, 15) for worker in range(4)], chunksize=1)
    assert missed == [0, 0, 0, 0]
    cache = ResultCache(tmp_path)
    assert all(entry.finished for entry in cache.entries())
    for worker in range(4):
        for number in range(15):
            for entry in range(3):
                key = cache_key(worker=worker, number=number, entry=entry)
                assert cache.get(key) == key.encode()


@pytest.mark.parametrize("failing", ["read_index", "_listed"])
def test_a_file_system_that_fails_once_hides_no_pack_for_good(tmp_path, monkeypatch, failing):
    packed(tmp_path)
    os.utime(tmp_path / "packs", (1e9, 1e9))  # long ago, so that nobody looks again without a reason
    cache, whole, n_calls = ResultCache(tmp_path), getattr(packs, failing), []
    looked = Packs((tmp_path / "packs").absolute())

    def fail_once(path):
        n_calls.append(path)
        if len(n_calls) == 1:
            raise OSError(5, "Input/output error")
        return whole(path)

    monkeypatch.setattr(packs, failing, fail_once)
    looked.look_again()
    assert looked.get(KEYS[0]) is None
    looked.look_again()
    assert looked.get(KEYS[0]) is not None
    assert cache.get(KEYS[0]) == PAYLOADS[KEYS[0]]


def test_an_entry_is_stored_where_its_folder_goes_while_it_is_made(tmp_path, monkeypatch):
    made = Path.mkdir
    failed = []

    def fail_once(self, *arguments, **options):
        if not failed:
            failed.append(self)
            raise FileExistsError(17, "File exists", str(self))
        made(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", fail_once)
    cache = filled(tmp_path, KEYS[:1])
    assert failed
    assert cache.get(KEYS[0]) == PAYLOADS[KEYS[0]]


@pytest.mark.parametrize("look", [ResultCache.get, ResultCache.holds])
def test_threads_that_look_up_while_another_packs_miss_nothing(tmp_path, look):
    cache, keys = ResultCache(tmp_path), [cache_key(item=item) for item in range(160)]
    for key in keys:
        cache.put(key, key.encode())
    stop, missed = threading.Event(), []

    def look_up():
        while not stop.is_set():
            missed.extend(key for key in keys if not look(cache, key))

    threads = [threading.Thread(target=look_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for first in range(0, len(keys), 4):
        cache.pack(keys[first : first + 4], group=GROUP)
    stop.set()
    for thread in threads:
        thread.join()
    assert missed == []


def test_a_folder_whose_time_is_told_as_it_was_hides_nothing_that_was_stored(tmp_path):
    cache, other = packed(tmp_path, KEYS[:2]), ResultCache(tmp_path)
    os.utime(tmp_path / "packs", (1e9, 1e9))
    assert cache.get(KEYS[2]) is None
    for key in KEYS[2:4]:
        other.put(key, PAYLOADS[key])
    elsewhere = Packs((tmp_path / "packs").absolute())  # those of another machine
    elsewhere.write([Entry(key, other._alone(key)) for key in KEYS[2:4]], group=GROUP)
    for key in KEYS[2:4]:
        other._path(key).unlink()
    os.utime(tmp_path / "packs", (1e9, 1e9))
    assert cache.load_stored(KEYS[2], bytes, name="t") == PAYLOADS[KEYS[2]]


def test_a_pack_that_cannot_be_read_makes_no_look_a_long_one(tmp_path):
    cache = packed(tmp_path)
    (tmp_path / "packs" / f"{GROUP}-unreadable.pack").mkdir()
    looked = packs.packs_of((tmp_path / "packs").absolute())
    assert found(cache) == set(KEYS)
    looked.look_again(always=True)
    known = looked.known
    looked.look_again(always=True)
    assert looked.known is known, "a table that is made anew would be looked through again"
    assert cache.get(cache_key(item="none")) is None


def test_the_time_of_a_folder_is_not_believed_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "_TRUSTED_S", 0.0)
    cache = packed(tmp_path, KEYS[:2])
    os.utime(tmp_path / "packs", (1e9, 1e9))
    assert cache.get(KEYS[2]) is None
    elsewhere = Packs((tmp_path / "packs").absolute())
    content = hashlib.sha256(PAYLOADS[KEYS[2]]).digest() + PAYLOADS[KEYS[2]]
    elsewhere.write([Entry(KEYS[2], content), Entry(KEYS[3], content)], group=GROUP)
    os.utime(tmp_path / "packs", (1e9, 1e9))
    assert cache.get(KEYS[2]) == PAYLOADS[KEYS[2]]
