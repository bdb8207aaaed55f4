"""A small repository whose one stage takes a blink: what runs in it is DVC, for real."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.comparison.repositories import GIT

ROOT = Path(__file__).parent.parent.parent
PIPELINE = """\
stages:
  manifest:
    cmd: mkdir -p data && echo segment > data/segments.jsonl
    outs: [data/segments.jsonl]
  evaluate:
    cmd: python evaluate.py
    deps: [data/segments.jsonl, evaluate.py]
    params: [margin, rank, audio, advantage]
    metrics:
      - reports/summary.json: {cache: false}
    plots:
      - reports/predictions.csv: {cache: false}
"""
# Writes what the leaderboard reads. `margin.base` is the noise of the predictions; at 0.9 the stage ends as the system ends
# one for want of memory, and with `margin.slope: 8.0` it lasts. With `WAIT_FOR` it lasts until there is such a file.
EVALUATE = """\
import os
import signal
import time
from pathlib import Path
from pipeline.artifacts.formats.files import write_json, write_text
from pipeline.artifacts.evaluated.predictions import predictions_to_csv
from pipeline.evaluation.protocols import MOSI
from pipeline.evaluation.tables import headline, model_table
from pipeline.yaml12 import parse_yaml
from tests.comparison.repositories import split_predictions

margin = parse_yaml(Path("params.yaml").read_text())["margin"]
print("margin.slope is", margin["slope"], flush=True)
if margin["base"] == 0.9:
    os.kill(os.getpid(), signal.SIGKILL)
if margin["slope"] == 8.0:
    time.sleep(120)
while not Path(os.environ.get("WAIT_FOR", ".")).exists():
    time.sleep(0.05)
splits = [split_predictions(split, noise=margin["base"]) for split in ("valid", "test")]
write_text(Path("reports/predictions.csv"), predictions_to_csv(splits))
metrics = {one.split: model_table(one.truth, one.models, protocol=MOSI, confidence=0.95) for one in splits}
write_json(Path("reports/summary.json"), headline(metrics, protocol=MOSI))
"""


@dataclass(frozen=True)
class Repository:
    path: Path

    def environment(self, **changes: str) -> dict[str, str]:
        chosen = (
            os.environ
            | GIT
            | {
                "DVC_NO_ANALYTICS": "1",
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
                "GIT_AUTHOR_DATE": "",
                "GIT_COMMITTER_DATE": "",
            }
        )
        # The cache and the logs are in the repository, whatever whoever runs the tests has chosen.
        own = {name: value for name, value in chosen.items() if name not in ("DVC_ROOT", "GRCF_CACHE")}
        return own | changes

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            command, cwd=self.path, env=self.environment(), capture_output=True, text=True, check=False
        )
        if check and ended.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{ended.stdout}\n{ended.stderr}")
        return ended

    def pipeline(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pipeline", *arguments, check=check)

    def experiments(self) -> list[str]:
        listed = self.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
        return sorted(name.split("/", 4)[4] for name in listed if name.count("/") == 4)

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def copy(self, path: Path) -> "Repository":
        shutil.copytree(self.path, path)
        return Repository(path)


def make_repository(path: Path) -> Repository:
    """The repository after one `dvc repro`, committed."""
    path.mkdir(parents=True)
    repository = Repository(path)
    shutil.copy(ROOT / "params.yaml", path / "params.yaml")
    (path / "dvc.yaml").write_text(PIPELINE)
    (path / "evaluate.py").write_text(EVALUATE)
    (path / ".gitignore").write_text("/.cache/\n__pycache__/\n")
    # What the run was of does not depend on the parameters here.
    (path / "reports").mkdir()
    shutil.copy(ROOT / "reports/run.json", path / "reports/run.json")
    params = (path / "params.yaml").read_text()
    (path / "params.yaml").write_text(params.replace("n_resamples: 1000", "n_resamples: 100"))
    repository.run("git", "init", "--quiet", "--initial-branch", "main")
    repository.run("git", "config", "user.name", "test")
    repository.run("git", "config", "user.email", "test@example.org")
    repository.run("dvc", "init", "--quiet")
    repository.run("dvc", "config", "core.autostage", "true")
    repository.run("dvc", "repro", "--quiet")
    repository.commit("start")
    return repository
