"""`python -m benchmarks.cluster`: the demo's audio and visual stages through each engine: equal bytes, and what an engine costs.

Each engine starts with an empty cache, in one run after the other. Processor seconds are those of the whole machine, because
jobs of SLURM are nobody's children: run it on a machine that does nothing else.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.slurm import Slurm, is_installed
from pipeline.artifacts.files import sha256_of, write_json, write_text

RESULTS = Path("benchmarks/results/cluster.json")
STAGES = {
    "audio": Path("data/audio/features.safetensors"),
    "visual": Path("data/visual/features.safetensors"),
}
N_CORES = 2


def busy_s() -> float:
    """Processor seconds that all processes of the machine have used since it started."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    user, nice, system = (int(field) for field in fields[:3])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


@contextmanager
def slurm_of(folder: Path, n_nodes: int) -> Iterator[dict[str, str]]:
    """The environment of a SLURM on this machine, with a job per node."""
    folder.mkdir()
    cluster = Slurm(folder, n_nodes=n_nodes, first_port=16917)
    settings = folder / "cluster.yaml"
    cores = max(1, N_CORES // n_nodes)
    settings.write_text(
        f"jobs: {n_nodes}\ncores: {cores}\nmemory: 2GB\ninterface: lo\nshared_folder: {folder}\n",
        encoding="utf-8",
    )
    try:
        yield cluster.environment | {"GRCF_ENGINE": "slurm", "GRCF_CLUSTER": str(settings)}
    finally:
        cluster.end()


def measure(engine: str, environment: Mapping[str, str], cache: Path) -> dict[str, Any]:
    """Both stages with an empty cache.

    Raises:
        subprocess.CalledProcessError: a stage failed.
    """
    variables = os.environ | {"GRCF_CACHE": str(cache), "GRCF_WORKERS": str(N_CORES)} | dict(environment)
    started, used = time.perf_counter(), busy_s()
    for stage in STAGES:
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], env=variables, check=True)
    return {
        "engine": engine,
        "wall_clock_s": round(time.perf_counter() - started, 1),
        "processor_s": round(busy_s() - used, 1),
        "sha256": {stage: sha256_of(path) for stage, path in STAGES.items()},
    }


def page(result: Mapping[str, Any]) -> str:
    """The table as Markdown."""
    pool = result["rows"][0]
    lines = [
        f"| {row['engine']} | {row['processor_s']:.0f} | {row['processor_s'] / pool['processor_s']:.2f} | {row['wall_clock_s']:.0f} | "
        f"{'yes' if row['sha256'] == pool['sha256'] else 'NO'} |"
        for row in result["rows"]
    ]
    return "\n".join(
        [
            "# The demo's audio and visual stages through each engine",
            "",
            f"{result['cores']} cores of one machine, which plays every part. Written by `python -m benchmarks.cluster`.",
            "",
            "| Engine | Processor seconds | Of the pool's | Wall clock, s | The same bytes |",
            "|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Run every engine and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            measure("processes of this machine", {}, folder / "pool"),
            measure("local:2", {"GRCF_ENGINE": "local:2"}, folder / "local"),
        ]
        if is_installed():
            with slurm_of(folder / "slurm", 2) as environment:
                rows.append(measure("slurm, two nodes", environment, folder / "of_slurm"))
        else:
            print("SLURM is not installed and left out")
    result = {"cores": N_CORES, "rows": rows}
    write_json(out, result)
    write_text(out.with_suffix(".md"), page(result))
    print(page(result))


if __name__ == "__main__":
    main()
