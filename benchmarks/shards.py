"""A walk through the features of a corpus in its own order, as `align` goes: `python -m benchmarks.shards [--segments 350000]`.

Recordings of ten segments lie in 128 or more shards of one modality, each with as many segments as 256 MB of the usual features have, and
rows so few that a disk holds them. Once a process may open so few files that 64 shards are mapped at once, and once as many as there are. Writes
benchmarks/results/shards.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.features.packed import PackedSequences
from pipeline.artifacts.features.shards import ShardedSequences, read_sequences, write_sequences_of
from pipeline.artifacts.formats.files import write_json

RESULTS = Path(__file__).parent / "results/shards.json"
_SEGMENTS_OF_RECORDING = 10
_SEGMENTS_OF_SHARD = 2_800
# A row of two numbers with its time, its stretches, and the names and offsets of its segment.
_BYTES_OF_SEGMENT = 80
_FEW_FILES = 256


def write(folder: Path, n_segments: int) -> None:
    """The features of a corpus, a row for each segment."""

    def sequences() -> Iterator[FeatureSequence]:
        for number in range(n_segments):
            yield FeatureSequence(np.full((1, 2), number, np.float32), np.zeros(1), np.ones(1, bool))

    write_sequences_of(
        folder,
        "visual",
        [f"{number}" for number in range(n_segments)],
        sequences(),
        recordings=[f"{number // _SEGMENTS_OF_RECORDING}" for number in range(n_segments)],
        columns=["x", "y"],
        extractor={},
        limit_bytes=_SEGMENTS_OF_SHARD * _BYTES_OF_SEGMENT,
    )


def walk(folder: Path, *, n_files: int | None) -> dict[str, float]:
    """Seconds of a walk through all segments, and how often a shard was mapped.

    Args:
        folder: folder of the features.
        n_files: how many files may be open, None for as many as this process may have.
    """
    if n_files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n_files, n_files))
    n_mapped, map_shard = 0, ShardedSequences._map

    def counted(sequences: ShardedSequences, number: int) -> PackedSequences:
        nonlocal n_mapped
        n_mapped += 1
        return map_shard(sequences, number)

    ShardedSequences._map = counted  # type: ignore[method-assign, assignment]
    found = read_sequences(folder)
    wall_s, processor_s = time.perf_counter(), time.process_time()
    total = sum(float(found[f"{number}"].values[0, 0]) for number in range(len(found.ids)))
    seconds = {"wall_s": time.perf_counter() - wall_s, "processor_s": time.process_time() - processor_s}
    assert total == sum(range(len(found.ids)))
    return {**seconds, "maps": n_mapped}


def measure(n_segments: int) -> dict[str, Any]:
    """Both walks, each in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "visual"
        write(folder, n_segments)
        n_shards = len(list(folder.glob("*.safetensors")))
        few, all_ = _alone(folder, _FEW_FILES), _alone(folder, None)
    return {"segments": n_segments, "shards": n_shards, "64_at_once": few, "all_at_once": all_}


def _alone(folder: Path, n_files: int | None) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.shards", "--walk", str(folder)]
    done = subprocess.run(
        [*command, *(["--files", str(n_files)] if n_files else [])],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, default=350_000)
    parser.add_argument("--walk", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--files", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.walk:
        json.dump(walk(args.walk, n_files=args.files), sys.stdout)
        return
    found = measure(args.segments)
    write_json(RESULTS, found)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
