"""Classes by their names go through the same twelve stages, from a table of sentences to the report."""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.stages.repositories import TOY, Repository, make_repository

pytestmark = pytest.mark.slow

CLASSES = ("anger", "joy", "no emotion")
WORDS = {
    "anger": ("stop it at once", "I hate this so much", "leave me alone"),
    "joy": ("what a lovely day", "this is wonderful news", "I love it"),
    "no emotion": ("the meeting is at nine", "it is on the table", "there are four of them"),
}
FACTS = """\
layout: folder
language: en
labels:
  label:
    kind: classes
    classes: [anger, joy, "no emotion"]
  polarity:
    kind: classes
    classes: [negative, neutral, positive]
    ordered: true
"""
POLARITY = {"anger": "negative", "joy": "positive", "no emotion": "neutral"}


def rows() -> list[dict[str, str]]:
    """Ten speakers with six sentences each and no media; every speaker has every class."""
    return [
        {
            "id": f"{speaker}{n}",
            "speaker": f"speaker {speaker}",
            "label": CLASSES[n % 3],
            "label_polarity": POLARITY[CLASSES[n % 3]],
            "text": f"{WORDS[CLASSES[n % 3]][(n + ord(speaker)) % 3]} {speaker}",
        }
        for speaker in "abcdefghij"
        for n in range(6)
    ]


def corpus(repository: Repository) -> Path:
    return repository.path / "data/raw" / TOY


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after one `dvc repro` on three classes."""
    repository = make_repository(tmp_path_factory.mktemp("classes") / "repository", rows(), {})
    (corpus(repository) / "corpus.yaml").write_text(FACTS)
    repository.set_params("training.seeds=[7,8]", "training.epochs=8")
    repository.run("dvc", "add", "-q", f"data/raw/{TOY}")
    repository.run("dvc", "repro")
    return repository


def read(repository: Repository, name: str):
    return json.loads((repository.path / "reports" / name).read_text())


def predictions(repository: Repository) -> list[dict[str, str]]:
    with (repository.path / "reports/predictions.csv").open() as file:
        return list(csv.DictReader(file))


def test_it_is_measured_by_the_protocol_of_classes(classes):
    metrics = read(classes, "metrics.json")["test"]
    assert set(metrics) == {"grcf", "grcf_ensemble", "pointwise", "pointwise_ensemble", "class_shares"}
    assert {"f1_weighted", "balanced_accuracy", "log_loss"} <= metrics["grcf"].keys()
    assert {name.split("_", 2)[2] for name in read(classes, "summary.json")} >= {
        "brier_score",
        "f1_weighted",
        "auroc",
    }
    assert metrics["class_shares"]["auroc"]["mean"] == 0.5


def test_a_model_that_learns_from_words_knows_the_classes_better_than_their_shares(classes):
    valid = read(classes, "metrics.json")["valid"]
    for model in ("grcf", "pointwise"):
        assert valid[model]["auroc"]["mean"] > 0.7
        assert valid[model]["log_loss"]["mean"] < valid["class_shares"]["log_loss"]["mean"]


def test_predictions_have_a_probability_for_each_class_by_its_name(classes):
    for row in predictions(classes):
        assert row["label"] in CLASSES
        for model in ("grcf", "grcf_seed_7", "pointwise_seed_8", "class_shares"):
            probability = np.array([float(row[f"{model}[{name}]"]) for name in CLASSES])
            assert probability.sum() == pytest.approx(1, abs=1e-5)
        assert float(row[f"grcf[{row['grcf']}]"]) == max(float(row[f"grcf[{name}]"]) for name in CLASSES)


def test_the_report_speaks_of_classes(classes):
    report = (classes.path / "reports/report.md").read_text()
    assert "the Brier score of GRCF" in report
    assert "MAE" not in report
    page = (classes.path / "reports/report.html").read_text()
    for part in ("Each class by itself", "Confusion over 3 groups", "no emotion"):
        assert part in page
    for name in ("results.md", "results.tex"):
        assert "UAR" in (classes.path / "reports" / name).read_text()


def test_the_card_and_the_inspector_name_the_classes(classes):
    card = (classes.path / "reports/model_card.md").read_text()
    assert "a probability for each of anger, joy, no emotion" in card
    page = (classes.path / "reports/inspector.html").read_text()
    content = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.S)[1])
    assert content["classes"] == list(CLASSES)
    kinds = [part["kind"] for part in content["lists"]]
    assert kinds == ["error", "map", "weight", "pull", "error", "map"]


def test_the_results_are_shown(classes):
    printed = classes.run(sys.executable, "-m", "pipeline", "results").stdout
    assert "balanced_accuracy" in printed
    assert "the shares of the classes in train have no seeds" in " ".join(printed.split())


def test_predict_says_the_class_and_the_probabilities(classes):
    row = predictions(classes)[-1]
    (transcript,) = [known["text"] for known in rows() if known["id"] == row["id"]]
    command = (sys.executable, "-m", "pipeline", "predict", "--transcript", transcript)
    (answer,) = json.loads(classes.run(*command, "--json").stdout)["recordings"]
    assert answer["prediction"] == row["grcf"]
    for name in CLASSES:
        assert answer["probabilities"][name] == pytest.approx(float(row[f"grcf[{name}]"]), abs=1e-6)
    printed = classes.run(*command).stdout
    assert f"{row['grcf']} " in printed
    assert all(name in printed for name in CLASSES)


def test_another_label_of_the_corpus_is_another_run(classes, tmp_path):
    copy = classes.copy(tmp_path / "copy")
    copy.set_params("corpus.label=polarity")
    copy.run("dvc", "repro")
    assert read(copy, "run.json")["task"]["label"] == "polarity"
    assert "ordered_pair_accuracy" in read(copy, "metrics.json")["valid"]["grcf"]
    assert {row["label"] for row in predictions(copy)} == set(POLARITY.values())
    copy.set_params("corpus.label=null")
    copy.run("dvc", "repro")
    assert predictions(copy) == predictions(classes)


def test_two_runs_are_compared(classes, tmp_path):
    copy = classes.copy(tmp_path / "copy")
    copy.run("git", "add", "-A")
    copy.run("git", "commit", "-q", "-m", "first")
    copy.set_params("margin.base=0.6")
    copy.run("dvc", "repro")
    printed = copy.run(sys.executable, "-m", "pipeline", "compare", "HEAD", "workspace").stdout
    assert "f1_weighted" in printed


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("joy", "Joy", "the label of 'a1' is 'Joy' (did you mean 'joy'?)"),
        ("joy", "fear", "the label of 'a1' is 'fear'"),
        ("joy", "", "expected the name of a class"),
    ],
)
def test_a_name_that_is_no_class_ends_the_manifest_with_a_sentence(classes, tmp_path, old, new, sentence):
    copy = classes.copy(tmp_path / "copy")
    table = corpus(copy) / "segments.csv"
    text = table.read_text()
    table.unlink()  # the file may be a link into the cache of the original
    table.write_text(text.replace(f"a1,speaker a,{old},", f"a1,speaker a,{new},"))
    done = copy.stage("manifest", check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_class_that_train_lacks_ends_the_manifest_with_a_sentence(classes, tmp_path):
    copy = classes.copy(tmp_path / "copy")
    facts = corpus(copy) / "corpus.yaml"
    text = facts.read_text()
    facts.unlink()
    facts.write_text(text.replace("[anger, joy", "[anger, fear, joy"))
    done = copy.stage("manifest", check=False)
    assert done.returncode == 1
    assert "train has no segment of the class 'fear' (and no other split has one)" in done.stderr
