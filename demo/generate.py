"""Write the demo corpus: `python -m demo.generate --out data/raw/demo`."""

import argparse
import csv
import multiprocessing
import shutil
import sys
from pathlib import Path

from demo.clip import make
from demo.design import Clip, corpus

FACTS = Path(__file__).parent.parent / "data" / "raw" / "demo" / "corpus.yaml"
COLUMNS = ("id", "media", "speaker", "split", "label", "text")


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and generate."""
    parser = argparse.ArgumentParser(prog="python -m demo.generate", description="Write the demo corpus.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="clips to make at the same time")
    parser.add_argument(
        "--only", nargs="+", metavar="ID", help="make these clips, and no segments.csv or corpus.yaml"
    )
    options = parser.parse_args(arguments)
    clips = corpus()
    if options.only:
        unknown = sorted(set(options.only) - {clip.id for clip in clips})
        if unknown:
            parser.error(f"no such clip: {', '.join(unknown)}")
        clips = tuple(clip for clip in clips if clip.id in options.only)
    write_clips(clips, options.out, n_jobs=options.jobs)
    if not options.only:
        write_segments(clips, options.out / "segments.csv")
        write_facts(options.out / FACTS.name)


def write_clips(clips: tuple[Clip, ...], folder: Path, *, n_jobs: int) -> None:
    """Write every clip to `clips/<id>.mp4`, each in a process of its own: espeak-ng keeps state within a process."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    tasks = [(clip, folder / media_path(clip)) for clip in clips]
    context = multiprocessing.get_context("spawn")
    with context.Pool(n_jobs, maxtasksperchild=1) as pool:
        for n_done, _ in enumerate(pool.imap(_make, tasks, chunksize=1), start=1):
            print(f"\r{n_done}/{len(tasks)} clips", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def write_segments(clips: tuple[Clip, ...], path: Path) -> None:
    """Write the table of the corpus; nothing of its design is in it but the label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for clip in clips:
            speaker = clip.speaker
            table.writerow(
                (
                    clip.id,
                    media_path(clip),
                    speaker.id,
                    speaker.split,
                    f"{clip.label:.1f}",
                    clip.sentence.text,
                )
            )


def write_facts(path: Path) -> None:
    """Write what the demo corpus is, without which no run can name the folder; a file that is there stays."""
    if not path.exists():
        shutil.copyfile(FACTS, path)


def media_path(clip: Clip) -> str:
    """Where a clip is, relative to the folder of the corpus."""
    return f"clips/{clip.id}.mp4"


def _make(task: tuple[Clip, Path]) -> None:
    make(*task)


if __name__ == "__main__":
    main()
