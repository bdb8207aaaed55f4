import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import COMMANDS, main
from tests.comparison.repositories import GIT

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = GIT | {"PYTHONPATH": str(ROOT)}
PIPELINE = [sys.executable, "-m", "pipeline"]


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert name in printed
        assert summary in printed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


@pytest.mark.parametrize(
    "arguments", [[], ["unknown"], ["compare"], ["compare", "HEAD"], ["results", "more"]]
)
def test_a_wrong_command_line_is_answered_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m pipeline")


def test_an_error_for_people_is_one_sentence_and_status_1(repository):
    ended = subprocess.run(
        [*PIPELINE, "results"], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == "params.yaml: not found; run from the root of the repository\n"


def test_a_python_without_the_packages_is_told_of_the_environment():
    # -S leaves out site-packages: what a Python outside of the environment looks like.
    ended = subprocess.run(
        [sys.executable, "-S", "-m", "pipeline", "check", "demo"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "not installed for" in ended.stderr
    assert ended.stderr.endswith("activate the environment (`. .venv/bin/activate`), which make creates\n")
    assert ended.stderr.count("\n") == 1


def test_a_reader_that_leaves_early_is_no_error(repository):
    repository.write_reports(repository.write_run())
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ended = subprocess.run(
            [*PIPELINE, "results"], env=ENVIRONMENT, stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode, ended.stderr) == (141, b"")
