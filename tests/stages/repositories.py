"""A small repository with a corpus of its own, in which the pipeline runs for real."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.utils.hydra import apply_overrides

from tests.tasks import write_facts

ROOT = Path(__file__).parent.parent.parent
CLIPS = ROOT / "data/raw/demo"

# Names, spellings and sizes that the corpus in the repository does not have.
TOY = "ein-korpus_2"
SMALL = (
    f"corpus.name={TOY}",
    "manifest.max_rejected_share=0.2",
    "training.seeds=[7,8,9]",
    "training.epochs=4",
    "network.width=8",
    "evaluate.missing_rates=[0.0,0.5]",
    "evaluate.noise_scales=[0.0,1.0]",
    "evaluate.n_resamples=100",
)


@dataclass(frozen=True)
class Repository:
    """A git and DVC repository with the code under test."""

    path: Path

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def environment(self, **changes: str) -> Mapping[str, str]:
        inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DVC_ROOT", "GRCF_CACHE")}
        binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return inherited | {"PATH": binaries, "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"} | changes

    def stage(self, name: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", f"stages.{name}", check=check, **environment)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.path / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1))

    def set_params(self, *settings: str) -> None:
        """What `dvc exp run -S …` writes into params.yaml, by its own function and without its experiment."""
        apply_overrides(self.path / "params.yaml", list(settings))

    def copy(self, path: Path) -> "Repository":
        """The same repository elsewhere, its caches left behind."""
        shutil.copytree(self.path, path, ignore=shutil.ignore_patterns(".cache", "__pycache__"))
        return Repository(path)


def make_repository(
    path: Path, rows: list[dict[str, str]], media: Mapping[str, Path], *, layout: str = "folder", **label: Any
) -> Repository:
    """A repository with a corpus of these rows and files; `label` says what its labels are, see `write_facts`."""
    path.mkdir(parents=True)
    for folder in ("pipeline", "stages", "plugins"):
        shutil.copytree(ROOT / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / file, path / file)
    corpus = path / "data/raw" / TOY
    corpus.mkdir(parents=True)
    for name, source in media.items():
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, corpus / name)
    with (corpus / "segments.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write_facts(corpus, layout, **label)
    repository = Repository(path)
    repository.set_params(*SMALL)
    repository.run("git", "init", "-q", "-b", "main")
    repository.run("git", "config", "user.email", "test@example.org")
    repository.run("git", "config", "user.name", "test")
    repository.run("dvc", "init", "-q")
    repository.run("dvc", "config", "core.autostage", "true")
    # The corpus is under DVC, not git: an ignored folder would be invisible to `dvc exp run --temp`.
    repository.run("dvc", "add", "-q", f"data/raw/{TOY}")
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-q", "-m", "start")
    return repository


def toy_rows() -> tuple[list[dict[str, str]], dict[str, Path]]:
    """Sixteen clips under other names, one of them broken, split by speaker through our own draw."""
    with (CLIPS / "segments.csv").open() as file:
        known = list(csv.DictReader(file))
    speakers = sorted({row["speaker"] for row in known})[:5]
    chosen = [row for speaker in speakers for row in [r for r in known if r["speaker"] == speaker][:3]]
    rows, media = [], {}
    for number, row in enumerate(chosen):
        name = f"video {number:02d}.mp4"
        media[name] = CLIPS / row["media"]
        rows.append(
            {
                "id": f"{number:03d}é",
                "media": name,
                "speaker": row["speaker"],
                "label": row["label"],
                "text": row["text"],
            }
        )
    rows.append(
        {"id": "broken", "media": "broken.mp4", "speaker": speakers[0], "label": "1", "text": "Never seen."}
    )
    media["broken.mp4"] = ROOT / "params.yaml"
    return rows, media
