"""A small text encoder in a folder, and splits whose text it still has to read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.corpus.tokens import join_tokens
from pipeline.extract.text.encoder import TextEncoder
from pipeline.pretrained.models import EncoderSettings
from tests.grcf.synthetic import make_split

# From the lowest label to the highest; some fall into several sub-tokens.
WORDS = ("dreadful", "bad", "dull", "so-so", "fine", "good", "marvellous")
FILLERS = ("the", "film", "was", "and", "plot", "she", "said")
N_LAYERS, N_DIMENSIONS, MAX_TOKENS = 3, 32, 40


def save_bert(folder: Path, *, seed: int = 0, dropout: float = 0.1) -> Path:
    """WordPiece of few pieces, random weights."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=60, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS + FILLERS)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=N_DIMENSIONS,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=MAX_TOKENS,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(
        folder
    )
    BertModel(config).save_pretrained(folder)
    return folder


def text_encoder(folder: Path) -> TextEncoder:
    last_layer = EncoderSettings(layers=(-1,), precision="float32")
    return TextEncoder(str(folder), settings=last_layer, device="cpu")


def sentences_of(split: AlignedSplit, *, seed: int) -> list[list[str]]:
    """A word that tells the label somewhere among others, as many words as the segment has."""
    rng = np.random.default_rng(seed)
    sentences = []
    for label, n_words in zip(split.labels, np.diff(split.offsets), strict=True):
        words = [str(word) for word in rng.choice(FILLERS, n_words)]
        words[int(rng.integers(n_words))] = WORDS[int(np.clip(round(label), -3, 3)) + 3]
        sentences.append(words)
    return sentences


def make_spoken_split(split: str, n_segments: int, seed: int, folder: Path) -> AlignedSplit:
    """A split of `make_split` whose text is tokens for the encoder of `folder`."""
    aligned = make_split(split, n_segments, seed=seed)
    encoder = text_encoder(folder)
    tokens = join_tokens(encoder.tokenise(sentences_of(aligned, seed=seed)))
    n_words = int(aligned.offsets[-1])
    return replace(
        aligned,
        features={**aligned.features, "text": np.zeros((n_words, 0), np.float32)},
        valid={**aligned.valid, "text": np.ones(n_words, bool)},
        columns={modality: aligned.columns[modality] for modality in MODALITIES} | {"text": encoder.columns},
        tokens=tokens,
    )
