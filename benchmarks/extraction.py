"""What extraction costs: `python -m benchmarks.extraction [--clips FOLDER]`, about eight minutes on two cores.

On the same clips (the demo corpus, and every recording with sound and video in the folders given), in one run:

* *kernels*: the libraries alone, in one process (`extracting/kernels.py`), in processor seconds;
* *pipeline*: the stages from `manifest` to `visual` as DVC runs them, cold cache, start-up of all processes included, in
  processor seconds and as wall clock × cores;
* *recipe*: the recipe of today (`extracting/recipe.py`), a process a clip, in processor seconds, on a sample of the clips after
  one that warms the disk up, scaled by seconds of media.

Then the memory of one segment of a long recording, and what many segments of one recording cost. Medians over repetitions.
Processor seconds hold on a busy machine; wall clock × cores needs a quiet one. Linux only.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.extracting.clips import encode_with_one_keyframe, repeat, write_corpus
from benchmarks.extracting.drawing import draw
from benchmarks.extracting.processes import Cost, environment, measure, python
from pipeline.execution.workers import worker_count
from pipeline.media import shared_decoding
from pipeline.media.probe import probe
from pipeline.media.video import read_frames

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results/extraction.json"
FIGURE = ROOT / "docs/images/extraction.svg"
STAGES = ("manifest", "words", "text", "audio", "visual")
LIBRARIES = (
    "av",
    "librosa",
    "mediapipe",
    "numpy",
    "opencv-python-headless",
    "pocketsphinx",
    "torch",
    "transformers",
)
LONG_S = 1800.0


def run_stages(root: Path) -> dict[str, Cost]:
    """Each stage with an empty cache, as DVC would run it."""
    with tempfile.TemporaryDirectory() as cache:
        quiet = environment(ROOT, GRCF_CACHE=cache)
        return {stage: measure(python(f"stages.{stage}"), folder=root, environment=quiet) for stage in STAGES}


def run_kernels(root: Path) -> Cost:
    manifest = "data/manifest/segments.jsonl"
    return measure(
        python("benchmarks.extracting.kernels", manifest, "params.yaml"),
        folder=root,
        environment=environment(ROOT),
    )


def run_recipe(root: Path, rows: list[dict[str, str]], n_clips: int) -> tuple[float, float]:
    """Processor seconds and seconds of media of a sample that is spread evenly over the clips."""
    sample = [rows[round(k * (len(rows) - 1) / max(n_clips - 1, 1))] for k in range(n_clips)]
    processor_s = media_s = 0.0
    for number, row in enumerate([sample[0], *sample]):
        output = str(root / "recipe.npz")
        command = python("benchmarks.extracting.recipe", row["file"], row["text"] or "…", output)
        cost = measure(command, folder=root, environment=environment(ROOT))
        if number:  # the first one compiles and fills the page cache
            processor_s, media_s = (
                processor_s + cost.processor_s,
                media_s + probe(Path(row["file"])).duration_s,
            )
    return processor_s, media_s


def measure_memory(root: Path, source: Path) -> list[dict[str, Any]]:
    """Peak memory of a process that extracts one segment, by where the segment lies and how long it is."""
    long = root / f"long{source.suffix}"
    repeat(source, long, duration_s=LONG_S)
    spans = [
        ("10 s, a clip of its own", source, 0.0, 10.0),
        ("10 s at the start of 30 minutes", long, 0.0, 10.0),
        ("10 s in the middle of 30 minutes", long, LONG_S / 2, LONG_S / 2 + 10),
        ("10 minutes of 30 minutes", long, LONG_S / 2, LONG_S / 2 + 600),
    ]
    rows: list[dict[str, Any]] = []
    for name, file, start_s, end_s in spans:
        row: dict[str, Any] = {"segment": name}
        for kind in ("audio", "visual"):
            command = python(
                "benchmarks.extracting.span", "params.yaml", kind, str(file), str(start_s), str(end_s)
            )
            printed = measure(command, folder=root, environment=environment(ROOT)).output
            row[kind] = json.loads(printed.splitlines()[-1])
        rows.append(row)
        print(
            f"  {name}: {row['audio']['peak_rss_mb']} MB for sound, {row['visual']['peak_rss_mb']} MB for faces",
            flush=True,
        )
    long.unlink()
    return rows


def measure_many_segments(root: Path, source: Path) -> dict[str, float]:
    """Processor seconds to decode 30 segments of a recording with one keyframe: each alone, and in order as a worker does."""
    path, length_s, segment_s = root / "one_keyframe.mp4", 180.0, 5.0
    encode_with_one_keyframe(source, path, duration_s=length_s)
    starts_s = [6.0 * k for k in range(30)]

    def decode(*, alone: bool) -> float:
        started = time.process_time()
        for start_s in starts_s:
            if alone:
                shared_decoding.forget()
            for _ in read_frames(path, start_s=start_s, end_s=start_s + segment_s, frame_rate_hz=10.0):
                pass
        return time.process_time() - started

    return {
        "segments": len(starts_s),
        "alone_s": round(decode(alone=True), 2),
        "in_order_s": round(decode(alone=False), 2),
    }


def summarise(
    runs: list[dict[str, Cost]], kernels: list[Cost], recipe: tuple[float, float], media_s: float
) -> dict[str, Any]:
    """The figures that the targets are about, from medians."""
    n_cores = worker_count()
    stages = {
        stage: {
            "wall_clock_s": statistics.median(run[stage].wall_s for run in runs),
            "processor_s": statistics.median(run[stage].processor_s for run in runs),
            "worker_rss_mb": max(run[stage].worker_rss_mb for run in runs),
            "worker_pss_mb": max(run[stage].worker_pss_mb for run in runs),
        }
        for stage in STAGES
    }
    parts = [json.loads(run.output.splitlines()[-1]) for run in kernels]
    kernels_s = statistics.median(run.processor_s for run in kernels)
    decoding = [stages["audio"], stages["visual"]]
    wall_s = sum(stage["wall_clock_s"] for stage in stages.values())
    recipe_s = recipe[0] / recipe[1] * media_s
    return {
        "pipeline_over_kernels": sum(stage["wall_clock_s"] for stage in decoding) * n_cores / kernels_s,
        "pipeline_processor_over_kernels": sum(stage["processor_s"] for stage in decoding) / kernels_s,
        "recipe_over_pipeline": recipe_s / (wall_s * n_cores),
        "recipe_over_pipeline_processor": recipe_s / sum(stage["processor_s"] for stage in stages.values()),
        "worker_rss_mb": max(stages[stage]["worker_rss_mb"] for stage in ("words", "audio", "visual")),
        "worker_pss_mb": max(stages[stage]["worker_pss_mb"] for stage in ("words", "audio", "visual")),
        "realtime_factor": media_s / wall_s,
        "stages": stages,
        "kernels": {
            "processor_s": kernels_s,
            **{part: statistics.median(row[part] for row in parts) for part in ("visual", "audio")},
        },
        "recipe": {"processor_s": recipe_s, "sampled_media_s": recipe[1]},
    }


DEFINITIONS = {
    "pipeline_over_kernels": "wall clock x cores of the stages audio and visual / processor seconds of the kernels",
    "pipeline_processor_over_kernels": "processor seconds of the stages audio and visual / those of the kernels",
    "recipe_over_pipeline": "processor seconds of the recipe, scaled / wall clock x cores of all five stages",
    "recipe_over_pipeline_processor": "processor seconds of the recipe, scaled / those of all five stages",
    "worker_rss_mb": "highest resident set, in MiB, of any worker of words, audio and visual; worker_pss_mb: shared pages in parts",
    "realtime_factor": "seconds of media per second of wall clock, all five stages one after the other",
}


def print_table(result: dict[str, Any]) -> None:
    media_s, n_cores = result["media"]["seconds"], result["machine"]["cores"]
    print(f"{'':24}{'wall × cores':>14}{'processor s':>14}{'per s of media':>16}")
    for stage, cost in result["stages"].items():
        core_s = cost["wall_clock_s"] * n_cores
        print(f"{'stage ' + stage:24}{core_s:14.1f}{cost['processor_s']:14.1f}{core_s / media_s:16.3f}")
    for name in ("kernels", "recipe"):
        processor_s = result[name]["processor_s"]
        print(f"{name:24}{'':14}{processor_s:14.1f}{processor_s / media_s:16.3f}")
    for name, meaning in DEFINITIONS.items():
        print(f"{name} {result[name]:.2f}: {meaning}")


def rounded(value: Any) -> Any:
    """Three significant digits are more than a repetition gives."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return float(f"{value:.3g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--clips", type=Path, action="append", default=[], help="a folder of further recordings"
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--recipe-clips", type=int, default=8, help="how many clips the recipe is run on")
    parser.add_argument(
        "--draw", action="store_true", help="only draw the figure of the results that are there"
    )
    arguments = parser.parse_args()
    if arguments.draw:
        draw(json.loads(RESULTS.read_text(encoding="utf-8")), FIGURE)
        return
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = write_corpus(
            root, demo=ROOT / "data/raw/demo", folders=arguments.clips, params=ROOT / "params.yaml"
        )
        durations_s = {row["id"]: probe(Path(row["file"])).duration_s for row in rows}
        media_s = sum(durations_s.values())
        print(
            f"{len(rows)} clips, {media_s:.0f} s of media, {worker_count()} workers, load {load:.1f}",
            flush=True,
        )
        runs, kernels = [], []
        for number in range(arguments.repetitions):
            runs.append(run_stages(root))
            kernels.append(run_kernels(root))
            ratio = (
                sum(runs[-1][stage].processor_s for stage in ("audio", "visual")) / kernels[-1].processor_s
            )
            print(
                f"  repetition {number + 1}: {ratio:.2f} × the processor seconds of the kernels", flush=True
            )
        recipe = run_recipe(root, rows, arguments.recipe_clips)
        longest = Path(max(rows, key=lambda row: durations_s[row["id"]])["file"])
        result = rounded(
            {
                **summarise(runs, kernels, recipe, media_s),
                "one_segment": measure_memory(root, longest),
                "many_segments": measure_many_segments(root, longest),
                "definitions": DEFINITIONS,
                "media": {"clips": len(rows), "seconds": media_s, "demo_alone": not arguments.clips},
                "machine": {
                    "cores": worker_count(),
                    "processor": processor_name(),
                    "device": "cpu",
                    "load_average_before": load,
                    "python": platform.python_version(),
                    **{name: version(name) for name in LIBRARIES},
                },
                "repetitions": arguments.repetitions,
            }
        )
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw(result, FIGURE)
    print_table(result)


def processor_name() -> str:
    """As the system names it, with no name of the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


if __name__ == "__main__":
    main()
