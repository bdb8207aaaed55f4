"""From an empty folder to results: a study is made, its corpus is filled as its README says, and all stages run in it."""

import csv
import shutil
import sys

import pytest

from tests.scaffold.test_study import new
from tests.stages.repositories import Repository, toy_rows

pytestmark = pytest.mark.slow


def test_a_study_goes_from_nothing_to_results(tmp_path):
    done = new(str(tmp_path / "study"))
    assert done.returncode == 0, done.stderr
    study = Repository(tmp_path / "study")
    study.run("git", "config", "user.name", "test")
    study.run("git", "config", "user.email", "test@example.org")

    # Before there is a corpus, a run and an import say what is missing.
    refused = study.run("dvc", "repro", check=False)
    assert refused.returncode
    assert "corpus.yaml: not found" in refused.stderr + refused.stdout
    command = (sys.executable, "-m", "pipeline")
    refused = study.run(*command, "import", "folder", "data/raw/study", check=False)
    assert refused.returncode == 1
    assert "segments.csv: has no rows" in refused.stderr

    corpus = study.path / "data/raw/study"
    rows, media = toy_rows()
    for row in rows:
        source = media[row.pop("media")]
        shutil.copy(source, corpus / "clips" / f"{row['id']}.mp4")
    with (corpus / "segments.csv").open(newline="") as file:
        header = next(csv.reader(file))
    with (corpus / "segments.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, header)
        table.writeheader()
        table.writerows(rows)
    study.run(*command, "import", "folder", "data/raw/study")
    study.run("git", "add", ".")
    study.run("git", "commit", "-q", "-m", "The corpus")
    assert not [name for name in study.run("git", "ls-files").stdout.splitlines() if name.endswith(".mp4")]

    study.set_params(
        "manifest.max_rejected_share=0.2", "training.seeds=[7,8]", "training.epochs=3", "network.width=8",
        "evaluate.missing_rates=[]", "evaluate.noise_scales=[]", "evaluate.n_resamples=100",
    )  # fmt: skip
    ran = study.run("dvc", "repro").stdout
    stages = ("manifest", "words", "text", "audio", "visual", "align", "degrade", "rank", "calibrate", "pointwise", "evaluate", "report")  # fmt: skip
    for stage in stages:
        assert f"Running stage '{stage}'" in ran
    assert study.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    assert "pearson" in study.run(*command, "results").stdout
    study.run("git", "add", ".")
    study.run("git", "commit", "-q", "-m", "Results")

    study.run("dvc", "exp", "run", "-n", "wider", "-S", "margin.base=0.5")
    assert "margin.base" in study.run(*command, "compare", "HEAD", "wider").stdout
