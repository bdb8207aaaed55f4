"""One line in params.yaml: the test recordings are made worse, extracted and measured, and nothing is trained again."""

import csv
import re

import pytest

from tests.stages.repositories import Repository

pytestmark = pytest.mark.slow


def ran(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def rows(repository: Repository) -> list[dict[str, str]]:
    with (repository.path / "reports/degraded.csv").open() as table:
        return list(csv.DictReader(table))


def test_only_measuring_runs_and_the_report_shows_it(copy):
    assert rows(copy) == []
    before = (copy.path / "reports/metrics.json").read_bytes()
    copy.set_params("degrade.noise_snr_db=[10]", "degrade.light=[0.05]")
    done = copy.run("dvc", "repro")
    assert ran(done.stdout) == ["degrade", "evaluate", "report"]
    assert (copy.path / "reports/metrics.json").read_bytes() == before
    found = rows(copy)
    assert [(row["degraded"], float(row["level"]), row["model"]) for row in found] == [
        (name, level, model)
        for name, level in (("clean", 0.0), ("noise_snr_db", 10.0), ("light", 0.05))
        for model in ("grcf", "pointwise")
    ]
    assert all(float(row["error_seed_7"]) > 0 for row in found)
    assert "With recordings degraded" in (copy.path / "reports/report.md").read_text()

    again = (copy.path / "reports/degraded.csv").read_bytes()
    warm = copy.stage("degrade")
    copy.stage("evaluate")
    assert (copy.path / "reports/degraded.csv").read_bytes() == again
    assert warm.stderr.count("were done before") >= 3


def test_features_that_come_with_the_corpus_cannot_be_degraded(copy):
    copy.set_params("degrade.blur_px=[2]", "visual.precomputed=faces.npz")
    refused = copy.stage("degrade", check=False)
    assert refused.returncode == 1
    assert (
        "degrade.blur_px: the visual features come with the corpus, so no recording is read for them; set degrade.blur_px to [], or "
        "visual.precomputed to extract"
    ) in refused.stderr
