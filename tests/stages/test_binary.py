"""Labels 0 and 1 go through the same twelve stages, from a table of sentences to the report."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest

from pipeline.artifacts.aligned.split import OWNERS
from tests.stages.repositories import TOY, Repository, make_repository

pytestmark = pytest.mark.slow

WORDS = ("oh great another meeting", "what a lovely day", "sure that went well", "I will be there at nine")


def rows() -> list[dict[str, str]]:
    """Eight speakers with four sentences each and no media; every speaker has both labels."""
    return [
        {
            "id": f"{speaker}{n}",
            "speaker": f"speaker {speaker}",
            "label": str(n % 2),
            "text": f"{WORDS[n]} {speaker}",
        }
        for speaker in "abcdefgh"
        for n in range(4)
    ]


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after one `dvc repro` on labels 0 and 1."""
    repository = make_repository(tmp_path_factory.mktemp("binary") / "repository", rows(), {}, kind="binary")
    repository.set_params("training.seeds=[7,8]")
    repository.run("dvc", "repro")
    return repository


def read(repository: Repository, name: str):
    return json.loads((repository.path / "reports" / name).read_text())


def test_it_is_measured_by_the_binary_protocol(binary):
    assert set(read(binary, "metrics.json")["test"]) == {
        "grcf",
        "pointwise",
        "grcf_ensemble",
        "pointwise_ensemble",
        "prevalence",
    }
    summary = read(binary, "summary.json")
    assert len(summary) == 12
    assert {name.split("_", 2)[2] for name in summary} == {"brier_score", "f1_weighted", "auroc"}


def test_predictions_are_probabilities(binary):
    with (binary.path / "reports/predictions.csv").open() as file:
        for row in csv.DictReader(file):
            assert row.pop("label") in ("0.000000", "1.000000")
            for name in ("split", "id", *OWNERS):
                del row[name]
            assert all(0 <= float(value) <= 1 for value in row.values())


def test_the_constant_is_the_share_of_ones_in_train(binary):
    with (binary.path / "reports/predictions.csv").open() as file:
        assert {float(row["prevalence"]) for row in csv.DictReader(file)} == {0.5}


def test_the_report_speaks_of_probabilities(binary):
    report = (binary.path / "reports/report.md").read_text()
    assert "the Brier score of GRCF" in report
    assert "MAE" not in report


def test_the_plots_of_the_curves_find_their_column(binary):
    finished = binary.run(
        "dvc", "plots", "show", "--json", "reports/curves/calibrate.csv", "reports/curves/pointwise.csv"
    )
    assert '"valid_error"' in finished.stdout
    assert "not found" not in finished.stderr


def test_the_results_are_shown(binary):
    printed = binary.run(sys.executable, "-m", "pipeline", "results").stdout
    assert "auroc" in printed
    assert "the share of ones in train has no seeds" in " ".join(printed.split())


def test_a_label_that_is_no_class_ends_the_manifest_with_a_sentence(binary, tmp_path):
    copy = binary.copy(tmp_path / "copy")
    table = Path(copy.path / f"data/raw/{TOY}/segments.csv")
    text = table.read_text()
    table.unlink()  # the file may be a link into the cache of the original
    table.write_text(text.replace("a0,speaker a,0,", "a0,speaker a,0.5,"))
    done = copy.stage("manifest", check=False)
    assert done.returncode == 1
    assert "line 2: the label of 'a0' is 0.5; expected 0 or 1, because kind in corpus.yaml" in done.stderr


def test_a_protocol_of_regression_ends_the_first_stage_with_a_sentence(binary, tmp_path):
    copy = binary.copy(tmp_path / "copy")
    copy.set_params("evaluate.protocol=mosi")
    done = copy.stage("manifest", check=False)
    assert done.returncode == 1
    assert (
        "params.yaml: evaluate.protocol is 'mosi', but the labels are of the kind binary; choose binary, or set evaluate.protocol"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_a_changed_licence_trains_nothing(binary, tmp_path):
    copy = binary.copy(tmp_path / "copy")
    facts = copy.path / f"data/raw/{TOY}/corpus.yaml"
    text = facts.read_text()
    facts.unlink()  # the file may be a link into the cache of the original
    facts.write_text(text.replace("licence:  ", 'licence: "CC BY 4.0"  '))
    assert facts.read_text() != text
    copy.stage("manifest")
    status = copy.run("dvc", "status", "--json", "rank", "calibrate", "pointwise", "evaluate").stdout
    trained = {"align", "rank", "calibrate", "pointwise", "evaluate"} & json.loads(status).keys()
    assert trained == set()
    ran = re.findall(r"Running stage '(\w+)'", copy.run("dvc", "repro").stdout)
    assert {"manifest", "report"} <= set(ran)
    assert not {"align", "rank", "calibrate", "pointwise", "evaluate"} & set(ran)


def test_a_sentence_of_the_corpus_gets_its_row_of_the_predictions(binary):
    with (binary.path / "reports/predictions.csv").open() as file:
        row = list(csv.DictReader(file))[-1]
    (transcript,) = [known["text"] for known in rows() if known["id"] == row["id"]]
    printed = binary.run(
        sys.executable, "-m", "pipeline", "predict", "--transcript", transcript, "--json"
    ).stdout
    (answer,) = json.loads(printed)["recordings"]
    assert answer["quantity"] == "probability of label 1"
    for seed, probability in answer["seeds"].items():
        assert probability == pytest.approx(float(row[f"grcf_seed_{seed}"]), abs=1e-6)
