"""Extraction of the demo on a machine with a GPU, from files to features."""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.gpu.models import save_bert, save_clip, save_speech
from benchmarks.gpu.scale import CORPUS, ROOT, TRANSCRIPTS, Scale, demo_rows


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
    rows = demo_rows()[:n_clips]
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


def _in_every_split(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """A few clips may be of one split, and a corpus has three: speakers apart, as a corpus has to be."""
    if len({row.get("split") for row in rows}) != 1:
        return rows
    names = ("train", "train", "valid", "test")
    return [row | {"split": names[i % len(names)], "speaker": f"speaker_{i}"} for i, row in enumerate(rows)]
