"""Encoders on a GPU: how fast they are through the pipeline, and by how much their vectors differ from a CPU's."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks import encoders
from benchmarks.gpu.models import draw_whisper, save_bert, save_clip, save_speech
from benchmarks.gpu.scale import PRECISIONS, TRANSCRIPTS, Scale, demo_rows, seconds_of
from pipeline.extract.audio.speech import SpeechEncoder
from pipeline.extract.text.encoder import TextEncoder
from pipeline.extract.tokens import tokenise
from pipeline.extract.visual.images import ImageEncoder
from pipeline.extract.visual.mesh import FaceSettings
from pipeline.pretrained.models import EncoderSettings

FACES = FaceSettings(face="largest", frame_rate_hz=10.0, min_confidence=0.5)
RATE_HZ = 16_000
# By how much vectors of two devices may differ, as the tests marked gpu have it.
PROMISED = {"text": 1e-4, "speech": 1e-3, "image": 1e-3}


def throughput(scale: Scale) -> dict[str, Any]:
    """Each encoder through the pipeline as a share of the same encoder on finished batches; 0.7 is aimed at."""
    result: dict[str, Any] = {"target": 0.7}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bert = save_bert(folder / "bert", TRANSCRIPTS, small=scale.small)
        speech = {
            "wav2vec2-base": save_speech(folder / "wav2vec2", "Wav2Vec2", small=scale.small),
            "hubert-base": save_speech(folder / "hubert", "Hubert", small=scale.small),
        }
        clip = save_clip(folder / "clip", small=scale.small)
        for precision in PRECISIONS:
            settings = EncoderSettings(layers=(-1,), precision=precision)
            result[f"bert-base {precision}"] = encoders.measure_text(
                scale.of(20_000, 40), scale.device, model=str(bert), settings=settings
            )
            for kind, saved in speech.items():
                sounds = folder / f"{kind}_{precision}"
                sounds.mkdir()
                result[f"{kind} {precision}"] = encoders.measure_speech(
                    scale.of(600, 4), scale.device, str(saved), sounds, settings=settings
                )
            result[f"clip-vit-b-32 {precision}"] = image_throughput(clip, scale, settings)
        result["whisper-tiny float32"] = whisper_speed(scale)
    return result


def image_throughput(folder: Path, scale: Scale, settings: EncoderSettings) -> dict[str, Any]:
    """Pictures of faces that are cut out already, read one by one by the pipeline, against finished batches of 128."""
    encoder = ImageEncoder(str(folder), settings=settings, faces=FACES, device=scale.device)
    side = 32 if scale.small else 224
    n_pictures = scale.of(8_000, 12)
    pictures = np.random.default_rng(0).integers(0, 256, (n_pictures, side, side, 3), np.uint8)
    dtype = getattr(torch, settings.precision)
    batches = [
        torch.from_numpy(pictures[start : start + 128]).permute(0, 3, 1, 2).to(dtype) / 255
        for start in range(0, n_pictures, 128)
    ]
    list(encoder.read(enumerate(pictures[:8])))

    @torch.inference_mode()
    def ready_made() -> None:
        for batch in batches:
            encoder._model(pixel_values=batch.to(scale.device)).last_hidden_state[:, 0].float().cpu()

    return encoders.compare(
        lambda: list(encoder.read(enumerate(pictures))), ready_made, amount=n_pictures, unit="pictures"
    )


def whisper_speed(scale: Scale) -> dict[str, Any]:
    """Half a minute of sound at a time, 32 tokens each: with drawn weights what is written means nothing."""
    model = draw_whisper(small=scale.small).to(scale.device)
    prepare = transformers.WhisperFeatureExtractor()
    n_windows = scale.of(32, 1)
    noise = 0.1 * np.random.default_rng(0).standard_normal(30 * RATE_HZ).astype(np.float32)
    features = prepare(noise, sampling_rate=RATE_HZ, return_tensors="pt").input_features.to(scale.device)
    tokens = torch.full((1, 1), 1, device=scale.device)

    @torch.inference_mode()
    def run() -> None:
        for _ in range(n_windows):
            heard = model.model.encoder(features).last_hidden_state
            written = tokens
            for _ in range(scale.of(32, 2)):
                logits = model(encoder_outputs=(heard,), decoder_input_ids=written).logits
                written = torch.cat([written, logits[:, -1:].argmax(-1)], dim=1)
            written.cpu()

    run()
    seconds = seconds_of(run, scale.device)
    return {"windows": n_windows, "sound_s_per_s": round(30 * n_windows / seconds, 1)}


def agreement(scale: Scale) -> dict[str, Any]:
    """By how much the vectors of the device differ from those of the CPU at most, in float32, and what is promised."""
    found: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    settings = EncoderSettings(layers=(-1,), precision="float32")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bert = save_bert(folder / "bert", TRANSCRIPTS, small=scale.small)
        sentences = [tokenise(row["text"]) for row in demo_rows()[: scale.of(64, 4)]]

        def text(device: str) -> list[np.ndarray]:
            return list(TextEncoder(str(bert), settings=settings, device=device).encode(sentences))

        found["bert-base"] = _difference(text, scale, PROMISED["text"])
        for kind in ("Wav2Vec2", "Hubert"):
            saved = save_speech(folder / kind, kind, small=scale.small)
            sounds = [
                0.1 * rng.standard_normal(round(s * RATE_HZ)).astype(np.float32) for s in (1.0, 2.3, 4.1)
            ]

            def speech(
                device: str, saved: Path = saved, sounds: list[np.ndarray] = sounds
            ) -> list[np.ndarray]:
                model = transformers.AutoModel.from_pretrained(saved).eval().to(device)
                SpeechEncoder(str(saved), settings=settings, device=device)
                with torch.inference_mode():
                    return [
                        model(torch.from_numpy(sound)[None].to(device)).last_hidden_state[0].cpu().numpy()
                        for sound in sounds
                    ]

            found[kind.lower()] = _difference(speech, scale, PROMISED["speech"])
        clip = save_clip(folder / "clip", small=scale.small)
        side = 32 if scale.small else 224
        pictures = rng.integers(0, 256, (scale.of(64, 4), side, side, 3), np.uint8)

        def image(device: str) -> list[np.ndarray]:
            encoder = ImageEncoder(str(clip), settings=settings, faces=FACES, device=device)
            return [rows for _, rows in sorted(encoder.read(enumerate(pictures)), key=lambda pair: pair[0])]

        found["clip-vit-b-32"] = _difference(image, scale, PROMISED["image"])
    others = [name for name, row in found.items() if not row["kept"]]
    return found | ({"failure": f"further from a CPU than promised: {', '.join(others)}"} if others else {})


def _difference(encode: Callable[[str], list[np.ndarray]], scale: Scale, promised: float) -> dict[str, Any]:
    cpu, device = encode("cpu"), encode(scale.device)
    most = max(float(np.abs(a - b).max()) for a, b in zip(cpu, device, strict=True))
    return {"largest_difference": most, "promised": promised, "kept": most <= promised}
