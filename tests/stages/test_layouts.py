"""A miniature of each published corpus comes in by `import` and goes through the real first stage; some through all."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.corpus.replicas import REPLICAS
from tests.stages.repositories import Repository, make_repository, toy_rows

pytestmark = pytest.mark.slow

NAME = "kleiner-korpus"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository in which nothing was run; its own corpus is not used."""
    repository = make_repository(tmp_path_factory.mktemp("layouts") / "repository", *toy_rows())
    repository.edit("params.yaml", "seeds: [7, 8, 9]", "seeds: [7, 8]")
    repository.run("git", "commit", "-qam", "two seeds")
    return repository


@pytest.fixture(params=REPLICAS)
def imported(request, empty, tmp_path) -> tuple[str, Repository, list[str]]:
    """Layout, a repository with its miniature, and what import says to run next."""
    REPLICAS[request.param](tmp_path / "source")
    repository = empty.copy(tmp_path / "repository")
    command = (sys.executable, "-m", "pipeline", "import", request.param, str(tmp_path / "source"))
    printed = repository.run(*command, "--name", NAME).stdout
    return request.param, repository, shlex.split(printed.splitlines()[-1])


def set_as_told(repository: Repository, command: list[str]) -> None:
    """What `dvc exp run -S …` would write into params.yaml, without its experiment."""
    path = repository.path / "params.yaml"
    text = path.read_text()
    assert command[:3] == ["dvc", "exp", "run"]
    for setting in command[4::2]:
        (section, key), value = setting.split("=", 1)[0].split("."), setting.split("=", 1)[1]
        text, n = re.subn(rf"(?ms)(^{section}:\n.*?^  {key}: )(\[.*?\]|\S+)", rf"\g<1>{value}", text, count=1)
        assert n == 1, setting
    path.write_text(text)


def segments(repository: Repository) -> list[dict]:
    lines = (repository.path / "data/manifest/segments.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_first_stage_accepts_what_import_brought_with_the_settings_that_it_printed(imported):
    layout, repository, command = imported
    assert (repository.path / f"data/raw/{NAME}.dvc").is_file()
    set_as_told(repository, command)
    repository.stage("manifest")
    found = segments(repository)
    assert len(found) == 6
    assert {segment["split"] for segment in found} == {"train", "valid", "test"}
    assert all(segment["has_video"] and segment["has_audio"] for segment in found)
    assert all(("other_labels" in segment) == (layout in ("mosei", "sims", "simsv2")) for segment in found)


@pytest.mark.parametrize("imported", ["sims"], indirect=True)
def test_a_whole_experiment_elsewhere_finds_the_corpus(imported):
    """In a temporary workspace, where raw data that git ignores and DVC does not know would be missing."""
    _, repository, command = imported
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-q", "-m", "corpus")
    repository.run(*command, "--temp", "--name", "small")
    (ref,) = repository.run(
        "git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/small"
    ).stdout.split()
    metrics = json.loads(repository.run("git", "show", f"{ref}:reports/metrics.json").stdout)
    assert {"grcf", "pointwise", "median"} <= set(metrics["test"])


def test_an_import_says_what_is_wrong_before_it_copies(empty, tmp_path):
    REPLICAS["mosi"](tmp_path / "source")
    command = (sys.executable, "-m", "pipeline", "import", "sims", str(tmp_path / "source"))
    done = empty.run(*command, check=False)
    assert done.returncode == 1
    assert "expected the table of CH-SIMS" in done.stderr
    assert sorted(path.name for path in Path(empty.path / "data/raw").iterdir() if path.suffix != ".dvc") == [
        ".gitignore",
        "ein-korpus_2",
    ]
