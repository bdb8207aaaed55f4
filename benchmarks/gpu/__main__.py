"""Everything that has to be shown on a GPU, in one command and less than eight minutes: `python -m benchmarks.gpu`.

For a bare machine with one GPU, 16 cores and no network. `benchmarks.gpu.wheels` collects the packages that such a machine
lacks; models have drawn weights in their real sizes. Each part runs in a process of its own with a limit of time, so a
crash, a hang or a full memory costs that part alone and is written down. The parts, listed in `benchmarks/gpu/parts.py`:

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
import sys
from pathlib import Path
from typing import Any

from benchmarks.gpu.apart import ROOT, machine, run_part

RESULTS = ROOT / "benchmarks/results/gpu.json"
_PATIENCE = 4  # of a rehearsal, on few cores that others use too


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
    # Only now: torch looks for devices when it is imported.
    from benchmarks.gpu.parts import PARTS
    from benchmarks.gpu.scale import Scale

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
