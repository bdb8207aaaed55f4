"""Time and memory of the stages from `align` on by the number of segments: `python -m benchmarks.scale [SEGMENTS …]`.

Random features of the sizes that extraction gives on spoken reviews (a segment of 7 s, 20 words of 384 dimensions, 50 rows of
sound and 10 of face a second, each as wide as this pipeline's) are written to a temporary folder, seven tenths of the segments
for train; then the stages run there, each in a process of its own with one thread, with one seed and one epoch. Times are
the processor's, so that other work on the machine counts little. Memory is the most that the stage and its workers had for
themselves, interpreter and libraries included; beside it stands the most that was resident in one process, with the pages of mapped
files, which the system takes back when it needs room. Linux only.

`--keep FOLDER` leaves the corpora and what the stages made of them there. A run with the same folder goes on where the last one
ended; `--again STAGE` measures that stage and those after it once more, on what the stages before it left. `--networks SEGMENTS`
measures `evaluate` and `report` alone: the aligned splits are generated too, and the networks are those that the kept run of so many
segments has trained. Rows of other stages and sizes that the file of results has stay in it.
"""

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import yaml

from benchmarks.process_tree import ProcessTree
from pipeline.artifacts.aligned import AlignedSplit, write_aligned
from pipeline.artifacts.files import write_text
from pipeline.artifacts.rejections import write_rejections
from pipeline.artifacts.segments import Segment, Split, iterate_segments, write_segments
from pipeline.artifacts.sequences import (
    MODALITIES,
    FeatureSequence,
    Modality,
    PackedSequences,
    write_sequences,
    write_sequences_of,
)
from pipeline.artifacts.task import Task, write_task
from pipeline.artifacts.words import SegmentWords, Word
from pipeline.extract.audio.classic import audio_columns
from pipeline.extract.visual.mesh import visual_columns
from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/scale.json"
FIGURE = ROOT / "docs/images/scale.svg"
SIZES = [1000, 3000, 10_000]
STAGES = ("align", "degrade", "rank", "calibrate", "pointwise", "evaluate", "report")
_DRAWN = {
    "align": ("align", "#0072b2"),
    "rank": ("rank, one epoch and one seed", "#d55e00"),
    "evaluate": ("evaluate", "#009e73"),
    "report": ("report", "#cc79a7"),
}

_SIZES = ("RssAnon", "RssShmem", "VmHWM")  # of /proc/PID/status, kB
_DURATION_S = 7.0
_EXTRACTOR: dict[str, Any] = {"settings": {}, "libraries": {}, "device": "cpu"}
# In the folder of a run: what has been measured there. It is there as soon as the corpus is whole.
_MEASURED = "measured.json"


@dataclass(frozen=True)
class Features:
    """What extraction gives of one segment.

    Attributes:
        n_words: number of words; each has a row of text.
        n_rows: number of rows of sound and face.
        columns: names of the columns of each modality.
    """

    n_words: int
    n_rows: Mapping[Modality, int]
    columns: Mapping[Modality, list[str]]


def usual_features(settings: Mapping[str, Any]) -> Features:
    """As many numbers as extraction gives of a spoken review."""
    audio = settings["audio"]
    return Features(
        20,
        {"audio": round(50 * _DURATION_S), "visual": round(10 * _DURATION_S)},
        {
            "text": [f"hidden_{i + 1}" for i in range(384)],
            "audio": list(audio_columns(n_mfcc=audio["n_mfcc"], n_chroma=audio["n_chroma"])),
            "visual": list(visual_columns(landmarks=False)),
        },
    )


def small_features() -> Features:
    """So few numbers that a million segments fit a disk: what grows with the segments themselves is as ever."""
    columns: dict[Modality, list[str]] = {
        modality: [f"{modality}_{i + 1}" for i in range(8)] for modality in MODALITIES
    }
    return Features(4, {"audio": 4, "visual": 4}, columns)


def write_corpus(root: Path, n_segments: int, *, small: bool = False) -> None:
    """What `align` reads, and parameters for one seed and one epoch.

    Args:
        root: folder of the run.
        n_segments: number of segments, of all splits together.
        small: whether to write `small_features` in place of `usual_features`.
    """
    settings = write_parameters(root)
    rng = np.random.default_rng(n_segments)
    features = small_features() if small else usual_features(settings)
    bounds_s = np.linspace(0, _DURATION_S, features.n_words + 1).tolist()
    words = tuple(Word(f"word{i}", start, end) for i, (start, end) in enumerate(itertools.pairwise(bounds_s)))
    segments = [_segment(i, n_segments, round(float(rng.normal(scale=1.4)), 1)) for i in range(n_segments)]
    write_segments(root / "data/manifest/segments.jsonl", segments)
    write_rejections(root / "data/manifest/rejected.csv", [])
    write_task(root / "data/manifest/task.json", Task("regression", "label", -3.0, 3.0, "mosi", "integer"))
    words_line = SegmentWords("", "given", words).to_bytes().decode()
    write_text(
        root / "data/words/words.jsonl",
        "".join(words_line.replace('"id": ""', f'"id": "{segment.id}"') for segment in segments),
    )
    (root / "data/words/extractor.json").write_text(json.dumps(_EXTRACTOR), encoding="utf-8")
    for modality in MODALITIES:
        columns, n_rows = features.columns[modality], features.n_rows.get(modality, features.n_words)
        write = _write_rows_at_once if small else _write_rows
        write(root / f"data/{modality}/features.safetensors", modality, segments, columns, n_rows, rng)


def _write_rows(
    path: Path,
    modality: Modality,
    segments: list[Segment],
    columns: list[str],
    n_rows: int,
    rng: np.random.Generator,
) -> None:
    times_s = (np.arange(n_rows) + 0.5) * (_DURATION_S / n_rows)
    sequences = (
        FeatureSequence(
            rng.standard_normal((n_rows, len(columns)), np.float32) + np.float32(segment.label / 3),
            times_s,
            np.ones(n_rows, bool),
        )
        for segment in segments
    )
    ids = [segment.id for segment in segments]
    write_sequences_of(path, modality, ids, sequences, columns=columns, extractor=_EXTRACTOR)


def _write_rows_at_once(
    path: Path,
    modality: Modality,
    segments: list[Segment],
    columns: list[str],
    n_rows: int,
    rng: np.random.Generator,
) -> None:
    """What `_write_rows` writes, in a tenth of its time, with all rows in memory."""
    n = len(segments)
    values = rng.standard_normal((n * n_rows, len(columns)), np.float32)
    values += np.repeat(np.array([segment.label / 3 for segment in segments], np.float32), n_rows)[:, None]
    packed = PackedSequences(
        modality=modality,
        ids=tuple(segment.id for segment in segments),
        columns=tuple(columns),
        offsets=np.arange(0, n * n_rows + 1, n_rows),
        values=values,
        times_s=np.tile((np.arange(n_rows) + 0.5) * (_DURATION_S / n_rows), n),
        valid=np.ones(n * n_rows, bool),
        failures={},
        extractor=_EXTRACTOR,
    )
    write_sequences(path, packed)


def write_aligned_corpus(root: Path, networks: Path) -> None:
    """What `align` and training would leave of a corpus of `write_corpus` with small features, by which `evaluate` begins.

    Args:
        root: folder of the run.
        networks: folder of a kept run, whose networks are taken.
    """
    for name in ("rank", "calibrate", "pointwise", "weights", "degraded"):
        shutil.copytree(networks / "data" / name, root / "data" / name, dirs_exist_ok=True)
    shutil.copytree(networks / "reports", root / "reports", dirs_exist_ok=True)
    features, rng = small_features(), np.random.default_rng(0)
    columns = {modality: tuple(features.columns[modality]) for modality in MODALITIES}
    segments: dict[Split, list[Segment]] = {"valid": [], "test": []}
    for segment in iterate_segments(root / "data/manifest/segments.jsonl"):
        if segment.split in segments:
            segments[segment.split].append(segment)
    for split, of_split in segments.items():
        labels = np.array([segment.label for segment in of_split])
        n_words = features.n_words * len(of_split)
        shift = np.repeat(labels.astype(np.float32) / 3, features.n_words)[:, None]
        aligned = AlignedSplit(
            split=split,
            ids=tuple(segment.id for segment in of_split),
            labels=labels,
            offsets=np.arange(0, n_words + 1, features.n_words),
            features={
                modality: rng.standard_normal((n_words, len(names)), np.float32) + shift
                for modality, names in columns.items()
            },
            valid={modality: np.ones(n_words, bool) for modality in MODALITIES},
            columns=columns,
            speaker=tuple(segment.speaker for segment in of_split),
            video=tuple(segment.video for segment in of_split),
        )
        write_aligned(root / f"data/align/{split}.safetensors", aligned)


def write_parameters(root: Path) -> dict[str, Any]:
    """The parameters of a run, which are those of the project but for one seed and one epoch."""
    settings: dict[str, Any] = parse_yaml((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["training"] |= {"seeds": [1], "epochs": 1}
    (root / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return settings


def _segment(number: int, n_segments: int, label: float) -> Segment:
    split: Split = "train" if number < 0.7 * n_segments else "valid" if number < 0.8 * n_segments else "test"
    return Segment(
        id=f"segment{number:06d}",
        split=split,
        label=min(3.0, max(-3.0, label)),
        speaker=f"speaker{number // 10}",
        video=f"video{number // 10}",
        language="en",
        text=None,
        media=None,
        media_sha256=None,
        has_audio=False,
        has_video=False,
        start_s=0.0,
        end_s=_DURATION_S,
    )


def measure(
    n_segments: int,
    *,
    small: bool,
    keep: Path | None = None,
    again: str | None = None,
    networks: int | None = None,
) -> Iterator[dict[str, Any]]:
    """What each stage takes on a corpus of this size, as soon as it is done; `degrade` is off, as it is by default.

    Args:
        n_segments: number of segments, of all splits together.
        small: whether the corpus has `small_features`.
        keep: folder in which the run stays; what was measured there before is not measured again.
        again: the first stage that is measured again all the same.
        networks: size of the kept run whose networks are taken, so that `evaluate` is the first stage; None trains them.
    """
    with run_folder(n_segments, small=small, keep=keep) as root:
        measured = root / _MEASURED
        if not measured.is_file():
            # A process of its own too, so that what it holds is not inherited.
            subprocess.run(
                [
                    *(sys.executable, "-m", "benchmarks.scale", "--write", str(root), str(n_segments)),
                    *(["--small"] if small else []),
                    *([] if networks is None else ["--keep", str(keep), "--networks", str(networks)]),
                ],
                cwd=ROOT,
                check=True,
            )
            measured.write_text("[]", encoding="utf-8")
        write_parameters(root)
        stages = STAGES if networks is None else STAGES[STAGES.index("evaluate") :]
        rows = json.loads(measured.read_text(encoding="utf-8"))
        if again is not None:
            rows = rows[: stages.index(again)]
        yield from rows
        for stage in stages[len(rows) :]:
            seconds, own_mb, resident_mb = _run(stage, root)
            read = ("text", "audio", "visual") if stage == "align" else ("align",)
            rows.append(
                {
                    "segments": n_segments,
                    "stage": stage,
                    "processor_s": round(seconds, 2),
                    "peak_memory_mb": round(own_mb),
                    "peak_resident_mb": round(resident_mb),
                    "read_mb": round(_size_mb(root, read)),
                }
            )
            measured.write_text(json.dumps(rows), encoding="utf-8")
            yield rows[-1]


@contextmanager
def run_folder(n_segments: int, *, small: bool, keep: Path | None) -> Iterator[Path]:
    """The folder of a run: one that is kept, or one that is gone at the end."""
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        root = kept_run(keep, n_segments, small=small)
        root.mkdir(parents=True, exist_ok=True)
        yield root


def kept_run(keep: Path, n_segments: int, *, small: bool) -> Path:
    """Where a run is kept."""
    return keep.absolute() / f"{'small_' if small else ''}{n_segments}"


def _run(stage: str, root: Path) -> tuple[float, float, float]:
    """Processor seconds, the most memory that was the stage's own, and the most that was resident, both in MB."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "GRCF_CACHE": str(root / ".cache"),
    }
    tree = ProcessTree([sys.executable, "-m", f"stages.{stage}"], folder=root, environment=environment)
    peaks, ended = _Peaks(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(tree.pid, peaks, ended))
    watcher.start()
    spent = tree.wait()
    ended.set()
    watcher.join()
    if spent.returncode:
        raise RuntimeError(f"stages.{stage} ended with {spent.returncode}: {spent.output[-2000:]}")
    return spent.processor_s, peaks.own_mb, peaks.resident_mb


@dataclass
class _Peaks:
    own_mb: float = 0.0
    resident_mb: float = 0.0


def _watch(pid: int, peaks: _Peaks, ended: threading.Event) -> None:
    """Look at the memory of a process and all below it fifty times a second."""
    while not ended.wait(0.02):
        own_mb, resident_mb = _memory_mb(pid)
        peaks.own_mb, peaks.resident_mb = max(peaks.own_mb, own_mb), max(peaks.resident_mb, resident_mb)


def _memory_mb(pid: int) -> tuple[float, float]:
    """Anonymous memory of a process and all below it together, and the most that was resident in one of them, MB.

    The first is without pages of files, which the system takes back when it needs room.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return 0.0, 0.0  # has just ended
    kb = {
        name: int(value.split()[0])
        for name, _, value in (line.partition(":") for line in lines)
        if name in _SIZES
    }
    below = [_memory_mb(int(child)) for child in children]
    own_mb = (kb.get("RssAnon", 0) + kb.get("RssShmem", 0)) / 1024 + sum(own for own, _ in below)
    return own_mb, max([kb.get("VmHWM", 0) / 1024, *(resident for _, resident in below)])


def _size_mb(root: Path, names: tuple[str, ...]) -> float:
    return sum(path.stat().st_size for name in names for path in (root / "data" / name).iterdir()) / 1e6


def results_path(sizes: list[int], *, small: bool) -> Path:
    """The results of this benchmark for the usual sizes; other sizes, and small features, have a file of their own."""
    if sizes == SIZES and not small:
        return RESULTS
    return RESULTS.with_stem("_".join(["small_scale" if small else "scale", *map(str, sizes)]))


def write_results(path: Path, machine: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Write what was measured, in the place of older rows of the same stages and sizes."""
    older = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    by_stage = {(row["segments"], STAGES.index(row["stage"])): row for row in (*older, *rows)}
    result = {"machine": machine, "rows": [by_stage[key] for key in sorted(by_stage)]}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measured_rows() -> list[dict[str, Any]]:
    """The rows of all sizes that were ever measured, by size, without those of small features."""
    rows = [
        row
        for path in RESULTS.parent.glob(f"{RESULTS.stem}*.json")
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]
    ]
    return sorted(rows, key=lambda row: int(row["segments"]))


def draw(rows: list[dict[str, Any]]) -> None:
    """Time and memory against the number of segments."""
    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 9}
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.7), layout="constrained")
    for stage, (label, colour) in _DRAWN.items():
        of_stage = [row for row in rows if row["stage"] == stage]
        sizes = [row["segments"] for row in of_stage]
        axes[0].plot(sizes, [row["processor_s"] for row in of_stage], "o-", color=colour, label=label)
        axes[1].plot(
            sizes, [row["peak_memory_mb"] / 1000 for row in of_stage], "o-", color=colour, label=label
        )
    axes[1].axhline(2.0, color="#777777", linestyle=":", linewidth=1)
    for axis, title in zip(axes, ("processor time, s", "peak memory, GB"), strict=True):
        axis.set(xlabel="segments", title=title, xlim=(0, None), ylim=(0, None))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(FIGURE, metadata={"Date": None, "Creator": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("segments", nargs="*", type=int, default=SIZES)
    parser.add_argument("--small", action="store_true", help="few and narrow rows, to fit a million segments")
    parser.add_argument(
        "--keep",
        metavar="FOLDER",
        type=Path,
        help="leave corpora and stages here, and go on from what is here",
    )
    parser.add_argument("--again", choices=STAGES, help="measure this stage and those after it once more")
    parser.add_argument(
        "--networks",
        metavar="SEGMENTS",
        type=int,
        help="measure evaluate and report alone, with the networks of the kept run of this size; needs --keep and --small",
    )
    parser.add_argument("--write", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    keep, small, networks = arguments.keep, arguments.small, arguments.networks
    if networks is not None and not (keep and small):
        parser.error("--networks needs --keep and --small")
    if arguments.write is not None:
        write_corpus(arguments.write, arguments.segments[0], small=small)
        if networks is not None:
            write_aligned_corpus(arguments.write, kept_run(keep, networks, small=True))
        return
    machine = {"processor": platform.machine(), "torch": version("torch"), "numpy": version("numpy")}
    path, rows = results_path(arguments.segments, small=small), list[dict[str, Any]]()
    for n_segments in arguments.segments:
        for row in measure(n_segments, small=small, keep=keep, again=arguments.again, networks=networks):
            print(row, flush=True)
            rows.append(row)
            write_results(path, machine, rows)  # what is measured is kept if a later stage fails
    draw(measured_rows())


if __name__ == "__main__":
    main()
