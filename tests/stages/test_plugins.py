"""A loss and a fusion of one's own through the stages, named in params.yaml alone."""

import json
import shutil

import pytest

from pipeline.artifacts.checkpoint import read_checkpoints
from tests.stages.repositories import ROOT

pytestmark = pytest.mark.slow


def test_parts_of_ones_own_train_are_measured_and_train_again_where_they_change(copy):
    for name in ("focal_ranking.py", "tensor_fusion.py"):
        shutil.copy(ROOT / "examples" / name, copy.path / "plugins" / name)
    copy.set_params(
        "rank.objective=focal_ranking.py:focal_ranking", "network.fusion=tensor_fusion.py:TensorFusion"
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
