"""Feature pickles of three toolkits: what is taken from them, and what is refused in a sentence."""

import pickle
import re

import numpy as np
import pytest

from pipeline.corpus.pickled import read_pickled
from pipeline.errors import PipelineError
from pipeline.pickles.layouts import find_pickle, read_feature_pickle, read_feature_pickle_and_rest
from tests.pickles.examples import DIMS, N, mmsa, mult, multibench


def read(tmp_path, content, layout):
    (tmp_path / "features.pkl").write_bytes(pickle.dumps(content))
    return read_feature_pickle(tmp_path / "features.pkl", layout=layout)


@pytest.mark.parametrize(
    ("layout", "content", "aligned"),
    [
        ("mmsa", mmsa(aligned=True), True),
        ("mmsa", mmsa(aligned=False), False),
        ("mult", mult(aligned=True), True),
        ("mult", mult(aligned=False), False),
        ("multibench", multibench(classes=(0, 1)), True),
    ],
)
def test_every_layout_gives_the_same_form(tmp_path, layout, content, aligned):
    splits = read(tmp_path, content, layout)
    assert [(given.split, len(given.ids)) for given in splits] == list(N.items())
    assert {given.aligned for given in splits} == {aligned}
    for given in splits:
        of = content[given.split]
        for modality, key in (("text", "text"), ("audio", "audio"), ("visual", "vision")):
            assert np.array_equal(given.features[modality], of[key])
            assert given.features[modality].shape[2] == DIMS[key]


@pytest.mark.parametrize("layout", ["mmsa", "mult", "multibench"])
def test_samples_of_other_parts_are_named_and_left_out(tmp_path, layout):
    content = {
        "mmsa": mmsa(aligned=True),
        "mult": mult(aligned=True),
        "multibench": multibench(classes=(0, 1)),
    }[layout]
    extra = {key: values[:3] for key, values in content["train"].items()}
    named = "extra$_$0"
    further = {
        "train_extra": extra | {"id": [named, "extra$_$1", named]},
        "extra_too": extra | {"id": [named, "", "extra$_$2"]},
        "train_and_valid": content["train"],
        "unnamed": {key: values for key, values in extra.items() if key != "id"},
        "settings": {"window": 50},
        "version": 2,
    }
    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(content | further))
    splits, rest = read_feature_pickle_and_rest(path, layout=layout)
    assert [len(given.ids) for given in splits] == list(N.values())
    assert rest == {"train_extra": (named, "extra$_$1"), "extra_too": ("extra$_$2",), "unnamed": ()}
    excluded = [row for row in read_pickled(tmp_path, layout=layout) if row.excluded is not None]
    assert [row.id for row in excluded] == [named, "extra$_$1", "extra$_$2", "unnamed"]
    assert excluded[0].excluded == (
        f"{path}, train_extra: is none of train, valid and test, which alone are read; put its samples into one of them"
    )


def test_mmsa_has_videos_transcripts_lengths_and_regression_labels(tmp_path):
    given = read(tmp_path, mmsa(aligned=False), "mmsa")[0]
    assert given.ids[4] == "trainvideo1$_$1"
    assert given.videos[4] == "trainvideo1"
    assert set(given.labels) <= {-2.4, -1.0, 0.0, 1.2, 3.0}
    assert given.transcripts[0].split() == ["word"] * len(given.transcripts[0].split())
    assert set(given.lengths) == {"audio", "visual"}
    assert given.spans_s[0] is None


def test_classification_labels_count_where_there_are_no_others(tmp_path):
    content = mmsa(aligned=True)
    for of in content.values():
        del of["regression_labels"]
    assert set(read(tmp_path, content, "mmsa")[0].labels) == {0.0, 1.0, 2.0}


def test_mult_has_spans_and_videos_in_its_ids(tmp_path):
    given = read(tmp_path, mult(aligned=True), "mult")[0]
    assert (given.ids[4], given.videos[4], given.spans_s[4]) == ("trainvideo1_1", "trainvideo1", (4.5, 7.25))


def test_ids_that_name_the_video_alone_are_told_apart_by_their_span(tmp_path):
    content = mult(aligned=True)
    for of in content.values():
        of["id"] = np.array([[b"video-x", row[1], row[2]] for row in of["id"]], object)
    given = read(tmp_path, content, "mult")[0]
    assert given.ids[:2] == ("video-x[0.5-3.25]", "video-x[1.5-4.25]")
    assert set(given.videos) == {"video-x"}


def test_sarcasm_of_minus_one_and_one_is_zero_and_one(tmp_path):
    assert set(read(tmp_path, multibench(classes=(-1, 1)), "multibench")[0].labels) == {0.0, 1.0}
    assert set(read(tmp_path, multibench(classes=(0, 1)), "multibench")[0].labels) == {0.0, 1.0}


def test_texts_beside_a_multibench_pickle_are_taken_without_pauses(tmp_path):
    texts = {0: ["so", "sp", "funny"], 1: "not at all"}
    (tmp_path / "features_raw_text.pkl").write_bytes(pickle.dumps(texts))
    given = read(tmp_path, multibench(classes=(0, 1)), "multibench")[0]
    assert given.transcripts[:3] == ("so funny", "not at all", None)
    assert find_pickle(tmp_path).name == "features.pkl"


def change(**keys):
    content = mmsa(aligned=False)
    for key, value in keys.items():
        content["valid"][key] = value(content["valid"][key])
    return content


def without(*keys):
    content = mmsa(aligned=True)
    for key in keys:
        del content["valid"][key]
    return content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([1], "holds a list; expected a dict"),
        ({"train": {}, "dev": {}}, "the split 'valid' is missing; found dev, train"),
        (without("vision"), "valid: the key 'vision' is missing; found annotations, audio"),
        (without("regression_labels", "classification_labels"), "the key 'regression_labels' is missing"),
        (change(audio=lambda a: a[:, 0, 0]), "valid, audio: float32 of shape .12,.; expected numbers of shape"),
        (change(vision=lambda a: a.astype(str)), "valid, vision: <U32 of shape"),
        (change(vision=lambda a: a[1:], vision_lengths=lambda a: a[1:]), "vision has 11 samples, but text has 12"),
        (change(regression_labels=lambda a: np.stack([a, a], 1)), "expected a finite number for each of 12 samples"),
        (change(regression_labels=lambda a: a * np.nan), "expected a finite number"),
        (change(id=lambda a: a[1:]), "11 ids for 12 samples"),
        (change(audio_lengths=lambda a: a[1:]), "audio_lengths: int64 of shape .11,.; expected 12 whole numbers"),
        (change(raw_text=lambda a: a[1:]), "raw_text has 11 samples"),
    ],
)  # fmt: skip
def test_a_pickle_that_does_not_fit_is_a_sentence(tmp_path, content, sentence):
    with pytest.raises(PipelineError, match=sentence):
        read(tmp_path, content, "mmsa")


@pytest.mark.parametrize(
    ("names", "sentence"), [([], "holds 0 feature"), (["a.pkl", "b.pkl"], "a.pkl, b.pkl")]
)
def test_a_folder_holds_one_feature_pickle(tmp_path, names, sentence):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(PipelineError, match=f"{sentence}.*expected one file that ends in .pkl"):
        find_pickle(tmp_path)
    with pytest.raises(PipelineError, match="no such folder"):
        find_pickle(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("text", [[1.0], [1.0, 2.0]], "train, text: is no array"),
        ("text", 3.0, "train, text: float64 of shape ()"),
        ("text", {"a": 1}, "train, text: object of shape ()"),
        ("regression_labels", [[1.0], [1.0, 2.0]], "regression_labels: is no array"),
        ("regression_labels", "high", "regression_labels: <U4 of shape ()"),
        ("id", 7, "train, id: is a int; expected an entry per sample"),
        ("id", np.array(7), "train, id: is an array of int64 of shape ()"),
        ("id", {"a": 1}, "train, id: is a dict"),
        ("raw_text", 2.5, "train, raw_text: is a float; expected an entry per sample"),
        ("audio_lengths", [[1], [1, 2]], "audio_lengths: is no array"),
        ("audio_lengths", "x", "audio_lengths: <U1 of shape ()"),
    ],
)
def test_fields_of_another_form_are_named(tmp_path, key, value, sentence):
    content = mmsa(aligned=False)
    content["train"][key] = value
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        read(tmp_path, content, "mmsa")
