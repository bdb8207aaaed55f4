"""Aligned splits: whose each segment is comes back, by bytes, and a selection keeps everything together."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.split import Ratings
from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.corpus.segments import OWNERS
from pipeline.errors import PipelineError
from tests.grcf.synthetic import make_split


def owned_split(n_segments=6):
    plain = make_split("train", n_segments, seed=1)
    given = [{"ada": 1.0, "ben": 2.0}, {}, {"ben": -1.0}] + [{}] * (n_segments - 3)
    return replace(
        plain,
        corpus=("mosi",) * n_segments,
        speaker=tuple("ssttuu"[:n_segments]),
        video=tuple("abcdef"[:n_segments]),
        rater=("", "ada", "ben", "ada", "", "é"),
        trusted=np.arange(n_segments) % 2 == 0,
        ratings=Ratings.of(given),
    )


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(one, other):
    assert (one.ids, one.labels.tolist(), one.offsets.tolist()) == (
        other.ids,
        other.labels.tolist(),
        other.offsets.tolist(),
    )
    assert [one.names_of(owner) for owner in OWNERS] == [other.names_of(owner) for owner in OWNERS]
    assert one.is_trusted.tolist() == other.is_trusted.tolist()
    assert one.ratings.by_segment(len(one)) == other.ratings.by_segment(len(other))
    for modality in one.features:
        np.testing.assert_array_equal(one.features[modality], other.features[modality])
        np.testing.assert_array_equal(one.valid[modality], other.valid[modality])


def test_a_split_comes_back_and_its_bytes_repeat(tmp_path):
    split = owned_split()
    for name in ("one", "two"):
        write_aligned(tmp_path / name, split)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    same(read_aligned(tmp_path / "one"), split)


def test_without_owners_there_is_an_empty_name_for_each_segment(tmp_path):
    split = make_split("train", 4, seed=0)
    assert split.names_of("rater") == ("",) * 4
    assert split.is_trusted.tolist() == [False] * 4
    write_aligned(tmp_path / "one", split)
    same(read_aligned(tmp_path / "one"), split)


def test_owners_of_another_length_are_refused():
    with pytest.raises(PipelineError, match="does not fit together"):
        replace(make_split("train", 4, seed=0), rater=("ada",))


def test_a_selection_takes_words_names_and_ratings_along():
    split = owned_split()
    chosen = split.select(np.array([2, 0]))
    assert chosen.ids == (split.ids[2], split.ids[0])
    assert (chosen.video, chosen.rater) == (("c", "a"), ("ben", ""))
    assert chosen.ratings.by_segment(2) == [{"ben": -1.0}, {"ada": 1.0, "ben": 2.0}]
    for new, old in enumerate((2, 0)):
        for modality in split.features:
            np.testing.assert_array_equal(
                chosen.features[modality][chosen.offsets[new] : chosen.offsets[new + 1]],
                split.features[modality][split.offsets[old] : split.offsets[old + 1]],
            )
    same(split.select(np.arange(len(split))), split)


@pytest.mark.parametrize(("start", "stop"), [(0, 6), (1, 4), (4, 99)])
def test_a_stretch_is_the_selection_of_its_segments_without_a_copy(start, stop):
    split = owned_split()
    stretch = split.stretch(start, stop)
    same(stretch, split.select(np.arange(start, min(stop, len(split)))))
    assert np.shares_memory(stretch.features["text"], split.features["text"])


def test_the_corpora_that_are_named_are_chosen_and_an_unknown_one_is_refused():
    whole = replace(make_split("train", 4, seed=1), corpus=("mosi", "sims", "mosi", "mosei"))
    assert whole.of_corpora(None) is whole
    assert whole.of_corpora(("mosei", "mosi")).names_of("corpus") == ("mosi", "mosi", "mosei")
    assert whole.of_corpora(("sims",)).ids == whole.ids[1:2]
    with pytest.raises(
        PipelineError, match=r"training.corpora names 'moesi' .*choose from mosei, mosi, sims"
    ):
        whole.of_corpora(("mosi", "moesi"))
