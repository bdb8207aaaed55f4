"""`python -m benchmarks.cluster`: the stages `audio` and `visual` through each engine: equal bytes, and what an engine costs.

Three corpora made of the demo's recordings: its first segment alone, which shows how long an engine takes to start; the demo as
it is; and many windows of a second. `--speech` measures instead the stage `audio` on the demo with a speech encoder of HuBERT's
base size and random weights, and leaves the other tables as they are. Each engine begins with an empty cache. Processor seconds are those of everything that a
run started, the daemons of SLURM among them, so other work on the machine counts little; wall clock is worth something on a
quiet machine only.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.gpu.models import save_speech
from benchmarks.process_tree import ProcessTree
from benchmarks.slurm import Slurm, is_installed
from pipeline.artifacts.corpus.segments import Segment, read_segments, write_segments
from pipeline.artifacts.formats.files import read_json, sha256_of, write_json, write_text
from pipeline.errors import PipelineError
from pipeline.yaml12 import read_yaml

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/cluster.json"
SEGMENTS = Path("data/manifest/segments.jsonl")
STAGES = {
    "audio": Path("data/audio/index.json"),
    "visual": Path("data/visual/index.json"),
}
POOL = "processes of this machine"
ENGINES = (POOL, "local:2", "slurm, 2 nodes", "slurm, 3 nodes")
N_CORES = 2
WINDOW_S = 1.0


def windows(segments: list[Segment], n_segments: int) -> list[Segment]:
    """So many windows of a second over the recordings, evenly; no two alike.

    Raises:
        PipelineError: the recordings are too short for so many.
    """
    long_enough = [segment for segment in segments if segment.end_s - segment.start_s > WINDOW_S]
    rounds = -(-n_segments // len(long_enough))
    found = []
    for number in range(rounds):
        for segment in long_enough:
            step_s = (segment.end_s - segment.start_s - WINDOW_S) / rounds
            start_s = round(segment.start_s + number * step_s, 3)
            found.append(
                replace(
                    segment,
                    id=f"{segment.id}_{number}",
                    start_s=start_s,
                    end_s=round(start_s + WINDOW_S, 3),
                    timed_words=(),
                )
            )
    chosen = found[:n_segments]
    places = {(segment.media, segment.start_s) for segment in chosen}
    if len(places) < n_segments:
        raise PipelineError(f"{len(segments)} recordings give {len(places)} windows and not {n_segments}")
    return chosen


def run_stages(engine: str, cache: Path, stages: Sequence[str]) -> int:
    """Stages on an engine that is started for them, in the current folder. The first exit status that is not 0."""
    variables = {"GRCF_CACHE": str(cache), "GRCF_WORKERS": str(N_CORES), "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:
        if engine.startswith("slurm"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            n_nodes = int(engine.split()[1])
            cluster = Slurm(folder, n_nodes=n_nodes, first_port=16917)
            stack.callback(cluster.end)
            settings = folder / "cluster.yaml"
            settings.write_text(
                f"jobs: {n_nodes}\ncores: {max(1, N_CORES // n_nodes)}\nmemory: 2GB\ninterface: lo\nshared_folder: {folder}\n",
                encoding="utf-8",
            )
            variables |= cluster.environment | {"GRCF_ENGINE": "slurm", "GRCF_CLUSTER": str(settings)}
        elif engine != POOL:
            variables |= {"GRCF_ENGINE": engine}
        for stage in stages:
            status = subprocess.run(
                [sys.executable, "-m", f"stages.{stage}"], env=os.environ | variables, check=False
            ).returncode
            if status:
                return status
    return 0


def measure(
    engine: str, *, clone: Path, cache: Path, stages: Sequence[str] = tuple(STAGES)
) -> dict[str, Any]:
    """What stages take in a clone with an empty cache, and the digests of what they write.

    Raises:
        PipelineError: a stage failed.
    """
    spent = ProcessTree(
        [
            *(sys.executable, "-m", "benchmarks.cluster"),
            *("--run", engine, "--cache", str(cache), "--stages", *stages),
        ],
        folder=clone,
        environment=os.environ,
    ).wait()
    if spent.returncode:
        raise PipelineError(f"{engine}: a stage failed: {spent.output[-2000:]}")
    return {
        "engine": engine,
        "wall_clock_s": round(spent.wall_clock_s, 1),
        "processor_s": round(spent.processor_s, 1),
        "sha256": {stage: sha256_of(clone / STAGES[stage]) for stage in stages},
    }


def measure_speech(demo: list[Segment], *, clone: Path, folder: Path) -> dict[str, Any]:
    """The stage `audio` by a speech encoder, through the two engines that need no further program."""
    encoder = save_speech(folder / "encoder", "Hubert", small=False)
    (clone / SEGMENTS).parent.mkdir(parents=True, exist_ok=True)
    write_segments(clone / SEGMENTS, demo)
    parameters = clone / "params.yaml"
    chosen = read_yaml(parameters)
    chosen["audio"]["encoder"] = str(encoder)
    write_text(parameters, yaml.safe_dump(chosen))
    rows = [
        measure(engine, clone=clone, cache=folder / f"cache_speech_{number}", stages=["audio"])
        for number, engine in enumerate(ENGINES[:2])
    ]
    return {"n_segments": len(demo), "processor": platform.machine(), "cores": N_CORES, "rows": rows}


def page(result: Mapping[str, Any]) -> str:
    """The tables as Markdown."""
    lines = [
        "# The stages `audio` and `visual` through each engine",
        "",
        f"{result['cores']} cores of one machine, which plays every part; processor seconds hold the daemons of SLURM, too. Written by "
        "`python -m benchmarks.cluster`.",
    ]
    for corpus in result["corpora"]:
        number = f"{corpus['n_segments']:,} segments" if corpus["n_segments"] > 1 else "One segment"
        lines += _table(f"{number}, {corpus['media_s']:.0f} s of media", corpus["rows"])
    if "speech" in result:
        lines += _table(
            f"`audio` alone, by a speech encoder of HuBERT's base size, {result['speech']['n_segments']} segments",
            result["speech"]["rows"],
        )
    return "\n".join([*lines, ""])


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    pool = rows[0]
    return [
        "",
        f"## {title}",
        "",
        "| Engine | Processor seconds | Of the pool's | Wall clock, s | The same bytes |",
        "|---|---|---|---|---|",
        *(
            f"| {row['engine']} | {row['processor_s']:.0f} | {row['processor_s'] / pool['processor_s']:.2f} | "
            f"{row['wall_clock_s']:.0f} | {'yes' if row['sha256'] == pool['sha256'] else 'NO'} |"
            for row in rows
        ),
    ]


def main(arguments: list[str]) -> int:
    """Run every engine on every corpus, and write the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--segments", type=int, default=2000, metavar="N", help="windows of the last corpus")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--run", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), help=argparse.SUPPRESS)
    parser.add_argument(
        "--speech", action="store_true", help="measure a speech encoder alone, through the pool and local:2"
    )
    args = parser.parse_args(arguments)
    if args.run:
        return run_stages(args.run, args.cache, args.stages)
    engines = [engine for engine in ENGINES if is_installed() or not engine.startswith("slurm")]
    if len(engines) < len(ENGINES):
        sys.stderr.write("SLURM is not installed and left out\n")
    demo = read_segments(ROOT / SEGMENTS)
    kept: dict[str, Any] = read_json(args.out) if args.out.exists() else {}
    result = kept if args.speech else kept | {"processor": platform.machine(), "cores": N_CORES}
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        if args.speech:
            result["speech"] = measure_speech(demo, clone=clone, folder=Path(name))
        else:
            result["corpora"] = []
        for segments in () if args.speech else (demo[:1], demo, windows(demo, args.segments)):
            (clone / SEGMENTS).parent.mkdir(parents=True, exist_ok=True)
            write_segments(clone / SEGMENTS, segments)
            rows = []
            for number, engine in enumerate(engines):
                rows.append(
                    measure(engine, clone=clone, cache=Path(name) / f"cache_{len(segments)}_{number}")
                )
                sys.stderr.write(f"{json.dumps(rows[-1])}\n")
            media_s = sum(segment.duration_s for segment in segments)
            result["corpora"].append(
                {"n_segments": len(segments), "media_s": round(media_s, 1), "rows": rows}
            )
    write_json(args.out, result)
    write_text(args.out.with_suffix(".md"), page(result))
    print(page(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
