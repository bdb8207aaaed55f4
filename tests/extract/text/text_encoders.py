"""Text encoders as people have them, small and with drawn weights, and sentences for them."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    PreTrainedTokenizerFast,
)

from pipeline.extract.text.encoder import TextEncoder
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


def encoder_of(
    folder: Path | str,
    *,
    layers: tuple[int, ...] = (-1,),
    precision: str = "float32",
    revision: str = "main",
) -> TextEncoder:
    settings = EncoderSettings(revision=revision, layers=layers, precision=precision)
    return TextEncoder(str(folder), settings=settings, device="cpu")
