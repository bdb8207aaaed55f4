"""The report shows degraded recordings where there were any, and nothing of them where there were none."""

from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest

from pipeline.artifacts.evaluated.robustness import RobustnessCurve, write_robustness
from pipeline.pages.blocks import Grid, Table
from pipeline.reporting.degraded import degraded_section
from pipeline.reporting.report import build_report
from pipeline.reporting.robustness import noise_section
from stages import report

pytestmark = pytest.mark.slow

SEEDS = (1, 2, 3)


def curve(name: str, model: str, levels: list[float], *, better: float = 0.0) -> RobustnessCurve:
    """An error that grows from level to level, a little different for each seed."""
    error = 0.5 + 0.1 * np.arange(len(levels)) + 0.01 * np.arange(len(SEEDS))[:, None] - better
    return RobustnessCurve("test", name, model, np.array(levels), SEEDS, error, 1 - error)


def curves(*, better: float = 0.0) -> list[RobustnessCurve]:
    return [
        curve(name, model, levels, better=better * (model == "grcf") * (1 + 0.1 * len(levels)))
        for name, levels in (("clean", [0.0]), ("noise_snr_db", [20.0, 10.0, 0.0]), ("light", [0.25]))
        for model in ("grcf", "pointwise")
    ]


def test_nothing_of_it_is_in_an_ordinary_report(inputs, document):
    assert "degraded" not in [section.anchor for section in document.sections]
    assert "reports/degraded.csv" not in inputs.digests
    assert not [name for name in inputs.parameters if name.startswith("degrade.")]


def test_every_level_is_a_row_and_every_degradation_a_figure(ordinary, tmp_path, monkeypatch):
    copytree(ordinary, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    write_robustness(tmp_path / "reports/degraded.csv", curves(better=0.02), perturbation="degraded")
    inputs = report.read_inputs()
    assert "reports/degraded.csv" in inputs.digests
    assert inputs.parameters["degrade.seed"] == 1
    sections = build_report(inputs).sections
    anchors = [section.anchor for section in sections]
    assert anchors[anchors.index("degraded") - 1] == noise_section(inputs).anchor
    section = degraded_section(inputs)
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert [row[0].text for row in tables[0].rows] == [
        "as recorded",
        "noise on the sound, 20 dB",
        "noise on the sound, 10 dB",
        "noise on the sound, 0 dB",
        "low light, 0.25",
    ]
    assert tables[0].rows[1][1].text == "0.484"
    assert [len(block.blocks) for block in section.blocks if isinstance(block, Grid)] == [2, 2]
    figure = next(block for block in section.blocks if isinstance(block, Grid)).blocks[0]
    steps = [row["rate"] for row in figure.spec["data"]["values"] if row["model"] == "GRCF"]
    assert steps == ["as recorded", "20 dB", "10 dB", "0 dB"]


def test_a_level_at_which_a_metric_is_undefined_has_a_note_and_no_point(inputs):
    broken = [
        replace(each, order=np.full_like(each.order, np.nan)) if each.modality == "light" else each
        for each in curves()
    ]
    section = degraded_section(replace(inputs, degraded=broken))
    last = [block for block in section.blocks if isinstance(block, Table)][1].rows[-1]
    assert "undefined at this level" in last[1].note
