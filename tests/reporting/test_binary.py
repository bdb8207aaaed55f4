"""The report of a run on labels 0 and 1 speaks of classes and probabilities, and of nothing that such a run has not."""

import re

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from pipeline.pages.blocks import Grid, Paragraph, Table
from pipeline.pages.html import to_html
from pipeline.pages.markdown import to_markdown
from pipeline.pages.vega import page_svg
from pipeline.reporting.agreement import confusion, confusion_section, reliability_section
from pipeline.reporting.data import corpus_section
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.report import build_report
from pipeline.reporting.results import modalities_section, order_section, results_section
from pipeline.reporting.robustness import robustness_section
from pipeline.reporting.training import curves_section
from pipeline.reporting.verdict_section import verdict_section
from stages import report
from tests.reporting.runs import BINARY, Run, write_run
from tests.reporting.test_results import tables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """What a run on labels 0 and 1 left."""
    folder = tmp_path_factory.mktemp("binary")
    write_run(folder, Run(params=BINARY, grcf_sd=0.3, pointwise_sd=0.9))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return report.read_inputs()


@pytest.fixture(scope="module")
def text(binary: ReportInputs) -> str:
    """The report as Markdown, without the parameters, which name every task's."""
    return re.sub(r"## Parameters.*?(?=\n## )", "", to_markdown(build_report(binary)), flags=re.DOTALL)


def test_the_verdict_is_about_the_brier_score_and_the_auroc(binary):
    lead, details, *_ = (
        block.text for block in verdict_section(binary).blocks if isinstance(block, Paragraph)
    )
    mean = binary.evaluation.metrics["valid"]["grcf"]["brier_score"].mean
    assert f"On valid, the Brier score of GRCF is {mean:.3f}" in details
    assert "GRCF has a smaller error than point-wise classification" in lead
    assert "On valid, the AUROC of GRCF is " in details
    constant = binary.evaluation.metrics["test"]["prevalence"]["brier_score"].mean
    assert "Predicting the share of ones of train for every segment gives a Brier score of " in details
    assert details.endswith(f"and {constant:.3f} on test.")


def test_every_metric_of_the_protocol_has_a_row_and_every_model_a_column(binary):
    table = tables(results_section(binary))[0]
    assert table.header == (
        "Metric",
        "GRCF",
        "GRCF, mean of seeds",
        "Point-wise",
        "Point-wise, mean of seeds",
        "Share of ones",
    )
    assert [row[0].text.split(",")[0].split("\N{NO-BREAK SPACE}")[0] for row in table.rows] == [
        "Brier score",
        "AUROC",
        "Accuracy",
        "F1",
        "F1",
        "Calibration error",
        "Seeds",
    ]


def test_nothing_in_it_is_of_regression(text):
    for word in (
        "MAE",
        "Pearson",
        "regression",
        "label units",
        "Kendall",
        "edian label",
        "Acc-7",
        "sentiment",
    ):
        assert word not in text, word


def test_there_is_no_scatter_of_two_lines_and_no_matrix_of_one_pair(binary):
    assert not {"scatter", "group-order"} & {section.anchor for section in build_report(binary).sections}


def test_missing_words_cost_brier_score_and_auroc(binary):
    captions = [block.caption for block in robustness_section(binary).blocks if isinstance(block, Table)]
    assert [caption.split(" on ")[0] for caption in captions] == [
        "Brier score",
        "Brier score",
        "AUROC, %",
        "AUROC, %",
    ]


@pytest.mark.parametrize("model", ["grcf", "pointwise"])
def test_the_confusion_is_two_by_two_and_scikit_learns(binary, model):
    predicted = binary.predicted("test")
    truth = np.tile(predicted.truth, len(predicted.models[model]))
    classes = predicted.models[model].ravel() > 0.5
    wanted = confusion_matrix(truth, classes, normalize="true")
    np.testing.assert_allclose(confusion(predicted, model, binary.protocol), wanted)


def test_the_confusion_names_the_classes(binary):
    section = confusion_section(binary)
    table = section.blocks[0].blocks[0]
    assert table.header[1:] == ("0", "1")
    assert "Two classes: 1 where the probability is above one half." in section.blocks[-1].text


def test_reliability_sets_the_share_of_ones_against_the_probability(binary):
    grid, *_ = reliability_section(binary).blocks
    assert isinstance(grid, Grid)
    assert "share of ones against mean probability" in grid.blocks[0].caption
    assert "mean probability of a bin" in page_svg(grid.blocks[0])


def test_order_and_modalities_take_the_metrics_of_the_protocol(binary):
    order = next(block for block in order_section(binary).blocks if isinstance(block, Table))
    assert [heading.split(",")[0] for heading in order.header] == ["GRCF", "AUROC"]
    assert "the AUROC" in order_section(binary).blocks[0].text
    modalities = tables(modalities_section(binary))[0]
    assert [heading.split(",")[0].split("\N{NO-BREAK SPACE}")[0] for heading in modalities.header[1::2]] == [
        "Brier score",
        "F1",
        "AUROC",
    ]


def test_curves_are_of_the_cross_entropy(binary):
    captions = [
        figure.caption for grid in curves_section(binary).blocks if isinstance(grid, Grid) for figure in grid.blocks
    ]  # fmt: skip
    assert "The point-wise baseline: cross-entropy on valid by epoch." in captions
    assert "GRCF stage 1 (rank): AUROC on valid by epoch." in captions


def test_the_corpus_counts_both_classes(binary):
    histogram = tables(corpus_section(binary))[-1]
    assert [row[0].text for row in histogram.rows] == ["0", "1"]


def test_it_is_a_page_too(binary):
    assert "<h2" in to_html(build_report(binary))
