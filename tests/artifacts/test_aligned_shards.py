"""An aligned split in several files: it is read as in one, and a change of a segment leaves most of them alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.align.splits import fit_normalisation, normalise
from pipeline.artifacts.aligned import rows
from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.rows import ShardedRows
from pipeline.artifacts.aligned.split import Ratings
from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.formats.files import sha256_of, tensors_to_bytes
from pipeline.artifacts.sharding.assignment import consecutive_shards
from pipeline.artifacts.sharding.files import INDEX, check_content
from pipeline.errors import PipelineError
from pipeline.grcf.network import batches
from pipeline.grcf.network.batches import SplitTensors
from tests.artifacts.test_aligned import content, same
from tests.grcf.models import pointwise, rank
from tests.grcf.synthetic import make_split

LIMIT = 16_000


def large_split(n_segments=200):
    rng = np.random.default_rng(5)
    given = [
        {
            f"r{rater}": float(label)
            for rater, label in zip(rng.permutation(9), rng.normal(size=n), strict=False)
        }
        for n in rng.integers(0, 3, n_segments)
    ]
    return replace(
        make_split("train", n_segments, seed=3),
        corpus=("mosi",) * n_segments,
        speaker=tuple(f"s{n // 9}" for n in range(n_segments)),
        video=tuple(f"v{n // 5}é" for n in range(n_segments)),
        rater=tuple("" if n % 3 else f"r{n % 4}" for n in range(n_segments)),
        trusted=np.arange(n_segments) % 2 == 0,
        ratings=Ratings.of(given),
    )


def shards(folder):
    return json.loads((folder / INDEX).read_text())["shards"]


@pytest.fixture
def written(tmp_path):
    """A split in several shards, and what it is once it is normalised."""
    split = large_split()
    normalisation = fit_normalisation(split)
    write_aligned(tmp_path / "train", split, normalisation=normalisation, limit_bytes=LIMIT)
    return tmp_path / "train", normalise(split, normalisation)


def test_a_split_in_several_files_is_read_as_in_one_and_normalised(written, tmp_path):
    folder, expected = written
    assert len(shards(folder)) >= 4
    same(read_aligned(folder), expected)
    split = large_split()
    write_aligned(tmp_path / "one", split, normalisation=fit_normalisation(split))
    assert len(shards(tmp_path / "one")) == 1
    same(read_aligned(tmp_path / "one"), expected)
    write_aligned(tmp_path / "as it is", split, limit_bytes=LIMIT)
    same(read_aligned(tmp_path / "as it is"), split)


def test_shards_keep_the_limit_and_are_what_the_index_says(written):
    folder, expected = written
    for shard in shards(folder):
        path = folder / shard["file"]
        assert path.stat().st_size == shard["bytes"] <= LIMIT
        assert sha256_of(path) == shard["sha256"]
    assert {shard["file"] for shard in shards(folder)} | {INDEX} == set(content(folder))
    assert sum(shard["segments"] for shard in shards(folder)) == len(expected)
    assert sum(shard["words"] for shard in shards(folder)) == expected.offsets[-1]


@pytest.mark.parametrize("modality", MODALITIES)
def test_rows_are_taken_as_from_an_array(written, modality):
    folder, expected = written
    sharded, array = read_aligned(folder).features[modality], expected.features[modality]
    assert isinstance(sharded, ShardedRows)
    assert (sharded.shape, sharded.size, len(sharded)) == (array.shape, array.size, len(array))
    positions = np.random.default_rng(1).integers(-len(array), len(array), 500)
    for chosen in (
        slice(None), slice(3, 5), slice(7, -9), slice(5, 5), slice(9, 3), slice(None, None, -7), slice(400, 10**9),
        positions, np.zeros(0, np.int64),
    ):  # fmt: skip
        np.testing.assert_array_equal(sharded[chosen], array[chosen])
    np.testing.assert_array_equal(np.where(array > 0, sharded, 1), np.where(array > 0, array, 1))
    np.testing.assert_array_equal(np.concatenate([sharded, sharded]), np.concatenate([array, array]))
    for outside in (len(array), -len(array) - 1):
        with pytest.raises(IndexError):
            sharded[np.array([0, outside])]
    taken = sharded[:4]
    taken[:] = 7
    np.testing.assert_array_equal(sharded[:4], array[:4])


def test_selections_and_stretches_are_those_of_the_whole(written):
    folder, expected = written
    read = read_aligned(folder)
    same(read.stretch(20, 170), expected.stretch(20, 170))
    chosen = np.random.default_rng(0).permutation(len(expected))[:50]
    same(read.select(chosen), expected.select(chosen))


def test_batches_are_those_of_the_whole_to_the_bit(written):
    folder, expected = written
    whole, sharded = (SplitTensors(split, device="cpu") for split in (expected, read_aligned(folder)))
    for one, other in zip(whole.in_order(32), sharded.in_order(32), strict=True):
        for modality in MODALITIES:
            assert len(other.features[modality]) < len(one.features[modality])
            assert one.valid[modality].equal(other.valid[modality])
            assert one.features[modality][one.row][one.valid[modality]].equal(
                other.features[modality][other.row][other.valid[modality]]
            )
    seeds = np.stack([np.arange(8), np.arange(190, 198)])
    visible = np.ones((*seeds.shape, len(MODALITIES)), bool)
    one, other = whole.stacked(seeds, visible), sharded.stacked(seeds, visible)
    for modality in MODALITIES:
        assert one.row.shape == other.row.shape
        assert one.features[modality][one.row][one.valid[modality]].equal(
            other.features[modality][other.row][other.valid[modality]]
        )


def test_a_device_holds_the_rows_that_it_has_room_for(written, monkeypatch):
    folder, expected = written
    features = read_aligned(folder).features
    n_bytes = sum(4 * of_modality.size for of_modality in features.values())
    # `meta` is a device that holds nothing, so what is on it was put there; values are looked at on the processor.
    for room, there in ((n_bytes, True), (n_bytes - 1, False)):
        monkeypatch.setattr(batches, "_room_bytes", lambda device, room=room: room)
        found = batches._sources(features, device="meta")
        assert [isinstance(source, ShardedRows) for source in found.values()] == [not there] * 3
    monkeypatch.setattr(batches, "_ROWS_AT_ONCE", 100)
    for modality in MODALITIES:
        np.testing.assert_array_equal(
            batches._onto(features[modality], "cpu").numpy(), expected.features[modality]
        )


def test_many_rows_of_one_file_are_read_when_they_are_looked_at(tmp_path, monkeypatch):
    split = large_split()
    normalisation = fit_normalisation(split)
    write_aligned(tmp_path, split, normalisation=normalisation)
    monkeypatch.setattr(rows, "_HELD_BYTES", 4_000)
    read = read_aligned(tmp_path)
    assert all(isinstance(of_modality, ShardedRows) for of_modality in read.features.values())
    same(read, normalise(split, normalisation))


@pytest.mark.parametrize("train", [rank, pointwise])
def test_training_on_shards_gives_the_checkpoint_of_the_whole_to_the_bit(written, train):
    folder, expected = written
    valid = make_split("valid", 40, seed=9)
    one, other = train(expected, valid), train(read_aligned(folder), valid)
    assert one.tensors.keys() == other.tensors.keys()
    for name, weights in one.tensors.items():
        np.testing.assert_array_equal(weights, other.tensors[name])


def test_a_further_segment_leaves_most_shards_alone(written):
    folder, _ = written
    before, split = content(folder), large_split()
    for place in (0, 100, 199):
        order = np.concatenate([np.arange(place), [0], np.arange(place, len(split))])
        longer = split.select(order)
        longer = replace(longer, ids=(*longer.ids[:place], "a new one", *longer.ids[place + 1 :]))
        write_aligned(folder, longer, normalisation=fit_normalisation(longer), limit_bytes=LIMIT)
        after = content(folder)
        kept = before.keys() & after.keys() - {INDEX}
        assert all(before[name] == after[name] for name in kept)
        assert len(kept) >= len(before) - 1 - 3


def test_another_normalisation_changes_the_index_alone(written):
    folder, _ = written
    before, split = content(folder), large_split()
    fitted = fit_normalisation(split)
    other = Normalisation({m: mean + 1 for m, mean in fitted.mean.items()}, fitted.std)
    write_aligned(folder, split, normalisation=other, limit_bytes=LIMIT)
    after = content(folder)
    assert {name for name in after if after[name] != before.get(name)} == {INDEX}
    same(read_aligned(folder), normalise(split, other))


def test_what_a_stopped_run_left_is_removed(written):
    folder, _ = written
    (folder / "0123456789abcdef.safetensors").write_bytes(b"x")
    (folder / "half.tmp").write_bytes(b"x")
    (folder / "notes.txt").write_text("mine")
    write_aligned(folder, large_split(), limit_bytes=LIMIT)
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors", ".txt"}
    assert {shard["file"] for shard in shards(folder)} == {path.name for path in folder.glob("*.safetensors")}


@given(
    sizes=st.lists(st.integers(1, 400), max_size=60),
    limit=st.integers(1, 1000),
    place=st.integers(0, 60),
)
def test_shards_are_consecutive_keep_the_limit_and_find_back_after_a_change(sizes, limit, place):
    ids = [f"segment {number}" for number in range(len(sizes))]
    found = consecutive_shards(ids, np.array(sizes, np.int64), limit_bytes=limit)
    assert [position for start, stop in found for position in range(start, stop)] == list(range(len(ids)))
    for start, stop in found:
        assert sum(sizes[start:stop]) <= limit or stop - start == 1
    if sum(sizes) <= limit:
        assert len(found) == 1
        return
    # A beginning that an id decides stays one, whatever comes before it.
    begins = {ids[start] for start, _ in found}
    longer = ["new", *ids]
    further = consecutive_shards(longer, np.array([limit, *sizes], np.int64), limit_bytes=limit)
    forced = {longer[start] for start, _ in further} ^ begins
    assert len(forced - {"new", ids[0]}) <= len(begins)


def test_bytes_that_are_not_those_of_the_index_are_found_where_a_digest_stands_for_them(written):
    folder, _ = written
    check_content(folder)
    path = folder / shards(folder)[-1]["file"]
    whole = bytearray(path.read_bytes())
    whole[-9] ^= 1
    path.write_bytes(whole)
    read_aligned(folder)
    with pytest.raises(PipelineError, match=rf"{path.name}: holds other bytes than index.json .*dvc repro"):
        check_content(folder)


def edit_index(folder, change):
    index = json.loads((folder / INDEX).read_text())
    change(index)
    (folder / INDEX).write_text(json.dumps(index))


def refusal(folder):
    with pytest.raises(PipelineError) as caught:
        read_aligned(folder)
    sentence = str(caught.value)
    assert str(folder) in sentence
    assert "\n" not in sentence
    assert "dvc repro" in sentence
    return sentence


def test_a_shard_that_is_missing_cut_short_or_elsewhere_is_refused(written):
    folder, _ = written
    path = folder / shards(folder)[1]["file"]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert f"has {len(whole) - 1:,} bytes where index.json beside it says {len(whole):,}" in refusal(folder)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(PipelineError, match="is a Git LFS pointer"):
        read_aligned(folder)
    path.unlink()
    assert "named by index.json beside it, but cannot be read" in refusal(folder)
    path.write_bytes(whole)
    edit_index(folder, lambda index: index["shards"][0].update(file="../x.safetensors"))
    assert "not a whole index of an aligned split file" in refusal(folder)


def test_an_index_that_is_missing_or_of_another_form_is_refused(written):
    folder, _ = written
    index = (folder / INDEX).read_text()
    changes = (
        lambda index: index.update(kind="index of feature shards"),
        lambda index: index.update(version=99),
        lambda index: index.update(version=0),
        lambda index: index.update(shards=[]),
        lambda index: index.pop("columns"),
        lambda index: index["columns"]["audio"].pop(),
        lambda index: index["normalisation"]["text"]["mean"].pop(),
        lambda index: index["normalisation"]["text"]["std"].__setitem__(0, 0.0),
        lambda index: index["normalisation"]["text"]["mean"].__setitem__(0, float("nan")),
        lambda index: index["normalisation"].pop("visual"),
        lambda index: index["shards"].reverse() or index["shards"][0].update(words=1),
        lambda index: index["shards"][0].update(segments="x"),
    )
    for change in changes:
        (folder / INDEX).write_text(index)
        edit_index(folder, change)
        refusal(folder)
    for text in ("", "[]", "3", "{}", "{"):
        (folder / INDEX).write_text(text)
        refusal(folder)
    (folder / INDEX).unlink()
    refusal(folder)


def test_a_file_of_the_time_before_shards_is_no_folder(tmp_path):
    path = tmp_path / "train"
    path.write_bytes(tensors_to_bytes({"a": np.zeros(2)}, kind="aligned split", version=2, header={}))
    refusal(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": np.zeros(2)},
        {"offsets": np.zeros(3, np.int64)},
        {"offsets": np.zeros(0, np.int64), "labels": np.zeros(0)},
    ],
)
def test_a_shard_of_another_form_is_refused(written, tensors):
    folder, _ = written
    shard = shards(folder)[0]
    for kind, version in (("aligned segments", 3), ("aligned segments", 4), ("aligned split", 2)):
        header = {"ids": ["x"], "raters": []}
        damaged = tensors_to_bytes(tensors, kind=kind, version=version, header=header)
        (folder / shard["file"]).write_bytes(damaged)
        said = {"bytes": len(damaged), "segments": 1, "words": 0}
        edit_index(folder, lambda index, said=said: index["shards"][0].update(said))
        refusal(folder)
