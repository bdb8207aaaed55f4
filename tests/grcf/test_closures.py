"""What a seed's key rests on is what decides its weights; predicting loads nothing that trains."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from pipeline.artifacts.trained.checkpoint import TrainingStage
from pipeline.execution.seeds import READER
from pipeline.execution.source import import_closure
from pipeline.pruning.needed import inputs_of, trainer_of

ROOT = Path(__file__).parent.parent.parent
STAGES = get_args(TrainingStage)
# Of everything that a trained stage imports, this decides nothing: it carries weights, or describes them for people. What the
# corpus says of its labels is in the key by its value, as parameters are (`Task.settle`).
CARRIES = re.compile(
    r"pipeline\.(artifacts\.(formats\.(csv_cells|tables)|trained\.(curves|hardest_pairs|pair_statistics)|aligned\.preprocessing)"
    r"|grcf\.(pairs(\.\w+)?|scoring|perturbations)"
    r"|execution\.(?!(?:versions|variables)$)[\w.]+|params|settled(\.\w+)?|strict|yaml12|terminal|(reporting|pages|inspector|evaluation)\b(?!$|\.selection$).*)"
    r"|stages(\.\w+)?"
)


@pytest.mark.parametrize("stage", STAGES)
def test_what_trains_imports_nothing_that_only_carries(stage):
    in_key = import_closure(trainer_of(stage)).keys() | import_closure(READER).keys()
    assert [name for name in sorted(in_key) if CARRIES.fullmatch(name)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_beyond_what_trains_only_carries(stage):
    """Whatever decides weights has to be in the key, so it may not reach the stage by another way."""
    in_key = import_closure(trainer_of(stage)).keys() | import_closure(READER).keys()
    beyond = import_closure(f"stages.{stage}").keys() - in_key
    assert [name for name in sorted(beyond) if not CARRIES.fullmatch(name)] == []


def test_an_import_of_a_carrier_is_found(tmp_path):
    """The check above can fail: with one such import planted, the closure holds it."""
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "from pipeline.execution.source import import_closure; print(*import_closure('pipeline.grcf.rank'))"
    )

    def carriers() -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return [name for name in run.stdout.split() if CARRIES.fullmatch(name)]

    assert carriers() == []
    planted = tmp_path / "pipeline/grcf/fit/loop.py"
    planted.write_text(
        planted.read_text() + "\n\ndef report():\n    from pipeline.execution import progress\n"
    )
    assert "pipeline.execution.progress" in carriers()


@pytest.mark.parametrize("stage", STAGES)
def test_pruning_computes_the_keys_of_the_stages(stage):
    module = importlib.import_module(f"stages.{stage}")
    assert trainer_of(stage) == module.TRAINER
    assert module.inputs_of(3) == inputs_of(3, stage=stage)


def test_predicting_loads_neither_losses_nor_the_loop_nor_what_fits_curves():
    trained_by = re.compile(r"pipeline\.grcf\.(fit|loss|calibration)\b.*")
    for module in ("pipeline.grcf.scoring", "stages.evaluate", "pipeline.prediction.predicting"):
        assert [name for name in import_closure(module) if trained_by.fullmatch(name)] == []
