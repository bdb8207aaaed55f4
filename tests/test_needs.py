"""What every experiment of a sweep would miss is said before the first one starts."""

import subprocess
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.settled.needs import checked

PARAMS = Path(__file__).parent.parent / "params.yaml"
PLUGIN = {"rank.objective": "focal.py:focal"}


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """A clone with two corpora and a plugin that git does not know, and one corpus that it knows."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes(PARAMS.read_bytes())
    for name in ("demo", "mosi", "loose"):
        Path("data/raw", name).mkdir(parents=True)
    for name in ("demo", "mosi"):
        Path(f"data/raw/{name}.dvc").write_text("outs: []\n")
    Path("data/raw/.gitignore").write_text("/demo\n/mosi\n")
    Path("plugins").mkdir()
    Path("plugins/focal.py").write_text("focal = None\n")
    git("init", "--quiet")
    git("add", "params.yaml", "data/raw/demo.dvc", "data/raw/.gitignore")


def test_what_git_knows_is_taken():
    assert checked({"margin.base": 1}) == {"margin.base": 1.0}
    git("add", ".")
    assert checked({"corpus.name": "mosi"} | PLUGIN) == {"corpus.name": "mosi"} | PLUGIN


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"corpus.name": "mosie"},
            r"data/raw/mosie: no such corpus \(did you mean 'mosi'\?\); .* one of demo, loose, mosi",
        ),
        (
            {"corpus.name": "mosi"},
            "data/raw/mosi: git does not know this corpus, .*`git add data/raw/mosi.dvc data/raw/.gitignore`",
        ),
        ({"corpus.name": "loose"}, "data/raw/loose: git does not know this corpus, .*put it under DVC by"),
        ({"rank.objective": "vocal.py:focal"}, r"there is no plugins/vocal.py \(did you mean 'focal.py'\?\)"),
        (PLUGIN, "plugins/focal.py: git does not know this file, .*`git add plugins/focal.py`"),
        ({"evaluate.metrics": ("focal.py:focal",)}, "plugins/focal.py: git does not know this file"),
    ],
)
def test_what_every_experiment_would_miss_is_refused(changes, sentence):
    with pytest.raises(PipelineError, match=sentence):
        checked(changes)


def test_what_the_parameters_name_already_is_looked_for_too():
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("objective: groupwise", "objective: focal.py:focal"))
    with pytest.raises(PipelineError, match=r"plugins/focal\.py: git does not know this file"):
        checked({"margin.base": 1})


def test_a_file_of_a_package_that_is_installed_is_no_file_here():
    assert checked({"rank.objective": "package.module:focal"})


def test_a_value_of_params_yaml_beside_the_sections_is_passed_over():
    Path("params.yaml").write_bytes(PARAMS.read_bytes() + b"\nnote: 3\n")
    assert checked({"margin.base": 0.1}) == {"margin.base": 0.1}
