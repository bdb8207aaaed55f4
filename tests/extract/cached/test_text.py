"""Vectors are kept by the words that they are of, and sub-tokens of an encoder that learns are not kept."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.extract.cached.text import text_extractor
from pipeline.extract.text.encoder import TextEncoder, TextSettings
from tests.grcf.encoders import save_bert


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_bert(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))


def extractor_of(folder: Path, *, layer: int = -1, mode: str = "frozen"):
    return text_extractor(TextSettings(model=str(folder), layers=(layer,), precision="float32", mode=mode))


def spoken(*words: tuple[str, float, float], segment_id: str = "a") -> SegmentWords:
    return SegmentWords(segment_id, "given", tuple(Word(*word) for word in words))


def same(first: FeatureSequence, second: FeatureSequence) -> bool:
    return first.to_bytes() == second.to_bytes()


ROWS = [
    spoken(("good", 0.0, 0.5), ("film", 0.5, 1.0)),
    spoken(segment_id="b"),
    spoken(("bad", 0.1, 0.5), segment_id="c"),
]


def test_what_the_cache_holds_is_not_encoded_again(folder, tmp_path, monkeypatch):
    first = extractor_of(folder).map(ROWS[:2])
    asked = []
    encode = TextEncoder.encode
    monkeypatch.setattr(TextEncoder, "encode", lambda self, words: asked.extend(words) or encode(self, words))
    again = extractor_of(folder).map(ROWS)
    assert asked == [["bad"]]
    assert all(map(same, first, again))
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cold"))
    assert all(map(same, again, extractor_of(folder).map(ROWS)))


def test_one_segment_has_the_bits_of_the_whole_corpus(folder):
    extractor = extractor_of(folder)
    assert all(map(same, extractor.map(ROWS), map(extractor.one, ROWS)))


def test_another_layer_meets_no_old_vectors(folder):
    last, first = (extractor_of(folder, layer=layer).map(ROWS)[0].values for layer in (-1, 0))
    assert last.shape == first.shape
    assert not np.array_equal(last, first)


def test_new_times_need_no_new_vectors(folder, monkeypatch):
    extractor = extractor_of(folder)
    extractor.map(ROWS)
    monkeypatch.setattr(TextEncoder, "encode", lambda _, __: pytest.fail("encoded again"))
    moved = extractor.map([spoken(("good", 1.0, 1.5), ("film", 2.0, 3.0))])
    assert moved[0].times_s.tolist() == [1.25, 2.5]


def test_an_encoder_that_learns_has_sub_tokens_and_nothing_is_kept(folder, tmp_path):
    extractor = extractor_of(folder, mode="finetuned")
    sequences = extractor.map(ROWS)
    assert [sequence.values.shape for sequence in sequences] == [(2, 0), (0, 0), (1, 0)]
    assert sequences[0].tokens.encoder == extractor.description["settings"]
    assert extractor.description["settings"]["found_as"] == str(folder)
    assert extractor.keys(ROWS) == []
    assert not (tmp_path / "cache").exists()
