"""`python -m pipeline sweep` with DVC for real, in a repository whose one stage takes a blink."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.errors import PipelineError
from pipeline.sweeping.other_dvc import wait_for_other_dvc
from pipeline.sweeping.runner import Runner
from pipeline.sweeping.workspace import read_workspace
from tests.sweeping.repositories import ROOT, Repository

SIX = ("sweep", "margin.base=0.5,0.1,0.9,0.2,0.4,0.3", "-j", "2")
slow = pytest.mark.slow


def temporary_copies(repository: Repository) -> list[Path]:
    return list((repository.path / ".dvc/tmp/exps/standalone").glob("tmp*"))


def begin(repository: Repository, *arguments: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=repository.path,
        env=repository.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in the background with interrupts ignored, and the tests may be run there.
        preexec_fn=lambda: [
            signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)
        ],
    )


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to pass within two minutes")


def wait_for_stages(repository: Repository, n: int) -> None:
    """Until `n` stages have said that they began."""
    logs = repository.path / ".cache/sweeps"
    wait_for(lambda: sum("margin.slope is" in log.read_text() for log in logs.glob("*.log")) >= n)


@pytest.fixture(scope="module")
def six(started, tmp_path_factory):
    """A sweep of six of which one is killed, and what it printed."""
    repository = started.copy(tmp_path_factory.mktemp("six") / "repository")
    return repository, repository.pipeline(*SIX)


@slow
def test_of_six_with_one_killed_five_come_into_the_leaderboard_sorted_by_valid(six):
    _, ended = six
    rows = re.findall(r"^sweep-margin\.base=(\S+) +(\S+)", ended.stdout, re.MULTILINE)
    assert [base for base, _ in rows] == ["0.1", "0.2", "0.3", "0.4", "0.5"]
    values = [float(value) for _, value in rows]
    assert values == sorted(values)
    assert len(set(values)) == 5


@slow
def test_the_failure_is_named_with_its_log_and_the_exit_status_says_so(six):
    repository, ended = six
    assert ended.returncode == 1
    last = ended.stderr.split("1 of 6 failed:")[1]
    assert "sweep-margin.base=0.9: exit status" in last
    log = repository.path / re.search(r"see (\S+)", last)[1]
    # A shell that waits for the stage says 128 + 9 of it.
    killed = re.compile("exited with (-9|137)")
    assert killed.search(log.read_text())
    assert killed.search(ended.stderr.split("1 of 6 failed:")[0]), "the end of the log is shown at once"


@slow
def test_every_point_that_ended_has_a_line_with_its_metric_and_the_time_left(six):
    _, ended = six
    lines = [line for line in ended.stderr.splitlines() if re.match(r"\[\d/6\] ", line)]
    assert [line[:5] for line in lines] == [f"[{number}/6]" for number in range(1, 7)]
    assert sum(bool(re.search(r": mae on valid 0\.\d{4}, \d+ s", line)) for line in lines) == 5
    assert all(" left" in line for line in lines[:-1] if "FAILED" not in line)


@slow
def test_the_same_command_runs_what_failed_and_nothing_else(six):
    repository, _ = six
    before = repository.experiments()
    again = repository.pipeline(*SIX)
    assert "5 of 6 are there already" in again.stderr
    assert re.findall(r"^\[(\d)/6\]", again.stderr, re.MULTILINE) == ["6"]
    assert again.returncode == 1
    assert repository.experiments() == before
    assert temporary_copies(repository) == []
    assert repository.run("git", "status", "--porcelain").stdout == ""


@slow
def test_the_table_of_experiments_fits_a_terminal(six):
    repository, _ = six
    command = ("env", "COLUMNS=100", "make", "-f", str(ROOT / "Makefile"), "VENV=.venv", "-o", ".venv/.run")
    finished = repository.run(*command, "experiments")
    lines = finished.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert "…" not in finished.stdout, "a column that does not fit is cut short"
    header = next(line for line in lines if "Experiment" in line)
    assert header.split() == ["Experiment", "valid_grcf_mae", "margin.base"]
    assert sum("[sweep-margin.base=" in line for line in lines) == 5


@slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["ctrl_c", "closed_terminal"])
def test_ctrl_c_or_a_closed_terminal_ends_what_runs_keeps_what_is_done_and_says_how_to_go_on(blink, number):
    sweep = begin(blink, "sweep", "margin.slope=8.0", "margin.base=0.1,0.3", "-j", "2")
    wait_for_stages(blink, 2)
    children = psutil.Process(sweep.pid).children(recursive=True)
    assert len(children) >= 4, "DVC and a stage, twice"
    sweep.send_signal(number)
    _, output = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert "0 of 2 are done and kept. The same command goes on from there." in output
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert temporary_copies(blink) == []
    assert blink.run("git", "status", "--porcelain").stdout == ""


@slow
def test_a_dvc_that_is_killed_leaves_no_stage_no_copy_and_nothing_that_seems_to_run(blink):
    sweep = begin(blink, "sweep", "margin.slope=8.0")
    wait_for_stages(blink, 1)
    children = psutil.Process(sweep.pid).children(recursive=True)
    children[0].kill()
    _, output = sweep.communicate(timeout=60)
    assert sweep.returncode == 1
    assert "sweep-margin.slope=8.0: killed by SIGKILL" in output
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert temporary_copies(blink) == []
    assert "unning" not in blink.run("dvc", "exp", "show", "--no-pager").stdout


@slow
def test_an_experiment_that_runs_already_is_named_and_left_alone_until_it_has_ended(blink, tmp_path):
    end = tmp_path / "end"
    first = begin(blink, "sweep", "margin.base=0.3", WAIT_FOR=str(end))
    wait_for_stages(blink, 1)
    log = blink.path / ".cache/sweeps/sweep-margin.base=0.3.log"
    written, copies = log.read_text(), temporary_copies(blink)
    second = blink.pipeline("sweep", "margin.base=0.1,0.3")
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.splitlines() == [
        ".cache/sweeps/sweep-margin.base=0.3.log: the experiment sweep-margin.base=0.3 is running already, started by another sweep "
        "or search or left over from one that was killed; run the same command again when it has ended"
    ]
    assert (log.read_text(), temporary_copies(blink)) == (written, copies)

    running = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.communicate()
    assert "is running already" in blink.pipeline("sweep", "margin.base=0.3").stderr
    end.touch()
    assert psutil.wait_procs(running, timeout=120)[1] == []
    assert blink.experiments() == ["sweep-margin.base=0.3"]
    again = blink.pipeline("sweep", "margin.base=0.1,0.3")
    assert (again.returncode, blink.experiments()) == (
        0,
        [f"sweep-margin.base={base}" for base in (0.1, 0.3)],
    )


@slow
def test_the_leaderboard_is_against_the_commit_that_the_sweep_started_from(blink, tmp_path):
    head = blink.run("git", "rev-parse", "HEAD").stdout.strip()
    end = tmp_path / "end"
    sweep = begin(blink, "sweep", "margin.base=0.3", WAIT_FOR=str(end))
    wait_for_stages(blink, 1)
    blink.run("git", "rm", "--quiet", "reports/predictions.csv")
    blink.commit("other work")
    end.touch()
    printed, errors = sweep.communicate(timeout=120)
    assert sweep.returncode == 0, errors
    assert f"python -m pipeline compare {head[:10]} sweep-margin.base=0.3" in printed
    assert f"dvc exp push origin --rev {head[:10]}" in printed
    assert "HEAD" not in printed


@slow
def test_uncommitted_changes_go_into_every_point_and_that_is_said(blink):
    params = blink.path / "params.yaml"
    params.write_text(params.read_text().replace("slope: 0.2", "slope: 0.7"))
    (blink.path / "notes.txt").write_text("not in git")
    ended = blink.pipeline("sweep", "margin.base=0.3")
    assert ended.returncode == 0, ended.stderr
    assert "uncommitted changes go into every experiment (params.yaml)" in ended.stderr
    assert "not there in an experiment (notes.txt)" in ended.stderr
    (name,) = blink.experiments()
    assert re.fullmatch(r"sweep-margin\.base=0\.3-with-[0-9a-f]{6}", name)
    sha = blink.run("git", "for-each-ref", "--format=%(objectname)", f"refs/exps/**/{name}").stdout.strip()
    used = blink.run("git", "show", f"{sha}:params.yaml").stdout
    assert "base: 0.3 " in used
    assert "slope: 0.7 " in used
    assert "slope: 0.7 " in params.read_text()


@slow
def test_a_dvc_that_runs_in_the_workspace_is_waited_for(blink, tmp_path):
    end, log = tmp_path / "end", tmp_path / "repro.txt"
    with log.open("w") as output:
        repro = subprocess.Popen(
            ["dvc", "repro", "--force", "evaluate"],
            cwd=blink.path,
            env=blink.environment(WAIT_FOR=str(end)),
            stdout=output,
            stderr=output,
        )
    wait_for(lambda: "margin.slope is" in log.read_text())
    assert blink.run("git", "status", "--porcelain").stdout, "DVC has removed what the stage makes"

    sweep = begin(blink, "sweep", "margin.base=0.3")
    assert sweep.stderr.readline() == (
        f"`dvc repro --force evaluate` (process {repro.pid}) is running here; experiments start when it has ended, because they "
        "begin as a copy of this workspace\n"
    )
    end.touch()
    _, output = sweep.communicate(timeout=120)
    assert (repro.wait(timeout=120), sweep.returncode) == (0, 0), output
    assert "uncommitted" not in output
    assert blink.experiments() == ["sweep-margin.base=0.3"]


@slow
def test_a_dvc_that_holds_the_lock_is_waited_for(blink):
    with (blink.path / ".dvc/tmp/lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        search = begin(blink, "search", "margin.base=0.1..0.3", "--trials", "1")
        assert search.stderr.readline().startswith(
            "another DVC holds the lock of this repository; experiments start"
        )
    _, output = search.communicate(timeout=120)
    assert search.returncode == 0, output
    assert len(blink.experiments()) == 1


def test_a_note_of_a_dvc_that_was_killed_is_not_waited_for(blink, monkeypatch, capsys):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    note = {"read": {}, "write": {"dvc.yaml": {"pid": int(ended.stdout), "cmd": "/usr/bin/dvc repro"}}}
    monkeypatch.chdir(blink.path)
    for content in (json.dumps(note), "{", "[1]", '{"read": 1}'):
        (blink.path / ".dvc/tmp/rwlock").write_text(content)
        wait_for_other_dvc()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("pid", [os.getpid(), os.getppid()], ids=["its own", "another program's"])
def test_a_note_whose_number_another_process_has_got_is_not_waited_for(blink, monkeypatch, capsys, pid):
    monkeypatch.chdir(blink.path)
    note = {"write": {"dvc.yaml": {"pid": pid, "cmd": "/usr/bin/dvc repro --of-long-ago"}}}
    (blink.path / ".dvc/tmp/rwlock").write_text(json.dumps(note))
    wait_for_other_dvc()
    assert capsys.readouterr().err == ""


def test_every_uncommitted_change_is_another_start_whatever_shows_differences(blink, monkeypatch):
    monkeypatch.chdir(blink.path)
    monkeypatch.setattr(os, "environ", blink.environment())
    blink.run("git", "config", "diff.external", "/bin/true")
    blink.run("git", "config", "color.ui", "always")
    (blink.path / ".gitattributes").write_text("*.yaml diff=same\n")
    blink.run("git", "config", "diff.same.textconv", "echo same #")
    text = (blink.path / "params.yaml").read_text()
    found = set()
    for base in ("0.77", "0.88"):
        (blink.path / "params.yaml").write_text(text.replace("base: 0.2", f"base: {base}"))
        found.add(read_workspace().changes)
    assert len(found) == 2


def test_a_misspelt_parameter_is_a_sentence_before_anything_runs(blink):
    ended = blink.pipeline("sweep", "margin.base=0.1,0.3", "rank.learningrate=0.1")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "did you mean rank.learning_rate?" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (blink.path / ".cache").exists()


def test_a_dry_run_lists_the_points(blink):
    ended = blink.pipeline("sweep", "margin.base=0.1,0.3", "rank.learning_rate=1e-3", "--dry-run", check=True)
    assert ended.stdout.split() == [
        f"sweep-margin.base={base}-rank.learning_rate=0.001" for base in ("0.1", "0.3")
    ]


def test_a_shallow_clone_is_refused_because_dvc_would_save_nothing(blink, tmp_path):
    (blink.path / "more.txt").write_text("more")
    blink.commit("more")
    shallow = Repository(tmp_path / "shallow")
    blink.run("git", "clone", "--quiet", "--depth", "1", f"file://{blink.path}", str(shallow.path))
    ended = shallow.pipeline("sweep", "margin.base=0.1")
    assert ended.returncode == 1
    assert "git fetch --unshallow" in ended.stderr


def test_no_point_starts_from_a_repository_that_changed_on_the_way(blink, monkeypatch):
    monkeypatch.chdir(blink.path)
    monkeypatch.setattr(os, "environ", blink.environment())
    runner = Runner(read_workspace(), n_jobs=1, logs=blink.path / ".cache/sweeps")
    (blink.path / "evaluate.py").write_text("print('something else')\n")
    with pytest.raises(PipelineError, match="was changed while experiments ran"):
        runner.start("late", ["margin.base=0.1"])
    assert runner.n_running == 0


def test_no_point_starts_that_runs_already(blink, monkeypatch):
    monkeypatch.chdir(blink.path)
    monkeypatch.setattr(os, "environ", blink.environment())
    logs = blink.path / ".cache/sweeps"
    logs.mkdir(parents=True)
    (logs / "twice.log").write_text("its own")
    runner = Runner(read_workspace(), n_jobs=1, logs=logs)
    with (logs / "twice.log").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(PipelineError, match="the experiment twice is running already"):
            runner.start("twice", ["margin.base=0.1"])
    assert (runner.n_running, (logs / "twice.log").read_text()) == (0, "its own")


def test_without_anybody_to_commit_as_it_says_so(blink):
    blink.run("git", "config", "--unset", "user.name")
    blink.run("git", "config", "--unset", "user.email")
    blink.run("git", "config", "user.useConfigOnly", "true")
    names = re.compile("GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL)|GIT_CONFIG_.*")
    nobody = {name: value for name, value in blink.environment().items() if not names.fullmatch(name)}
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "sweep", "margin.base=0.1"],
        cwd=blink.path,
        env=nobody | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "git does not know whose" in ended.stderr
