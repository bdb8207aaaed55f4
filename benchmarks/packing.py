"""Entries of the clip cache in single files and in packs: `python -m benchmarks.packing [--entries 10000] [--bytes 2000]`.

A stage that finds all of its results in the cache, in a process of its own each time: once with a file for each result, as a killed run
leaves them, and once with packs. Between the two, the run that packs them. Writes benchmarks/results/packing.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.artifacts.formats.files import write_json
from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.executor import map_cached

RESULTS = Path(__file__).parent / "results/packing.json"
_GROUP = "benchmark"
_REPETITIONS = 3


def _payload(number: int, n_bytes: int) -> bytes:
    return number.to_bytes(8, "little") * (n_bytes // 8)


def _never(number: int) -> bytes:
    raise AssertionError(f"{number} is not in the cache")


def _keys(n_entries: int) -> list[str]:
    return [cache_key(number=number) for number in range(n_entries)]


def fill(folder: Path, *, n_entries: int, n_bytes: int) -> None:
    """Store results in files of their own, as workers do."""
    cache = ResultCache(folder)
    for number, key in enumerate(_keys(n_entries)):
        cache.put(key, _payload(number, n_bytes))


def look_up(folder: Path, *, n_entries: int, group: str | None) -> dict[str, float]:
    """Seconds of a stage that finds everything: it asks what is missing, then reads each result; and of a listing.

    Args:
        folder: folder of the cache.
        n_entries: number of results.
        group: name under which they are packed, None to leave them as they are.
    """
    keys = _keys(n_entries)
    wall_s, processor_s = time.perf_counter(), time.process_time()
    results = map_cached(
        _never, range(n_entries), keys=keys, cache=ResultCache(folder), encode=bytes, decode=bytes,
        title="results", unit="result", group=group,
    )  # fmt: skip
    n_bytes = sum(map(len, results))
    stage = time.perf_counter() - wall_s, time.process_time() - processor_s
    wall_s = time.perf_counter()
    n_listed = len({entry.key for entry in ResultCache(folder).entries()})
    assert n_listed == n_entries, f"{n_listed} entries are listed"
    return {
        "stage_s": stage[0],
        "stage_processor_s": stage[1],
        "listing_s": time.perf_counter() - wall_s,
        "bytes": n_bytes,
    }


def measure(n_entries: int, n_bytes: int) -> dict[str, Any]:
    """Files, blocks and seconds of single files and of packs."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        fill(cache, n_entries=n_entries, n_bytes=n_bytes)
        single = _best(cache, n_entries, None) | _on_disk(cache)
        packing = _alone(cache, n_entries, _GROUP)
        packed = _best(cache, n_entries, _GROUP) | _on_disk(cache)
    assert single["bytes"] == packed["bytes"] == n_entries * (n_bytes // 8 * 8)
    return {
        "entries": n_entries,
        "bytes_per_entry": n_bytes,
        "single_files": single,
        "packs": packed,
        "packing_s": packing["stage_s"],
        "ratios": {
            name: packed[name] / single[name]
            for name in ("stage_s", "stage_processor_s", "listing_s", "inodes", "disk_bytes")
        },
    }


def _best(cache: Path, n_entries: int, group: str | None) -> dict[str, float]:
    """The least of each figure over a few processes: other work on the machine only adds."""
    runs = [_alone(cache, n_entries, group) for _ in range(_REPETITIONS)]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def _alone(cache: Path, n_entries: int, group: str | None) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.packing",
        "--look-up",
        str(cache),
        "--entries",
        str(n_entries),
    ]
    done = subprocess.run(
        [*command, *(["--group", group] if group else [])], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _on_disk(cache: Path) -> dict[str, float]:
    found = [path.stat() for path in (cache, *cache.rglob("*"))]
    return {"inodes": len(found), "disk_bytes": sum(status.st_blocks * 512 for status in found)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=2_000, help="size of a result")
    parser.add_argument("--look-up", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--group", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.look_up:
        json.dump(look_up(args.look_up, n_entries=args.entries, group=args.group), sys.stdout)
        return
    found = measure(args.entries, args.bytes)
    write_json(RESULTS, found)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
