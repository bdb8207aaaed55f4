import numpy as np
import pytest

from pipeline.artifacts.trained.curves import curves_from_csv
from pipeline.comparison.curves import curve_blocks
from pipeline.comparison.runs import Run
from pipeline.errors import PipelineError
from pipeline.evaluation.protocols import BINARY, MOSI
from pipeline.history.revisions import Revision
from pipeline.pages.blocks import Grid, Legend, Paragraph, Picture, Table
from tests.comparison.repositories import curves_csv


def run(**curves):
    return Run(Revision("workspace", None), {}, {}, {}, curves, ())


def blocks(*runs, protocol=MOSI):
    names = ["base", *(f"trial-{number}" for number in range(1, len(runs)))]
    found = curve_blocks(runs, names, protocol=protocol)
    return [part for block in found for part in (block.blocks if isinstance(block, Grid) else (block,))]


def charts(*runs):
    return [block for block in blocks(*runs) if isinstance(block, Picture)]


def test_a_curve_is_read_with_nan_where_nothing_was_measured():
    curve = curves_from_csv(curves_csv(3), source="x")
    np.testing.assert_array_equal(curve.epochs, [1, 2, 3])
    assert np.isnan(curve.means["valid_error"]).tolist() == [True, False, False]


@pytest.mark.parametrize("text", ["", "epoch,a\n1\n", "epoch,a\n1,b\n", "a,b\n1,2\n"])
def test_what_is_no_curve_is_a_sentence(text):
    with pytest.raises(PipelineError, match=r"^rank\.csv of HEAD: not a table of training curves"):
        curves_from_csv(text, source="rank.csv of HEAD")


@pytest.mark.parametrize("epoch", ["nan", "inf", "", "0.5"])
def test_an_epoch_is_a_whole_number(epoch):
    with pytest.raises(PipelineError, match="an epoch is no whole number"):
        curves_from_csv(f"epoch,train_loss\n{epoch},1\n", source="rank.csv of HEAD")


def test_a_stage_and_measure_has_a_chart_with_a_line_for_each_run():
    found = charts(run(rank=curves_csv(4)), run(rank=curves_csv(4, noise=0.7)))
    assert [chart.caption.split(";")[0] for chart in found] == [
        "Stage 1, rank: loss on train, mean over seeds, bands from the lowest seed to the highest",
        "Stage 1, rank: error on valid, mean over seeds.",
    ]
    for chart in found:
        assert chart.svg.count("<polyline") == 2
        assert chart.svg.index("trial-1") < chart.svg.index("<title>base")


def test_the_range_of_seeds_is_shown_behind_few_curves():
    few, many = [run(rank=curves_csv(4))] * 2, [run(rank=curves_csv(4))] * 5
    assert charts(*few)[0].svg.count("<polygon") == 2
    assert charts(*many)[0].svg.count("<polygon") == 0
    assert ["bands" in charts(*runs)[0].caption for runs in (few, many)] == [True, False]


def test_a_stage_without_epochs_is_a_table():
    (table,) = (block for block in blocks(run(calibrate=curves_csv(1))) if isinstance(block, Table))
    assert [[cell.text for cell in row] for row in table.rows] == [["base", "0.5000", "n/a", "0.8500"]]


def test_a_single_epoch_beside_a_curve_is_a_dot():
    chart = charts(run(calibrate=curves_csv(1)), run(calibrate=curves_csv(4)))[0]
    assert (chart.svg.count("<circle"), chart.svg.count("<polyline")) == (1, 1)


def test_a_run_without_curves_is_named():
    sentences = [
        block.text for block in blocks(run(rank=curves_csv(4)), run()) if isinstance(block, Paragraph)
    ]
    assert "No curves are recorded for trial-1." in sentences
    assert "No curves are recorded for base, trial-1." in sentences


def test_a_binary_run_has_its_own_words():
    written = blocks(run(pointwise=curves_csv(4)), protocol=BINARY)
    assert any(isinstance(block, Picture) and "cross-entropy" in block.caption for block in written)


def test_every_run_is_in_the_legend_with_the_base_first():
    legend = blocks(run(rank=curves_csv(4)), run(rank=curves_csv(4)))[0]
    assert legend == Legend(("base", "trial-1"))
