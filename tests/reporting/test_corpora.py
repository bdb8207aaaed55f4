"""The report of a pool shows each corpus, and says what may be compared between them."""

import pytest

from pipeline.errors import PipelineError
from pipeline.pages.blocks import Paragraph, Table
from pipeline.reporting.corpora import corpora_section
from pipeline.reporting.report import build_report

pytestmark = pytest.mark.slow

POOL = {"corpora": lambda split, n: ("films", "clips <b>")[n % 2]}


def test_a_single_corpus_has_no_such_section_and_no_digest(inputs, document):
    assert "corpora" not in [section.anchor for section in document.sections]
    assert "reports/by_corpus.csv" not in inputs.digests


def test_every_corpus_has_its_rows_on_valid_and_test(read_run):
    inputs = read_run(**POOL, params={"training.corpora": ["films"]})
    anchors = [section.anchor for section in build_report(inputs).sections]
    assert anchors[anchors.index("corpora") - 1] == "differences"
    assert "reports/by_corpus.csv" in inputs.digests
    tables = [block for block in corpora_section(inputs).blocks if isinstance(block, Table)]
    assert [table.caption.split(",")[0] for table in tables] == ["By corpus on valid", "By corpus on test"]
    for table, n in zip(tables, ("20", "25"), strict=True):
        assert "interval over seeds and segments]" in table.caption
        assert [tuple(cell.text for cell in row[:4]) for row in table.rows] == [
            (corpus, trained, n, model)
            for corpus, trained in (("films", "yes"), ("clips <b>", "no"))
            for model in (
                "GRCF",
                "point-wise regression",
                "GRCF minus point-wise regression",
                "best constant of train",
            )
        ]
        assert table.header[4:] == (
            "MAE\N{NO-BREAK SPACE}↓",
            "Pearson r\N{NO-BREAK SPACE}↑",
            "Ordered pairs, %\N{NO-BREAK SPACE}↑",
        )
        (difference,) = [row for row in table.rows if row[0].text == "films" and "minus" in row[3].text]
        assert difference[4].text[0] in "+−"
        assert difference[4].detail


def test_it_says_which_metrics_may_be_held_against_another_corpus(read_run):
    text = corpora_section(read_run(**POOL)).blocks
    (said, _) = [block.text for block in text if isinstance(block, Paragraph)]
    assert said.startswith("Pearson r and ordered-pair accuracy do not depend on the scale")
    assert "MAE is comparable between the models of one corpus, and not between corpora" in said


def test_a_table_of_another_run_is_refused(read_run, tmp_path):
    read_run(**POOL)
    path = tmp_path / "reports/by_corpus.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    from stages import report

    with pytest.raises(
        PipelineError, match=r"by_corpus\.csv has 47 rows, which are not those of the corpora"
    ):
        report.read_inputs()
