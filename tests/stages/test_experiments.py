"""DVC runs what has to run and nothing else."""

import json
import re
import subprocess

import pytest

pytestmark = pytest.mark.slow


def ran(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


@pytest.fixture(scope="module")
def experiments(toy, tmp_path_factory):
    """One repository in which the experiments of this module run, in the order of the tests."""
    return toy.copy(tmp_path_factory.mktemp("experiments") / "repository")


def test_a_second_repro_runs_nothing(experiments):
    assert ran(experiments.run("dvc", "repro").stdout) == []
    assert experiments.run("dvc", "status", "-q", check=False).returncode == 0


def test_a_new_margin_runs_what_ranks_and_nothing_else(experiments):
    done = experiments.run("dvc", "exp", "run", "-n", "wider", "-S", "margin.base=0.5")
    assert ran(done.stdout) == ["rank", "calibrate", "evaluate", "report"]


def test_going_back_is_served_from_the_run_cache(experiments):
    done = experiments.run("dvc", "exp", "run", "-S", "margin.base=0.2")
    assert ran(done.stdout) == []
    assert "is cached" in done.stdout


def test_the_diff_of_metrics_shows_a_dozen_numbers_and_not_hundreds(experiments):
    done = experiments.run("dvc", "metrics", "diff", "HEAD", "wider", "--all", "--json")
    (summary,) = json.loads(done.stdout).values()
    assert 1 <= len(summary) <= 12


def test_temporary_workspaces_run_side_by_side_on_their_own_copy_of_the_code(experiments):
    experiments.edit(
        "stages/rank.py", "def main() -> None:", 'print("code from", __file__)\n\n\ndef main() -> None:'
    )
    runs = [
        subprocess.Popen(
            ["dvc", "exp", "run", "--temp", "-n", name, "-S", f"margin.base={base}"],
            cwd=experiments.path,
            env=experiments.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, base in (("first", "0.7"), ("second", "0.9"))
    ]
    for run in runs:
        output, _ = run.communicate()
        assert run.returncode == 0, output
        files = set(re.findall(r"code from (.*)", output))
        assert files
        assert all("/.dvc/tmp/exps/" in file for file in files), files
    names = experiments.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert {"first", "second", "wider"} <= set(names)
