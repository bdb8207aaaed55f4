"""`make fuzz SECONDS=1200`: damage files of every kind for a while, and print what became of them."""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.fuzzing import outcomes
from tests.fuzz.kinds import kinds

_AT_ONCE = 20


def main(seconds: float) -> int:
    """Go round the kinds until the time is over; 1 where a reader failed, with the file kept for whoever mends it."""
    seed = int(os.environ.get("GRCF_FUZZ_SEED", "0")) or time.time_ns() % 1_000_000
    kept = Path(tempfile.mkdtemp(prefix="fuzz_"))
    all_kinds = kinds()
    counts = {name: Counter[str]() for name in all_kinds}
    seen: set[str] = set()
    end_s = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end_s:
        for name, kind in all_kinds.items():
            for outcome, content, raised in outcomes(kind, random.Random(f"{seed} {name} {turn}"), _AT_ONCE):
                counts[name][outcome] += 1
                if outcome == "failed" and raised is not None:
                    # The innermost frame tells one fault from another.
                    where = "\n".join(
                        line for line in raised.traceback.splitlines() if line.startswith("  ")
                    )[-400:]
                    if where not in seen:
                        seen.add(where)
                        file = kept / f"{len(seen)}_{kind.name}"
                        file.write_bytes(content)
                        sys.stdout.write(f"{file}: {raised.traceback[-1500:]}\n")
        turn += 1
    sys.stdout.write(
        f"seed {seed}, {seconds:g} s\n\n| kind | tried | read | refused | crashed in a process of its own | failed |\n|---|---|---|---|---|---|\n"
    )
    for name, found in counts.items():
        sys.stdout.write(
            f"| {name} | {found.total():,} | {found['read']:,} | {found['refused']:,} | {found['crashed']:,} | {found['failed']:,} |\n"
        )
    return int(any(found["failed"] for found in counts.values()))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
