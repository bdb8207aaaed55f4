"""A cache that cannot be written to is a sentence that says which folder, and what to set; what it holds is read all the same."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache

KEY, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"a", b"b"))


def refused(cache: ResultCache, key: str = KEY) -> str:
    with pytest.raises(PipelineError) as caught:
        cache.put(key, b"x")
    return str(caught.value)


@pytest.mark.parametrize("kind", ["file", "link to nothing", "link in a circle", "file above"])
def test_a_cache_that_is_no_folder(kind, tmp_path):
    folder = tmp_path / "cache"
    if kind == "file":
        folder.touch()
    elif kind == "link to nothing":
        folder.symlink_to(tmp_path / "nowhere")
    elif kind == "link in a circle":
        folder.symlink_to(folder)
    else:
        (tmp_path / "above").touch()
        folder = tmp_path / "above/cache"
    cache = ResultCache(folder)
    sentence = refused(cache)
    assert sentence.startswith(f"{folder}: results cannot be kept there (")
    assert "set GRCF_CACHE to a folder that you may write to" in sentence
    assert (cache.get(KEY), list(cache.entries())) == (None, [])
    cache.pack([KEY], group="a")


@pytest.fixture
def mounted(tmp_path):
    """A file system of 256 KiB in memory, and what makes it read-only; skipped where this process may mount none."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("this process may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def test_a_read_only_cache_gives_what_it_holds(mounted):
    cache = ResultCache(mounted / "clips")
    cache.put(KEY, b"kept")
    read_only(mounted)
    assert "set GRCF_CACHE" in refused(cache, OTHER)
    assert cache.get(KEY) == b"kept"
    cache.pack([KEY], group="a")
    assert cache.get(KEY) == b"kept"


def test_a_full_disk_loses_nothing_and_leaves_no_half(mounted):
    cache, content = ResultCache(mounted / "clips"), os.urandom(60_000)
    cache.put(KEY, content)
    with pytest.raises(PipelineError, match=r"No space left on device\); free some space"):
        cache.put(OTHER, os.urandom(400_000))
    assert (cache.get(KEY), cache.get(OTHER)) == (content, None)
    cache.pack([KEY], group="a")
    assert cache.get(KEY) == content
    assert [path for path in mounted.rglob("*") if path.name.endswith(".tmp")] == []
