"""A loss, a fusion and metrics of one's own through the stages, named in params.yaml alone."""

import json
import shutil
import sys

import pytest

from pipeline.artifacts.trained.checkpoint import read_checkpoints
from tests.stages.repositories import ROOT

pytestmark = pytest.mark.slow


def test_parts_of_ones_own_train_are_measured_and_train_again_where_they_change(copy):
    for name in ("focal_ranking.py", "tensor_fusion.py"):
        shutil.copy(ROOT / "examples" / name, copy.path / "plugins" / name)
    copy.set_params(
        "rank.objective=focal_ranking.py:focal_ranking",
        "network.fusion=tensor_fusion.py:TensorFusion",
        "training.seeds=[7,8]",
        "evaluate.missing_rates=[]",
        "evaluate.noise_scales=[]",
    )

    copy.run("dvc", "repro", "report")

    (first, *_) = read_checkpoints(copy.path / "data/calibrate", stage="calibrate")
    assert first.network["fusion"] == "tensor_fusion.py:TensorFusion"
    metrics = json.loads((copy.path / "reports/metrics.json").read_text())
    assert metrics
    assert copy.run("dvc", "status").stdout.strip().endswith("up to date.")

    weights = read_checkpoints(copy.path / "data/rank", stage="rank")[0].tensors["network.head.weight"]
    copy.edit("plugins/focal_ranking.py", "(1 - in_order).square()", "(1 - in_order)")
    copy.run("dvc", "repro", "-s", "rank")
    after = read_checkpoints(copy.path / "data/rank", stage="rank")[0].tensors["network.head.weight"]
    assert (after != weights).any()

    (copy.path / "plugins/focal_ranking.py").unlink()
    failed = copy.stage("rank", check=False)
    assert failed.returncode == 1
    assert "there is no plugins/focal_ranking.py" in failed.stderr
    assert "Traceback" not in failed.stderr


METRIC = """\
from pipeline.evaluation.own_metrics import OwnMetric

spread = OwnMetric(
    function=lambda label, prediction: float(prediction.std()), better="one", title="Spread <b>&_%", description="Spread of predictions."
)
"""


def test_metrics_of_ones_own_are_in_the_reports_and_in_comparisons(copy):
    shutil.copy(ROOT / "examples/concordance.py", copy.path / "plugins/concordance.py")
    (copy.path / "plugins/spread.py").write_text(METRIC)
    copy.run("git", "add", "plugins")
    copy.run("git", "commit", "-q", "-m", "metrics")
    ran = copy.run(
        "dvc",
        "exp",
        "run",
        "-n",
        "measured",
        "-S",
        "evaluate.metrics=[concordance.py:concordance,spread.py:spread]",
    ).stdout
    assert "Running stage 'evaluate'" in ran
    assert copy.run("dvc", "status").stdout.strip().endswith("up to date.")

    metrics = json.loads((copy.path / "reports/metrics.json").read_text())
    for model in ("grcf", "pointwise", "grcf_ensemble", "median"):
        assert {"mae", "concordance", "spread"} <= metrics["valid"][model].keys()
    assert -1 <= metrics["valid"]["grcf"]["concordance"]["mean"] <= 1
    comparisons = json.loads((copy.path / "reports/comparisons.json").read_text())
    assert "ci_low" in comparisons["test"]["differences"]["grcf - pointwise"]["concordance"]
    assert "CCC" in (copy.path / "reports/report.md").read_text()
    assert "Spread &lt;b&gt;&amp;_%" in (copy.path / "reports/report.html").read_text()
    assert "Spread" in (copy.path / "reports/results.tex").read_text()
    assert "| concordance | higher |" in (copy.path / "reports/model_card.md").read_text()

    compared = json.loads(
        copy.run(sys.executable, "-m", "pipeline", "compare", "HEAD", "measured", "--json").stdout
    )
    (found,) = (
        model["metrics"]
        for model in compared["experiments"][0]["models"]
        if (model["model"], model["split"]) == ("grcf", "valid")
    )
    assert found["concordance"]["verdict"] == "same"
    copy.run(sys.executable, "-m", "pipeline", "results")

    # Its source is a dependency: an edit measures again.
    copy.edit("plugins/concordance.py", "2 * covariance", "1 * covariance")
    status = json.loads(copy.run("dvc", "status", "--json").stdout)
    assert "evaluate" in status
    half = metrics["valid"]["grcf"]["concordance"]["mean"] / 2
    copy.run("dvc", "repro", "-s", "evaluate")
    metrics = json.loads((copy.path / "reports/metrics.json").read_text())
    assert metrics["valid"]["grcf"]["concordance"]["mean"] == pytest.approx(half, abs=2e-6)

    (copy.path / "plugins/spread.py").unlink()
    failed = copy.stage("evaluate", check=False)
    assert failed.returncode == 1
    assert "evaluate.metrics is 'spread.py:spread', but there is no plugins/spread.py" in failed.stderr
