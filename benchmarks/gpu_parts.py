"""The parts of `benchmarks.gpu`, each run in a process of its own: what it measures as a JSON object."""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
import transformers
import yaml

from benchmarks import encoders, gradient_caching
from benchmarks.gpu_models import draw_whisper, save_bert, save_clip, save_speech
from pipeline.artifacts.aligned import AlignedSplit
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.artifacts.tokens import join_tokens
from pipeline.evaluation.selection import mean_absolute_error
from pipeline.extract.audio.speech import SpeechEncoder
from pipeline.extract.text.encoder import TextEncoder
from pipeline.extract.tokens import tokenise
from pipeline.extract.visual.images import ImageEncoder
from pipeline.extract.visual.mesh import FaceSettings
from pipeline.grcf.calibration.pointwise_objective import absolute_error
from pipeline.grcf.fit.loop import TrainingSettings, first_networks, train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_networks
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import build_network
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.rank import ranking_objective
from pipeline.pretrained.models import EncoderPrecision, EncoderSettings

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "data/raw/demo"
TRANSCRIPTS = CORPUS / "segments.csv"
FACES = FaceSettings(face="largest", frame_rate_hz=10.0, min_confidence=0.5)
RATE_HZ = 16_000
SEEDS = (1, 2, 3, 4, 5)
PRECISIONS: tuple[EncoderPrecision, ...] = ("float32", "bfloat16")
# By how much vectors of two devices may differ, as the tests marked gpu have it.
PROMISED = {"text": 1e-4, "speech": 1e-3, "image": 1e-3}
# Segments of train and width of the network: the demo's, and those of CMU-MOSI in `benchmarks.mosi`.
_SIZES = {"demo": (96, 64), "mosi": (1284, 128)}
_COLUMNS: Mapping[Modality, int] = {"text": 384, "audio": 74, "visual": 35}


@dataclass(frozen=True)
class Scale:
    """How much of everything: all of it, or enough to see that each line runs.

    Attributes:
        device: device of torch that computes.
        small: whether models and data are those of a rehearsal.
    """

    device: str
    small: bool

    def of(self, all_of_it: int, rehearsal: int) -> int:
        """A number of segments, pictures or epochs."""
        return rehearsal if self.small else all_of_it


def gpu_tests(scale: Scale) -> dict[str, Any]:
    """The tests that need a GPU; on a CPU they are all skipped, which shows that they can be collected."""
    files = sorted(
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("test_*.py")
        if re.search(
            r"^@pytest\.mark\.gpu|pytestmark = .*gpu", file.read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            "gpu",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
        ]
        done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=False)
        suite = next(iter(ElementTree.parse(report).getroot()))
    counted = {what: int(suite.attrib[what]) for what in ("tests", "failures", "errors", "skipped")}
    failed = [case.attrib["name"] for case in suite if {part.tag for part in case} & {"failure", "error"}]
    return {"files": files, "status": done.returncode, **counted, "failed": failed}


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
    seconds = _seconds(run, scale.device)
    return {"windows": n_windows, "sound_s_per_s": round(30 * n_windows / seconds, 1)}


def seeds(scale: Scale) -> dict[str, Any]:
    """Five seeds of stage 1 against one: one after the other, as processes, and side by side; at most 2 is aimed at."""
    result: dict[str, Any] = {"target": 2.0}
    _train((1,), 64, 64, scale)  # what a device does once is no part of any of them
    for name, (n_segments, width) in _SIZES.items():
        if scale.small and name != "demo":
            continue
        n_segments = scale.of(n_segments, 16)
        one = _seconds(lambda n=n_segments, w=width: _train((1,), n, w, scale), scale.device)  # type: ignore[misc]
        together = _seconds(
            lambda n=n_segments, w=width: _train(SEEDS, n, w, scale, stacked=True),  # type: ignore[misc]
            scale.device,
        )
        after = _seconds(lambda n=n_segments, w=width: _train(SEEDS, n, w, scale), scale.device)  # type: ignore[misc]
        alone, at_once = (
            _processes(some, n_segments, width, scale) for some in ((1,), SEEDS[: scale.of(5, 2)])
        )
        result[name] = {
            "segments": n_segments,
            "seconds_of_one": round(one, 3),
            "seconds_of_one_process": round(alone, 3),
            "five_over_one": {
                "one after the other": round(after / one, 3),
                "processes, start included": round(at_once / alone, 3),
                "side by side": round(together / one, 3),
            },
        }
    return result


def _train(
    chosen: tuple[int, ...], n_segments: int, width: int, scale: Scale, *, stacked: bool = False
) -> None:
    train, valid = (_split(name, n, seed) for name, n, seed in (("train", n_segments, 1), ("valid", 32, 2)))
    tensors = [SplitTensors(part, device=scale.device) for part in (train, valid)]
    network = replace(gradient_caching.NETWORK, width=width)
    starts = [
        build_network(columns=train.columns, settings=network, seed=seed).to(scale.device) for seed in chosen
    ]
    settings = TrainingSettings(
        epochs=scale.of(5, 1), batch_size=32, learning_rate=1e-3, weight_decay=0.01, modality_dropout=0.3,
        precision="float32",
    )  # fmt: skip
    how: dict[str, Any] = {
        "objective": lambda score, label, *_: absolute_error(score, label).mean(),
        "selection": Selection(by="magnitude", calibration=IDENTITY, error=mean_absolute_error),
        "settings": settings,
    }
    if stacked:
        train_networks(starts, *tensors, seeds=chosen, **how)
        return
    for seed, start in zip(chosen, starts, strict=True):
        train_network(start, *tensors, seed=seed, **how)


def _processes(chosen: tuple[int, ...], n_segments: int, width: int, scale: Scale) -> float:
    code = (
        "import sys; from benchmarks.gpu_parts import Scale, _train; "
        f"_train((int(sys.argv[1]),), {n_segments}, {width}, Scale({scale.device!r}, {scale.small}))"
    )
    started = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", code, str(seed)], cwd=ROOT) for seed in chosen]
    statuses = [process.wait() for process in running]
    if any(statuses):
        raise RuntimeError(f"training processes ended with {statuses}")
    return time.perf_counter() - started


def _split(split: Any, n_segments: int, seed: int) -> AlignedSplit:
    """Labels that the first column of text tells under noise, as many columns as the demo's extractors give."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(-3, 3, n_segments).round(1)
    lengths = rng.integers(4, 20, n_segments)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    features = {
        modality: rng.standard_normal((int(offsets[-1]), width)).astype(np.float32)
        for modality, width in _COLUMNS.items()
    }
    features["text"][:, 0] += np.repeat(labels, lengths).astype(np.float32)
    return AlignedSplit(
        split=split,
        ids=tuple(f"{split}-{position}" for position in range(n_segments)),
        labels=labels,
        offsets=offsets,
        features=features,
        valid={modality: np.ones(int(offsets[-1]), bool) for modality in MODALITIES},
        columns={modality: tuple(f"{modality}_{k}" for k in range(n)) for modality, n in _COLUMNS.items()},
    )


def finetuning(scale: Scale) -> dict[str, Any]:
    """An epoch in which BERT-base learns with GRCF's ranking loss: seconds and memory by size of the group and of the chunk."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        bert = save_bert(Path(name) / "bert", TRANSCRIPTS, small=scale.small)
        n_segments = scale.of(1024, 16)
        train, valid = (
            _spoken(split, n, bert, seed)
            for split, n, seed in (("train", n_segments, 1), ("valid", scale.of(128, 8), 2))
        )
        _epoch(valid, valid, scale.of(32, 4), None, "float32", scale)  # as above
        groups = (4, 8, 16) if scale.small else (32, 256, 1024)
        for precision in PRECISIONS:
            for group in groups:
                for chunk in (None, groups[0]) if group > groups[0] else (None,):
                    row: dict[str, Any] = {"precision": precision, "group": group, "chunk": chunk}
                    try:
                        row |= _epoch(train, valid, group, chunk, precision, scale)
                    except torch.cuda.OutOfMemoryError:
                        row["failure"] = "out of memory"
                    rows.append(row)
    return {"segments": n_segments, "rows": rows}


def _epoch(
    train: AlignedSplit, valid: AlignedSplit, group: int, chunk: int | None, precision: Any, scale: Scale
) -> dict[str, Any]:
    settings = TrainingSettings(
        epochs=1, batch_size=group, learning_rate=1e-3, weight_decay=0.01, modality_dropout=0.0, precision=precision,
        chunk_size=chunk, finetuning=gradient_caching.FINETUNING,
    )  # fmt: skip
    objective = ranking_objective(
        "groupwise", margin=gradient_caching.MARGIN, advantage=gradient_caching.ADVANTAGE
    ).loss
    assert objective is not None, "the groupwise objective has a loss"
    (start,) = first_networks(
        train, network=gradient_caching.NETWORK, settings=settings, seeds=[1], device=scale.device
    )
    tensors = [SplitTensors(part, device=scale.device) for part in (train, valid)]
    if scale.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(
        lambda: train_network(
            start,
            *tensors,
            objective=objective,
            selection=Selection(by="order"),
            seed=1,
            settings=settings,
        ),
        scale.device,
    )
    peak = torch.cuda.max_memory_allocated() / 2**20 if scale.device == "cuda" else None
    return {"seconds": round(seconds, 3), "peak_mb": None if peak is None else round(peak)}


def _spoken(split: Any, n_segments: int, folder: Path, seed: int) -> AlignedSplit:
    """Segments of which each says a sentence of the demo, with nothing but text."""
    rng = np.random.default_rng(seed)
    encoder = TextEncoder(
        str(folder), settings=EncoderSettings(layers=(-1,), precision="float32"), device="cpu"
    )
    written = [tokenise(row["text"]) for row in _segments()]
    tokens = join_tokens(encoder.tokenise([written[i % len(written)] for i in range(n_segments)]))
    n_words = int(tokens.word_offsets[-1])
    nothing = np.zeros((n_words, 0), np.float32)
    return AlignedSplit(
        split=split,
        ids=tuple(f"{split}-{position}" for position in range(n_segments)),
        labels=rng.uniform(-3, 3, n_segments).round(1),
        offsets=tokens.word_offsets,
        features=dict.fromkeys(MODALITIES, nothing),
        valid={modality: np.full(n_words, modality == "text") for modality in MODALITIES},
        columns={"text": encoder.columns, "audio": (), "visual": ()},
        tokens=tokens,
    )


def extraction(scale: Scale) -> dict[str, Any]:
    """The demo from files to features with all workers: the classic descriptors, and encoders on the device."""
    result: dict[str, Any] = {"workers": os.environ.get("GRCF_WORKERS", "all cores")}
    with tempfile.TemporaryDirectory() as name, _workspace(Path(name), n_clips=scale.of(160, 4)) as root:
        bert = save_bert(root / "models/bert", TRANSCRIPTS, small=scale.small)
        speech = save_speech(root / "models/wav2vec2", "Wav2Vec2", small=scale.small)
        clip = save_clip(root / "models/clip", small=scale.small)
        classic = {"text": {"model": str(bert)}}
        encoded = {"audio": {"encoder": str(speech)}, "visual": {"encoder": str(clip)}}
        for title, changes, stages in (
            ("classic", classic, ("manifest", "words", "text", "audio", "visual")),
            ("encoders", classic | encoded, ("audio", "visual")),
        ):
            parameters = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
            for section, values in changes.items():
                parameters[section] |= values
            (root / "params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
            result[title] = {stage: _stage(stage, root) for stage in stages}
    return result


def _stage(stage: str, root: Path) -> float:
    environment = os.environ | {"GRCF_CACHE": str(root / "cache"), "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"], cwd=root, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"stage {stage} ended with {done.returncode}: {done.stderr.strip()[-800:]}")
    return round(time.perf_counter() - started, 2)


@contextmanager
def _workspace(root: Path, *, n_clips: int) -> Iterator[Path]:
    """The code and the first clips of the demo, in a folder of its own."""
    for name in ("pipeline", "stages", "plugins"):
        (root / name).symlink_to(ROOT / name)
    corpus = root / "data/raw/demo"
    (corpus / "clips").mkdir(parents=True)
    rows = _segments()[:n_clips]
    with (corpus / "segments.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(_in_every_split(rows))
    kept = {f"{row['id']}.mp4" for row in rows}
    for clip in (CORPUS / "clips").iterdir():
        if clip.name in kept:
            shutil.copy(clip, corpus / "clips")
    for name in ("corpus.yaml", "README.md"):
        if (CORPUS / name).is_file():
            shutil.copy(CORPUS / name, corpus)
    yield root


def _segments() -> list[dict[str, str]]:
    with TRANSCRIPTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _in_every_split(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """A few clips may be of one split, and a corpus has three: speakers apart, as a corpus has to be."""
    if len({row.get("split") for row in rows}) != 1:
        return rows
    names = ("train", "train", "valid", "test")
    return [row | {"split": names[i % len(names)], "speaker": f"speaker_{i}"} for i, row in enumerate(rows)]


def agreement(scale: Scale) -> dict[str, Any]:
    """By how much the vectors of the device differ from those of the CPU at most, in float32, and what is promised."""
    found: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    settings = EncoderSettings(layers=(-1,), precision="float32")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bert = save_bert(folder / "bert", TRANSCRIPTS, small=scale.small)
        sentences = [tokenise(row["text"]) for row in _segments()[: scale.of(64, 4)]]

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
    return found


def _difference(encode: Callable[[str], list[np.ndarray]], scale: Scale, promised: float) -> dict[str, Any]:
    cpu, device = encode("cpu"), encode(scale.device)
    most = max(float(np.abs(a - b).max()) for a, b in zip(cpu, device, strict=True))
    return {"largest_difference": most, "promised": promised, "kept": most <= promised}


def _seconds(work: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


PARTS: Mapping[str, tuple[Callable[[Scale], dict[str, Any]], int]] = {
    "tests": (gpu_tests, 90),
    "agreement": (agreement, 40),
    "throughput": (throughput, 120),
    "seeds": (seeds, 70),
    "finetuning": (finetuning, 80),
    "extraction": (extraction, 70),
}
"""Each part and the seconds that it may take: less than eight minutes together."""
