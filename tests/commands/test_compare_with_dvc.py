"""What the other tests write by hand, DVC writes here: if it comes to keep experiments elsewhere, this fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from tests.comparison.repositories import GIT, PARAMETERS, Repository

TESTS = Path(__file__).parent.parent
PIPELINE = """\
stages:
  manifest:
    cmd: echo a segment > segments.jsonl
    outs: [segments.jsonl]
  evaluate:
    cmd: python evaluate.py
    deps: [segments.jsonl, evaluate.py]
    params: [margin, rank]
    plots:
      - reports/predictions.csv: {cache: false}
"""
EVALUATE = """\
from pathlib import Path
from pipeline.artifacts.evaluated.predictions import predictions_to_csv
from pipeline.yaml12 import parse_yaml
from tests.comparison.repositories import split_predictions

noise = parse_yaml(Path("params.yaml").read_text())["margin"]["base"]
Path("reports").mkdir(exist_ok=True)
Path("reports/predictions.csv").write_text(predictions_to_csv([split_predictions("valid", noise=noise)]))
"""


def dvc(*arguments: str) -> None:
    environment = os.environ | GIT
    environment |= {
        "DVC_NO_ANALYTICS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
        "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}",
    }
    command = [sys.executable, "-m", "dvc", *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
def test_an_experiment_of_dvc_is_compared_by_its_name(repository: Repository, capsys):
    dvc("init")
    for name, text in (
        ("dvc.yaml", PIPELINE),
        ("evaluate.py", EVALUATE),
        ("params.yaml", PARAMETERS.format(base="0.2", learning_rate="0.001", protocol="mosi")),
    ):
        (repository.root / name).write_text(text)
    dvc("repro")
    repository.commit()
    dvc(
        "exp",
        "run",
        "--name",
        "wider",
        "--set-param",
        "margin.base=2.0",
        "--set-param",
        "rank.learning_rate=1e-5",
    )
    assert main(["compare", "HEAD", "wider"]) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines() if line]
    assert ["margin.base", "0.2", "→", "2.0"] in lines
    assert ["rank.learning_rate", "0.001", "→", "1e-05"] in lines
    assert ["evaluate", "parameters", "(margin,", "rank);", "outputs"] in lines
    assert next(line for line in lines if line[0] == "mae")[-1] == "regression"
    # The digests and parameters that DVC recorded are those of the files that it committed.
    assert "Warning:" not in printed
    assert main(["compare", "wider", "workspace"]) == 0
    assert "Parameters: the same." in capsys.readouterr().out
