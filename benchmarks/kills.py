"""`kill -9` at random moments: `python -m benchmarks.kills [--clips 100] [--kills 10] [--seed N]`.

A corpus of clips of the demo under other names is extracted and aligned twice, by DVC, in repositories of their own: once
undisturbed, and once by a run whose process group is killed at a random moment, again and again, until a last run is let be.
What both have packed has to be the same bytes. Every piece of work (a file opened, a clip or a text through an extractor) is
noted when it begins and when it ends, so that what was begun more than once can be counted, in pieces and in seconds.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts.formats.files import sha256_of
from pipeline.errors import PipelineError
from tests.stages.repositories import CLIPS, Repository, make_repository

RESULTS = Path(__file__).parent / "results/kills.json"
STAGES = ("manifest", "words", "text", "audio", "visual", "align")
# The moments of the kills are drawn evenly from nothing to twice what would add up to this much of an undisturbed run. More than
# one: DVC and the libraries start anew after each kill.
_SHARE_OF_RUN = 1.1

# Stands in a repository beside the stages and runs one of them, noting each piece of work.
WATCHED = '''\
"""Runs a stage and notes each piece of work that begins and ends."""

import importlib
import json
import sys
import time

from pipeline.execution import pool
from stages.entry import run

STAGE = sys.argv[1] if len(sys.argv) > 1 else ""


def note(event, items):
    with open("work.jsonl", "a") as file:
        for item in items:
            file.write(json.dumps({"event": event, "piece": f"{STAGE} {item}", "at_s": time.time()}) + "\\n")


def watch_workers():
    give, answer = pool._Worker.give, pool._Worker.answer

    def noted_give(self, key, item, limit_s):
        # Extractors get an item behind the key of its entry.
        item_alone = item[1] if isinstance(item, tuple) else item
        self.item = getattr(item_alone, "id", item_alone)
        note("begin", [self.item])
        give(self, key, item, limit_s)

    def noted_answer(self):
        given = self.key is not None
        outcome = answer(self)
        if given:
            note("end", [self.item])
        return outcome

    pool._Worker.give, pool._Worker.answer = noted_give, noted_answer


def watch_encoder():
    from pipeline.extract.text.encoder import TextEncoder

    encode = TextEncoder.encode

    def noted_encode(self, words):
        texts = [" ".join(sentence) for sentence in words]
        note("begin", texts)
        vectors = encode(self, words)
        note("end", texts)
        return vectors

    TextEncoder.encode = noted_encode


if __name__ == "__main__":
    watch_workers()
    if STAGE == "text":
        watch_encoder()
    run(importlib.import_module(f"stages.{STAGE}").main)
'''


@dataclass(frozen=True)
class Kill:
    """After how many seconds a run was killed, in which stage, and how many entries the clip cache had then."""

    after_s: float
    stage: str | None
    n_entries: int


def make_corpus(folder: Path, n_clips: int) -> Repository:
    """A repository with so many clips, whose stages note their work in work.jsonl."""
    with (CLIPS / "segments.csv").open(encoding="utf-8") as file:
        known = list(csv.DictReader(file))
    # Of all speakers alike, since a split needs several.
    chosen = sorted(known, key=lambda row: (row["id"].rpartition("_")[2], row["id"]))[:n_clips]
    rows = [
        {
            "id": f"clip_{number:03d}",
            "media": f"{number:03d} {row['speaker']}.mp4",
            "speaker": row["speaker"],
            "label": row["label"],
            "text": row["text"],
        }
        for number, row in enumerate(chosen)
    ]
    media = {row["media"]: CLIPS / source["media"] for row, source in zip(rows, chosen, strict=True)}
    repository = make_repository(folder, rows, media)
    (folder / "watched.py").write_text(WATCHED, encoding="utf-8")
    for stage in STAGES:
        repository.edit("dvc.yaml", f"cmd: python -m stages.{stage}", f"cmd: python -m watched {stage}")
    return repository


def reproduce(repository: Repository, target: str, *, kill_after_s: float | None = None) -> Kill | None:
    """`dvc repro` of a stage and what it needs, to its end or its kill.

    Returns:
        the kill; None where the run came to its end before.
    """
    log = repository.path / "run.log"
    with log.open("w", encoding="utf-8") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", target],
            cwd=repository.path,
            env=repository.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = run.wait(kill_after_s)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            note_kill(repository)
            started = [
                line for line in log.read_text(encoding="utf-8").splitlines() if "Running stage" in line
            ]
            stage = started[-1].split("'")[1] if started else None
            return Kill(round(kill_after_s or 0.0, 2), stage, len(entries(repository)))
    if status:
        raise PipelineError(
            f"dvc repro failed with status {status}:\n{log.read_text(encoding='utf-8')[-2000:]}"
        )
    return None


def note_kill(repository: Repository) -> None:
    with (repository.path / "work.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps({"event": "kill", "at_s": time.time()}) + "\n")


def entries(repository: Repository) -> list[Path]:
    """Finished entries of the clip cache."""
    return [path for path in (repository.path / ".cache/clips").glob("*/??/*") if path.suffix != ".tmp"]


def packed(repository: Repository) -> dict[str, str]:
    """The digest of every file that the stages have written."""
    folders = [repository.path / "data" / stage for stage in STAGES]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(repository.path)): sha256_of(path) for path in files}


@dataclass(frozen=True)
class Work:
    """Pieces that were begun and how often, and the seconds that they took, those of unfinished pieces included."""

    begun: Counter[str]
    needed_s: float
    spent_s: float


def read_work(repository: Repository) -> Work:
    """Add up work.jsonl; a line that a kill cut off is that of a piece which had not begun."""
    begun: Counter[str] = Counter()
    under_way: dict[str, float] = {}
    last_s: dict[str, float] = {}
    spent_s = 0.0
    for line in (repository.path / "work.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["event"] == "begin":
            begun[row["piece"]] += 1
            under_way[row["piece"]] = row["at_s"]
        elif row["event"] == "end":
            last_s[row["piece"]] = row["at_s"] - under_way.pop(row["piece"])
            spent_s += last_s[row["piece"]]
        else:
            spent_s += sum(row["at_s"] - began_s for began_s in under_way.values())
            under_way.clear()
    return Work(begun, sum(last_s.values()), spent_s)


def measure(
    folder: Path,
    *,
    n_clips: int,
    n_kills: int,
    seed: int,
    target: str = "align",
    share_of_run: float = _SHARE_OF_RUN,
) -> dict[str, Any]:
    """Both runs, compared.

    Args:
        folder: folder in which the two repositories are made.
        n_clips: size of the corpus.
        n_kills: how often one of the runs is killed.
        seed: draws the moments.
        target: the stage that is made.
        share_of_run: mean sum of the moments, as a share of the undisturbed run.

    Raises:
        PipelineError: a run failed, or came to its end before it was killed so many times.
    """
    draw = random.Random(seed)
    undisturbed = make_corpus(folder / "undisturbed", n_clips)
    disturbed = make_corpus(folder / "disturbed", n_clips)
    started_s = time.monotonic()
    reproduce(undisturbed, target)
    run_s = time.monotonic() - started_s
    kills: list[Kill] = []
    while len(kills) < n_kills:
        kill = reproduce(disturbed, target, kill_after_s=draw.uniform(0, 2 * share_of_run * run_s / n_kills))
        if kill is None:
            raise PipelineError(f"the run ended after {len(kills)} kills; try another --seed, or more clips")
        kills.append(kill)
        print(kill, flush=True)
    reproduce(disturbed, target)
    work = read_work(disturbed)
    n_needed, n_begun = len(work.begun), work.begun.total()
    return {
        "n_clips": n_clips,
        "n_kills": n_kills,
        "seed": seed,
        "undisturbed_s": round(run_s, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "identical": packed(disturbed) == packed(undisturbed),
        "n_files_compared": len(packed(undisturbed)),
        "kills": [asdict(kill) for kill in kills],
        "pieces_needed": n_needed,
        "pieces_begun": n_begun,
        "share_of_pieces_begun_twice": round(n_begun / n_needed - 1, 4),
        "piece_seconds_needed": round(work.needed_s, 1),
        "piece_seconds_spent": round(work.spent_s, 1),
        "share_of_seconds_spent_twice": round(work.spent_s / work.needed_s - 1, 4),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), n_clips=args.clips, n_kills=args.kills, seed=args.seed)
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
