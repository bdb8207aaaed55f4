"""A run that cannot fit is refused before it starts."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.disk_space import check_space, in_words

Usage = namedtuple("Usage", "total used free")
KEYS = [cache_key(item=item) for item in range(10)]
SIZES = [1e6] * 10


@pytest.fixture
def disk(monkeypatch):
    """A disk with so many bytes left."""

    def leave(free: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 10**12 - free, free))

    return leave


def test_what_fits_is_let_through_and_what_does_not_is_refused_with_both_numbers(tmp_path, disk):
    cache = ResultCache(tmp_path / "not made yet" / "cache")
    disk(31_000_000)  # ten entries of a megabyte and their blocks, and the packed file twice
    check_space("audio", SIZES, keys=KEYS, cache=cache)
    disk(29_000_000)
    with pytest.raises(
        PipelineError, match=r"audio: the results will take about 30\.0 MB, .* has 29\.0 MB left"
    ):
        check_space("audio", SIZES, keys=KEYS, cache=cache)


def test_what_is_in_the_cache_needs_no_more_room_there(tmp_path, disk):
    cache = ResultCache(tmp_path)
    for key in KEYS:
        cache.put(key, b"done")
    disk(21_000_000)
    check_space("audio", SIZES, keys=KEYS, cache=cache)


def test_small_entries_take_whole_blocks(tmp_path, disk):
    disk(10 * 4096 - 1)
    with pytest.raises(PipelineError, match=r"41\.0 kB"):
        check_space("words", [1.0] * 10, keys=KEYS, cache=ResultCache(tmp_path))


def test_disks_are_counted_apart(tmp_path, monkeypatch):
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == Path().stat().st_dev:
        pytest.skip("no second file system here")
    free = {elsewhere.stat().st_dev: 11_000_000, Path().stat().st_dev: 21_000_000}
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: Usage(10**12, 0, free[Path(folder).stat().st_dev])
    )
    check_space("audio", SIZES, keys=KEYS, cache=ResultCache(elsewhere / "grcf-no-such-folder"))
    free[elsewhere.stat().st_dev] = 9_000_000
    with pytest.raises(PipelineError, match=r"take about 10\.0 MB, and the disk of /dev/shm"):
        check_space("audio", SIZES, keys=KEYS, cache=ResultCache(elsewhere / "grcf-no-such-folder"))


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (2.5e9, "2.5 GB"),
        (4e12, "4.0 TB"),
    ],
)
def test_sizes_in_words(n_bytes, words):
    assert in_words(n_bytes) == words
