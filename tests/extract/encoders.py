"""Small encoders of the real classes with drawn weights, saved as a user would have them."""

from pathlib import Path

import torch
import transformers
from transformers import Wav2Vec2FeatureExtractor

_SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
_SPEECH = _SMALL | {"conv_dim": (12,) * 7, "num_conv_pos_embedding_groups": 4}
_KINDS = {
    # As wav2vec2-base and hubert-base: normalised over time, trained without a mask.
    "wav2vec2-base": ("Wav2Vec2", {"num_conv_pos_embeddings": 16}),
    "hubert-base": ("Hubert", {"num_conv_pos_embeddings": 16}),
    "wavlm-base": ("WavLM", {"num_conv_pos_embeddings": 16, "num_buckets": 32, "max_bucket_distance": 80}),
    # As wav2vec2-large-lv60 and hubert-large: normalised over channels, trained with a mask.
    "wav2vec2-large": (
        "Wav2Vec2",
        {
            "num_conv_pos_embeddings": 16,
            "feat_extract_norm": "layer",
            "do_stable_layer_norm": True,
            "conv_bias": True,
        },
    ),
    "data2vec": ("Data2VecAudio", {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5}),
    # Of a kind that is not known to leave padding out.
    "conformer": (
        "Wav2Vec2Conformer",
        {
            "num_conv_pos_embeddings": 16,
            "position_embeddings_type": "relative",
            "conv_depthwise_kernel_size": 5,
        },
    ),
}
SPEECH_KINDS = tuple(_KINDS)


def save_speech_encoder(
    folder: Path, kind: str = "wav2vec2-base", *, rate_hz: int = 16000, seed: int = 0
) -> Path:
    """A speech encoder with the strides of the public ones, so that a row is 0.02 s."""
    name, settings = _KINDS[kind]
    config = getattr(transformers, f"{name}Config")(**_SPEECH | settings)
    torch.manual_seed(seed)
    getattr(transformers, f"{name}Model")(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(
        sampling_rate=rate_hz, do_normalize=kind != "hubert-base", return_attention_mask="large" in kind
    ).save_pretrained(folder)
    return folder


def save_image_encoder(folder: Path, kind: str = "vit", *, seed: int = 0) -> Path:
    """An image encoder that reads squares of 32 pixels."""
    torch.manual_seed(seed)
    seen = _SMALL | {"image_size": 32, "patch_size": 8}
    size = {"height": 32, "width": 32}
    if kind == "clip":
        text = _SMALL | {"vocab_size": 50, "max_position_embeddings": 8}
        config = transformers.CLIPConfig(text_config=text, vision_config=seen, projection_dim=8)
        model, prepares = transformers.CLIPModel(config), transformers.CLIPImageProcessorPil
        settings = {"size": {"shortest_edge": 32}, "crop_size": size}
    elif kind == "dinov2":
        model, prepares = (
            transformers.Dinov2Model(transformers.Dinov2Config(**seen)),
            transformers.BitImageProcessorPil,
        )
        settings = {"size": {"shortest_edge": 40}, "crop_size": size}
    elif kind == "siglip":
        model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**seen))
        prepares, settings = transformers.SiglipImageProcessorPil, {"size": size}
    else:
        model = transformers.ViTModel(transformers.ViTConfig(**seen), add_pooling_layer=False)
        prepares, settings = transformers.ViTImageProcessorPil, {"size": size}
    model.save_pretrained(folder)
    prepares(**settings).save_pretrained(folder)
    return folder
