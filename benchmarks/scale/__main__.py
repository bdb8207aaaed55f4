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
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.scale.corpus import write_aligned_corpus, write_corpus
from benchmarks.scale.results import SIZES, draw, measured_rows, results_path, write_results
from benchmarks.scale.run import STAGES, STAGES_ON_ALIGNED, kept_run, measure


def main() -> None:
    """Measure the sizes that are asked for, or write one corpus in a process of its own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    if networks is not None and arguments.again not in (None, *STAGES_ON_ALIGNED):
        parser.error(
            f"--networks measures {' and '.join(STAGES_ON_ALIGNED)} alone, and --again names {arguments.again}"
        )
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
