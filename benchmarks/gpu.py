"""Everything that has to be shown on a GPU, in one command and less than eight minutes: `python -m benchmarks.gpu`.

For a bare machine with one GPU, 16 cores and no network. `benchmarks.gpu_wheels` collects the packages that such a machine
lacks; models have drawn weights in their real sizes. Each part runs in a process of its own with a limit of time, so a
crash, a hang or a full memory costs that part alone and is written down. The parts, in `benchmarks/gpu_parts.py`:

* tests: those marked `gpu`;
* agreement: vectors of the GPU against those of the CPU, beside the tolerance that is promised;
* throughput: BERT-base, wav2vec2-base, HuBERT-base and CLIP-ViT-B/32 through the pipeline against finished batches, in float32 and
  bfloat16, and the speed of Whisper-tiny;
* seeds: five against one, one after the other, as processes and side by side;
* finetuning: an epoch of BERT-base with the ranking loss in groups of 32, 256 and 1,024 segments, whole and in chunks, and its memory;
* extraction: the demo corpus with 16 workers and the GPU.

`--device cpu --small` rehearses all of it in a minute, so that a machine that is lent once does not find a typing error.
Writes benchmarks/results/gpu.json; a rehearsal prints its result, or writes it where `--out` says.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/gpu.json"
_LONGEST_TAIL = 2000
_PATIENCE = 4  # of a rehearsal, on few cores that others use too


def run_part(name: str, *, limit_s: float, arguments: list[str]) -> dict[str, Any]:
    """What one part measured, or why it did not."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "part.json"
        command = [sys.executable, "-m", "benchmarks.gpu", *arguments, "--part", name, "--out", str(out)]
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=limit_s)
            failure = f"ended with status {process.returncode}" if process.returncode else None
        except subprocess.TimeoutExpired:
            # Its workers too: each part has a session of its own.
            os.killpg(process.pid, 9)
            printed, _ = process.communicate()
            failure = f"not done in {limit_s:.0f} s"
        result: dict[str, Any] = {"seconds": round(time.perf_counter() - started, 1)}
        if out.is_file():
            result |= json.loads(out.read_text(encoding="utf-8"))
        elif failure is None:
            failure = "left no result"
        if failure is not None:
            result |= {"failure": failure, "printed": printed[-_LONGEST_TAIL:]}
        return result


def machine(device: str) -> dict[str, Any]:
    """What measured."""
    import torch

    from pipeline.execution.device import device_class
    from pipeline.execution.versions import library_versions

    found: dict[str, Any] = {
        "device": device_class(device),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": library_versions("torch", "transformers", "numpy"),
    }
    if device == "cuda":
        found |= {
            "memory_mb": torch.cuda.get_device_properties(0).total_memory // 2**20,
            "cuda": torch.version.cuda,
        }
    return found


def main(arguments: list[str]) -> int:
    """Run all parts, or one, and write what they found; 1 where one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="small models and little data, for a rehearsal")
    parser.add_argument(
        "--only", metavar="PART", nargs="+", help="these parts; the others are left as they were"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help=f"where to write; {RESULTS.relative_to(ROOT)}"
    )
    parser.add_argument("--part", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from benchmarks.gpu_parts import PARTS, Scale

    if args.part:
        measure, _ = PARTS[args.part]
        args.out.write_text(json.dumps(measure(Scale(args.device, args.small))), encoding="utf-8")
        return 0
    unknown = set(args.only or ()) - PARTS.keys()
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    common = ["--device", args.device] + ["--small"] * args.small
    is_rehearsal = args.small or args.device == "cpu"
    target = args.out or (None if is_rehearsal else RESULTS)
    result: dict[str, Any] = {}
    if args.only and target is not None and target.is_file():
        result = json.loads(target.read_text(encoding="utf-8"))
    result |= {"machine": machine(args.device), "rehearsal": is_rehearsal}
    for name, (_, limit_s) in PARTS.items():
        if args.only and name not in args.only:
            continue
        result[name] = run_part(name, limit_s=limit_s * (_PATIENCE if is_rehearsal else 1), arguments=common)
        sys.stderr.write(f"{name}: {result[name].get('failure', 'done')}, {result[name]['seconds']:.0f} s\n")
        if target is not None:  # after each part: a machine may be taken away
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if target is None:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return int(any("failure" in part for part in result.values() if isinstance(part, dict)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
