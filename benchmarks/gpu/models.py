"""Models of the real classes and sizes with drawn weights, made from their configurations without a network.

Speed, memory and the agreement of two devices do not depend on what a model has learnt. `small` gives a few layers of a few
units each, for a rehearsal.
"""

import csv
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
_SMALL_SPEECH = _SMALL | {
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


def save_bert(folder: Path, transcripts: Path, *, small: bool) -> Path:
    """BERT-base (12 layers of 768, a vocabulary of 30,522) with a tokenizer of the words in a column `text`."""
    with transcripts.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=2000, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    transformers.BertModel(transformers.BertConfig(**(_SMALL if small else {}))).save_pretrained(folder)
    return folder


def save_speech(folder: Path, kind: str, *, small: bool) -> Path:
    """wav2vec2-base or HuBERT-base (12 layers of 768 over seven convolutions), `Wav2Vec2` or `Hubert`."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**(_SMALL_SPEECH if small else {}))
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=kind != "Hubert").save_pretrained(folder)
    return folder


def save_clip(folder: Path, *, small: bool) -> Path:
    """CLIP-ViT-B/32 (12 layers of 768 over patches of 32 pixels)."""
    torch.manual_seed(0)
    side = 32 if small else 224
    config = (
        transformers.CLIPConfig(
            text_config=_SMALL | {"vocab_size": 50, "max_position_embeddings": 8},
            vision_config=_SMALL | {"image_size": side, "patch_size": 8},
            projection_dim=8,
        )
        if small
        else transformers.CLIPConfig()
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    ).save_pretrained(folder)
    return folder


def draw_whisper(*, small: bool) -> transformers.WhisperForConditionalGeneration:
    """Whisper-tiny (4 layers of 384 on either side, a vocabulary of 51,865)."""
    torch.manual_seed(0)
    layers = {
        "encoder_layers": 4,
        "decoder_layers": 4,
        "encoder_attention_heads": 6,
        "decoder_attention_heads": 6,
    }
    sizes = {"d_model": 384, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536}
    if small:
        layers = dict.fromkeys(layers, 2)
        sizes = {"d_model": 32, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    model = transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**layers, **sizes))
    return model.eval()
