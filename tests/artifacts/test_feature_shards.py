"""Features in shards come back as they were, and the folder is whole whatever happened to whoever wrote it."""

import errno
import json
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.features import shards as feature_shards
from pipeline.artifacts.features.extraction import read_extraction
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.features.shards import read_sequences, write_sequences, write_sequences_of
from pipeline.artifacts.formats.files import sha256_of, tensors_to_bytes
from pipeline.artifacts.sharding.files import INDEX, write_shard
from pipeline.artifacts.sharding.spooled import Streamed
from pipeline.errors import PipelineError

LIMIT = 12_000
N_SEGMENTS = 40


def make(position):
    """A segment: some with quality, some with stretches, some without rows; none like another."""
    rng = np.random.default_rng(position)
    if position % 7 == 3:
        return FeatureSequence.empty(3, f"no face in {position}")
    n = int(rng.integers(1, 60))
    times_s = np.arange(n) / 10
    return FeatureSequence(
        rng.standard_normal((n, 3), np.float32),
        times_s,
        rng.random(n) < 0.8,
        quality=None if position % 5 == 0 else rng.random(n).astype(np.float32),
        spans_s=np.stack([times_s, times_s + 0.1], axis=1) if position % 4 == 0 else None,
        notes=("the largest face became another one once",) if position % 9 == 0 else (),
    )


IDS = [f"s\N{SNOWMAN}{i}" for i in range(N_SEGMENTS)]
RECORDINGS = [f"recording {i % 13}" for i in range(N_SEGMENTS)]
EXTRACTOR = {"settings": {"rate_hz": 10}, "given_rows": {"rows": 7}}


def write(folder, ids=IDS, recordings=RECORDINGS, sequences=None, **changes):
    made = map(make, range(len(ids))) if sequences is None else sequences
    settings = {"columns": list("xyz"), "extractor": EXTRACTOR, "limit_bytes": LIMIT} | changes
    write_sequences_of(folder, "visual", ids, made, recordings=recordings, **settings)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_same(found, expected):
    assert (found.failure, found.notes) == (expected.failure, expected.notes)
    for name in ("values", "times_s", "valid"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for name in ("quality", "spans_s"):
        given, there = getattr(expected, name), getattr(found, name)
        assert (given is None) == (there is None)
        assert given is None or np.array_equal(given, there)


def test_every_segment_comes_back_from_its_shard(tmp_path):
    write(tmp_path)
    found = read_sequences(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) > 4
    for position in np.random.default_rng(0).permutation(N_SEGMENTS):
        assert_same(found[IDS[position]], make(position))
    assert set(found.ids) == set(IDS)
    assert found.failures == {IDS[i]: f"no face in {i}" for i in range(3, N_SEGMENTS, 7)}
    assert set(found.notes) == {IDS[i] for i in range(0, N_SEGMENTS, 9) if i % 7 != 3}
    assert (found.modality, found.columns, found.dim, found.extractor) == (
        "visual",
        tuple("xyz"),
        3,
        EXTRACTOR,
    )
    with pytest.raises(KeyError):
        found["s9"]


def test_shards_keep_the_limit_and_recordings_together_and_are_what_the_index_says(tmp_path):
    write(tmp_path)
    index = json.loads((tmp_path / INDEX).read_text())
    of_id = dict(zip(IDS, RECORDINGS, strict=True))
    shards = index["shards"]
    assert sum(len({of_id[id_] for id_ in shard["ids"]}) for shard in shards) == len(set(RECORDINGS))
    for shard in shards:
        path = tmp_path / shard["file"]
        assert path.stat().st_size == shard["bytes"] <= LIMIT
        assert sha256_of(path) == shard["sha256"]
        assert shard["rows"] == sum(len(make(IDS.index(id_)).values) for id_ in shard["ids"])
    assert {shard["file"] for shard in shards} | {INDEX} == set(content(tmp_path))


def test_a_recording_that_is_too_large_has_a_shard_of_its_own(tmp_path):
    write(tmp_path, limit_bytes=3_000)
    sizes = [shard["bytes"] for shard in json.loads((tmp_path / INDEX).read_text())["shards"]]
    assert len(sizes) == len(set(RECORDINGS))
    assert max(sizes) > 3_000


def test_a_small_corpus_is_one_shard_in_the_order_of_its_ids(tmp_path):
    write(tmp_path, limit_bytes=feature_shards.LIMIT_BYTES)
    (part,) = read_sequences(tmp_path).parts()
    assert part.ids == tuple(IDS)


def test_what_is_in_memory_gives_the_same_bytes_as_what_passes(tmp_path):
    packed = pack("visual", IDS, list(map(make, range(N_SEGMENTS))), columns="xyz", extractor=EXTRACTOR)
    write_sequences(tmp_path / "packed", packed, recordings=RECORDINGS, limit_bytes=LIMIT)
    write(tmp_path / "passing")
    assert content(tmp_path / "packed") == content(tmp_path / "passing")
    for id_ in IDS:
        assert_same(read_sequences(tmp_path / "packed")[id_], packed[id_])


def test_a_further_recording_rewrites_one_shard_and_the_index(tmp_path):
    write(tmp_path)
    before = content(tmp_path)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    sequences = [*map(make, range(20)), make(50), *map(make, range(20, N_SEGMENTS))]
    extractor = EXTRACTOR | {"given_rows": {"rows": 8}}
    write(
        tmp_path,
        [*IDS[:20], "new", *IDS[20:]],
        [*RECORDINGS[:20], "new", *RECORDINGS[20:]],
        sequences,
        extractor=extractor,
    )
    after = content(tmp_path)
    assert len(before.keys() - after.keys()) == 1
    kept = before.keys() & after.keys() - {INDEX}
    assert len(kept) == len(before) - 2 > 3
    assert all(before[name] == after[name] for name in kept)
    assert all((tmp_path / name).stat().st_mtime_ns == times[name] for name in kept)
    assert_same(read_sequences(tmp_path)["new"], make(50))


def test_a_changed_recording_rewrites_its_shard_alone(tmp_path):
    write(tmp_path)
    before = content(tmp_path)
    changed = make(8)
    sequences = list(map(make, range(N_SEGMENTS)))
    sequences[8] = replace(changed, values=changed.values + 1)
    write(tmp_path, sequences=sequences)
    assert len(before.keys() - content(tmp_path).keys()) == len(content(tmp_path).keys() - before.keys()) == 1


def test_a_shard_that_was_damaged_is_written_anew_and_strangers_are_removed(tmp_path):
    write(tmp_path)
    before = content(tmp_path)
    damaged = next(tmp_path.glob("*.safetensors"))
    damaged.write_bytes(bytes(damaged.stat().st_size))
    for name in ("features.safetensors", "0123456789abcdef.safetensors", ".x.elsewhere.7.1f.tmp"):
        (tmp_path / name).write_bytes(b"of another run")
    write(tmp_path)
    assert content(tmp_path) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.artifacts.test_feature_shards import write

replace, left = Path.replace, int(sys.argv[2])

def replace_or_die(self, target):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = replace_or_die
write(Path(sys.argv[1]))
"""


def kill_at(folder, n_renames):
    """Write and be killed when all is done that comes before so many renames, of which a shard takes two and the index one."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(n_renames)],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("n_renames", [1, 2, 5, 6, "all"])
def test_whoever_is_killed_leaves_nothing_that_looks_whole_and_the_next_run_the_same_bytes(
    tmp_path, n_renames
):
    write(tmp_path / "undisturbed")
    expected = content(tmp_path / "undisturbed")
    folder = tmp_path / "killed"
    n_renames = 2 * len(expected) - 1 if n_renames == "all" else n_renames
    kill_at(folder, n_renames)
    assert len(content(folder)) == (n_renames + 1) // 2
    with pytest.raises(PipelineError, match=r"index\.json: not found; run `dvc repro`"):
        read_sequences(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "undisturbed"]
    write(folder)
    assert content(folder) == expected


def test_each_row_of_a_shard_is_computed_once(tmp_path):
    n_asked = 0

    def blocks():
        nonlocal n_asked
        n_asked += 1
        yield np.arange(6, dtype=np.float32).reshape(3, 2)

    def written():
        tensors = {"values": Streamed(np.dtype(np.float32), (3, 2), blocks)}
        return write_shard(tmp_path, tensors, kind="k", version=1, header={})

    first = written()
    assert n_asked == 1
    time_ns = (tmp_path / first.file).stat().st_mtime_ns
    assert written() == first
    assert n_asked == 2
    assert [path.name for path in tmp_path.iterdir()] == [first.file]
    assert (tmp_path / first.file).stat().st_mtime_ns == time_ns
    assert sha256_of(tmp_path / first.file) == first.sha256


def test_a_disk_that_is_full_leaves_nothing_of_a_shard(tmp_path):
    def blocks():
        yield np.zeros((2, 2), np.float32)
        raise OSError(errno.ENOSPC, "No space left on device")

    tensors = {"values": Streamed(np.dtype(np.float32), (3, 2), blocks)}
    with pytest.raises(PipelineError, match="could not be written"):
        write_shard(tmp_path, tensors, kind="k", version=1, header={})
    assert list(tmp_path.iterdir()) == []


def test_whoever_is_killed_over_an_older_run_leaves_that_readable(tmp_path):
    older = list(map(make, range(100, 100 + N_SEGMENTS)))
    write(tmp_path / "folder", sequences=older)
    kill_at(tmp_path / "folder", 3)
    found = read_sequences(tmp_path / "folder")
    for id_, sequence in zip(IDS, older, strict=True):
        np.testing.assert_array_equal(found[id_].values, sequence.values)
    write(tmp_path / "folder")
    write(tmp_path / "undisturbed")
    assert content(tmp_path / "folder") == content(tmp_path / "undisturbed")


def test_where_a_sequence_cannot_be_had_what_was_there_stays(tmp_path):
    def made():
        yield make(0)
        raise PipelineError("its result cannot be read again")

    write(tmp_path)
    before = content(tmp_path)
    with pytest.raises(PipelineError, match="cannot be read again"):
        write(tmp_path, sequences=made())
    assert content(tmp_path) == before


def test_segments_in_order_need_no_table_of_ids_and_others_are_found_all_the_same(tmp_path):
    write(tmp_path)
    found = read_sequences(tmp_path)
    for _ in range(2):
        for position, id_ in enumerate(IDS):
            assert_same(found[id_], make(position))
    assert "_positions" not in vars(found)
    for position in (30, 31, 2, 30, 0):
        assert_same(found[IDS[position]], make(position))


def n_open_files():
    """Open files of this process, 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.fixture
def open_files_allowed():
    """Lets a process open so many files, and as many at most."""
    if not n_open_files():
        pytest.skip("the system does not tell how many files are open")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft, hard=before[1]: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def count_maps(monkeypatch):
    """The names of the shards that are mapped, as they are."""
    mapped = []
    map_tensors = feature_shards.map_tensors
    monkeypatch.setattr(
        feature_shards,
        "map_tensors",
        lambda path, **given: (mapped.append(path.name), map_tensors(path, **given))[1],
    )
    return mapped


def test_each_shard_is_mapped_once_whatever_the_order_is(tmp_path, monkeypatch, open_files_allowed):
    write(tmp_path, limit_bytes=3_000)
    n_shards = len(list(tmp_path.glob("*.safetensors")))
    monkeypatch.setattr(feature_shards, "_MAPPED_MIN", 2)
    monkeypatch.setattr(feature_shards, "OTHER_OPEN_FILES", n_open_files() + 8)
    open_files_allowed(n_open_files() + 9)
    mapped = count_maps(monkeypatch)
    found = read_sequences(tmp_path)
    for _ in range(2):
        for position, id_ in enumerate(IDS):
            assert_same(found[id_], make(position))
    assert len(mapped) == n_shards > 8
    assert len(set(mapped)) == n_shards


def test_few_shards_are_mapped_at_once_where_few_files_may_be_open(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(feature_shards, "_MAPPED_MIN", 2)
    monkeypatch.setattr(feature_shards, "allowed_open_files", lambda wanted: 10)
    found = read_sequences(tmp_path)
    n_open = n_open_files()
    for position, id_ in enumerate(IDS):
        assert_same(found[id_], make(position))
        assert len(found._mapped) <= 2
        assert n_open_files() <= n_open + 2


def test_the_head_counts_the_rows_of_all_shards(tmp_path):
    write(tmp_path)
    found = read_extraction(tmp_path)
    for id_, n_rows, n_valid in zip(found.ids, found.n_rows, found.n_valid, strict=True):
        expected = make(IDS.index(id_))
        assert (n_rows, n_valid) == (len(expected.valid), expected.valid.sum())


def edit_index(folder, change):
    index = json.loads((folder / INDEX).read_text())
    change(index)
    (folder / INDEX).write_text(json.dumps(index))


def put(folder, number, content):
    """Put other bytes in the place of a shard, of the size that the index says."""

    def change(index):
        shard = index["shards"][number]
        (folder / shard["file"]).write_bytes(content)
        shard["bytes"] = len(content)

    edit_index(folder, change)


def read_all(folder):
    found = read_sequences(folder)
    for id_ in found.ids:
        found[id_]


def refusal(folder):
    with pytest.raises(PipelineError) as caught:
        read_all(folder)
    sentence = str(caught.value)
    assert str(folder) in sentence
    assert "\n" not in sentence
    assert "dvc repro" in sentence
    return sentence


def first_shard(folder):
    return folder / json.loads((folder / INDEX).read_text())["shards"][0]["file"]


def test_a_shard_that_is_missing_or_cut_short_is_found_before_anything_is_read(tmp_path):
    write(tmp_path)
    path = first_shard(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(PipelineError, match=r"bytes where index\.json beside it says"):
        read_sequences(tmp_path)
    assert f"has {len(whole) - 1:,} bytes where index.json beside it says {len(whole):,}" in refusal(tmp_path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(PipelineError, match="is a Git LFS pointer"):
        read_sequences(tmp_path)
    path.unlink()
    assert f"{path}: named by index.json beside it, but cannot be read" in refusal(tmp_path)


def test_a_shard_that_vanishes_after_the_index_was_read_is_a_sentence(tmp_path):
    write(tmp_path)
    found = read_sequences(tmp_path)
    first_shard(tmp_path).unlink()
    with pytest.raises(PipelineError, match=r"named by index\.json"):
        list(found.parts())


@pytest.mark.parametrize(
    ("kind", "version", "header", "sentence"),
    [
        ("aligned split", 2, {}, "holds aligned split, but feature sequences was expected"),
        ("feature sequences", 1, {}, "version 1, and this code reads version 2"),
        ("feature sequences", 3, {}, "version 3, and this code reads version 2"),
        ("feature sequences", 2, {"modality": "audio", "ids": []}, "holds features of audio, but index.json beside it says visual"),
        ("feature sequences", 2, {"modality": "visual", "ids": ["x"]}, "holds other segments or columns than index.json"),
        ("feature sequences", 2, {}, "not a whole feature sequences file"),
    ],
)  # fmt: skip
def test_a_shard_of_another_form_is_refused(tmp_path, kind, version, header, sentence):
    write(tmp_path)
    tensors = {"values": np.zeros((0, 3), np.float32)}
    put(tmp_path, 1, tensors_to_bytes(tensors, kind=kind, version=version, header=header))
    assert sentence in refusal(tmp_path)


def test_a_shard_whose_arrays_do_not_fit_together_is_refused(tmp_path):
    write(tmp_path)
    ids = json.loads((tmp_path / INDEX).read_text())["shards"][0]["ids"]
    tensors = {
        "values": np.zeros((2, 3), np.float32), "times_s": np.zeros(2), "valid": np.zeros(2, bool),
        "offsets": np.zeros(len(ids) + 1, np.int64),
    }  # fmt: skip
    header = {"modality": "visual", "ids": ids}
    put(tmp_path, 0, tensors_to_bytes(tensors, kind="feature sequences", version=2, header=header))
    assert "not a whole feature sequences file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda index: index["shards"][0].update(ids=index["shards"][1]["ids"]), "twice, and expected each once"),
        (lambda index: index["shards"].append(index["shards"][0]), "twice, and expected each once"),
        (lambda index: index["shards"][0].update(file="../x.safetensors"), "not a whole index of feature shards"),
        (lambda index: index["shards"][0].update(ids=[]), "not a whole index of feature shards"),
        (lambda index: index.pop("columns"), "not a whole index of feature shards"),
        (lambda index: index.update(modality="smell"), "not a whole index of feature shards"),
        (lambda index: index.update(kind="x"), "holds x, but index of feature shards was expected"),
        (lambda index: index.update(version=9), "version 9, and this code reads version 1"),
    ],
)  # fmt: skip
def test_an_index_of_another_form_is_refused(tmp_path, change, sentence):
    write(tmp_path)
    edit_index(tmp_path, change)
    assert sentence in refusal(tmp_path)


def test_an_id_that_is_there_twice_is_not_written(tmp_path):
    with pytest.raises(PipelineError, match=r"has segment a twice.*dvc repro manifest"):
        write(tmp_path / "f", list("aba"), list("aba"))
    assert list(tmp_path.iterdir()) == []
