"""Every cell is a metric of one run on one corpus; the table says which need labels of that corpus."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.crossing.page import cross_page
from pipeline.crossing.recalibration import draw_labels, recalibrated_draws
from pipeline.crossing.records import cross_to_csv, cross_to_json
from pipeline.crossing.table import Settings, cross
from pipeline.errors import PipelineError
from pipeline.evaluation.protocols import MOSI, measure, protocol_named
from pipeline.pages.markdown import as_markdown
from pipeline.pages.text import as_text
from tests.crossing.runs import CORPORA, predictions

SETTINGS = Settings(split="test", protocol=MOSI, confidence=0.95, n_resamples=100, n_labels=10, parts=CORPORA)


def runs(**fields):
    return {(corpus,): predictions(corpus, **fields) for corpus in CORPORA}


@pytest.fixture(scope="module")
def crossed():
    return cross(runs(), SETTINGS)


@pytest.fixture(scope="module")
def found(crossed):
    return crossed.cells


def by_name(found):
    return {
        (row.trained_on[0], row.measured_on, row.model, row.metric.name, row.n_labels): row for row in found
    }


def test_a_cell_is_the_metric_of_that_run_on_that_corpus(found):
    cells = by_name(found)
    assert len(cells) == len(found) == 2 * 2 * 3 * 4
    for trained_on in CORPORA:
        split = predictions(trained_on)["test"]
        for corpus in CORPORA:
            part = split.of_corpus(corpus)
            by_seed = [measure(part.truth, row, protocol=MOSI) for row in part.models["grcf"]]
            for name in MOSI.headline:
                row = cells[trained_on, corpus, "grcf", name, None]
                assert row.summary.mean == pytest.approx(np.mean([each[name] for each in by_seed]))
                assert row.summary.ci_low < row.summary.mean < row.summary.ci_high
                assert row.is_within == (trained_on == corpus)
                assert (row.n_segments, row.unit, row.n_units) == (30, "speaker", 15)


def test_order_and_correlation_do_not_mind_another_scale_and_the_error_does(found):
    cells = by_name(found)
    for name in MOSI.scale_free:
        away, home = (cells[trained, "clips", "grcf", name, None] for trained in ("films", "clips"))
        assert away.summary.mean == pytest.approx(home.summary.mean)
        assert ("films", "clips", "grcf", name, 10) not in cells
    away, home = (cells[trained, "clips", "grcf", "mae", None].summary.mean for trained in ("films", "clips"))
    calibrated = cells["films", "clips", "grcf", "mae", 10].summary.mean
    assert away > 1.5 * home
    assert calibrated < 1.15 * home


def test_calibration_reads_labels_of_valid_alone():
    splits = predictions("films")
    labels = draw_labels(splits["valid"].of_corpus("clips"), 10, corpus="clips")
    for shift in (0.0, 1.0):
        test = splits["test"]
        changed = {**splits, "test": replace(test, truth=test.truth + shift)}
        part = changed["test"].of_corpus("clips")
        for model in ("grcf", "median"):
            draws = recalibrated_draws(
                labels, labels.source.models[model], part.models[model], kind="regression"
            )
            expected = np.mean([np.abs(rows - part.truth).mean() for rows in draws])
            cell = by_name(cross({("films",): changed}, SETTINGS).cells)["films", "clips", model, "mae", 10]
            assert cell.summary.mean == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_two_and_several_classes_have_their_own_metrics(kind):
    protocol = protocol_named(kind).of_classes(("calm", "angry", "sad") if kind == "classes" else ())
    crossed = cross(runs(kind=kind), replace(SETTINGS, protocol=protocol))
    found = crossed.cells
    metrics = {(row.metric.name, row.n_labels) for row in found}
    free = set(protocol.scale_free)
    assert metrics == {(name, None) for name in protocol.headline} | {
        (name, 10) for name in protocol.headline if name not in free
    }
    assert all(row.summary.mean is not None or row.summary.reason for row in found)
    assert as_text(cross_page(crossed, replace(SETTINGS, protocol=protocol), pool="both"))


def test_runs_of_other_segments_have_no_common_table():
    mixed = runs()
    mixed["clips",]["test"] = mixed["clips",]["test"].of_corpus("clips")
    with pytest.raises(PipelineError, match=r"trained on films and on clips have other segments .* in test"):
        cross(mixed, SETTINGS)
    del mixed["clips",]["test"]
    with pytest.raises(PipelineError, match="trained on clips have no rows of test"):
        cross(mixed, SETTINGS)


def test_the_page_says_what_needs_labels_of_the_corpus(crossed):
    text = as_text(cross_page(replace(crossed, contrasts=[]), SETTINGS, pool="both"))
    headings = re.findall(r"^(.*)\n-+$", text, re.MULTILINE)
    plain = [heading.replace("\N{NO-BREAK SPACE}", " ") for heading in headings]
    assert plain == [
        "Pearson r ↑",
        "Ordered pairs, % ↑",
        "MAE ↓",
        "MAE ↓, calibrated with 10 labels of each corpus",
    ]
    joined = " ".join(text.split())
    assert (
        "95 % interval over seeds and what is drawn of a corpus: 15 speakers of films, 15 speakers of clips"
        in joined
    )
    assert joined.count("Needs no calibration") == 2
    assert joined.count("Needs calibration to be comparable") == 1
    assert joined.count("the mean over 20 draws of labels") == 1
    rows = [line.split()[:2] for line in text.splitlines() if line.startswith(("films ", "clips "))]
    assert rows == [["films", "GRCF"], ["films", "point-wise"], ["clips", "GRCF"], ["clips", "point-wise"]] * 2 + [
        ["films", "GRCF"], ["films", "point-wise"], ["films", "median"], ["clips", "GRCF"], ["clips", "point-wise"], ["clips", "median"],
        ["films", "GRCF"], ["films", "point-wise"], ["films", "constant"], ["clips", "GRCF"], ["clips", "point-wise"], ["clips", "constant"],
    ]  # fmt: skip


def test_what_was_trained_on_its_own_corpus_stands_out(crossed):
    page = as_markdown(cross_page(crossed, SETTINGS, pool="both"))
    (row,) = [line for line in page.splitlines() if line.startswith("| films | GRCF |")][:1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2].startswith("**")
    assert not cells[3].startswith("**")
    assert "--test --calibrate-with N takes the scale out" in page
    assert "`" not in page  # it would be escaped


def test_json_and_csv_hold_the_cells_of_the_tables(crossed, found):
    record = json.loads(cross_to_json(crossed, SETTINGS, pool="both"))
    assert (record["pool"], record["split"], record["calibrated_on"]) == ("both", "test", "valid")
    rows = list(csv.DictReader(io.StringIO(cross_to_csv(crossed, SETTINGS))))
    assert len(rows) == len(record["cells"]) == len(found)
    for row, cell, crossing in zip(rows, record["cells"], found, strict=True):
        assert cell["trained_on"] == list(crossing.trained_on) == row["trained_on"].split("+")
        assert cell["n_labels"] == crossing.n_labels
        assert row["n_labels"] == ("" if crossing.n_labels is None else "10")
        assert cell["needs_calibration"] == (row["needs_calibration"] == "yes")
        assert cell["needs_calibration"] == (crossing.metric.name == "mae" and crossing.n_labels is None)
        if crossing.summary.mean is None:
            assert (cell["mean"], row["mean"]) == (None, "")
            assert cell["reason"] == row["reason"] == crossing.summary.reason
        else:
            assert cell["mean"] == pytest.approx(crossing.summary.mean, abs=1e-6)
            assert float(row["ci_low"]) == pytest.approx(crossing.summary.ci_low, abs=1e-6)


def test_a_run_of_another_pool_is_a_sentence():
    with pytest.raises(
        PipelineError, match="trained on films measured clips, but the parts of the pool are films, songs"
    ):
        cross(runs(), replace(SETTINGS, parts=("films", "songs")))


def test_columns_are_in_the_order_of_the_pool():
    found = cross(runs(), replace(SETTINGS, n_labels=None, parts=("clips", "films")))
    text = as_text(cross_page(found, SETTINGS, pool="both"))
    headers = [line.split() for line in text.splitlines() if line.startswith("trained on")]
    names = ["trained", "on", "model"]
    assert headers == [[*names, "clips", "films"], [*names, "difference", "clips", "films"]] * 3


def test_one_seed_has_intervals_over_what_is_drawn_of_a_corpus():
    one = {(corpus,): predictions(corpus, seeds=(1,)) for corpus in CORPORA}
    found = cross(one, replace(SETTINGS, n_labels=None))
    measured = [row.summary for row in found.cells if row.model != "median"]
    assert measured
    for summary in measured:
        assert summary.n == 1
        assert summary.ci_low < summary.mean < summary.ci_high
    # The order of one seed is the same in both runs of this corpus, so a difference may be nothing but 0.
    for summary in (each.summary for each in found.contrasts):
        assert summary.ci_low <= summary.mean <= summary.ci_high
    assert "A value is that of one seed, in brackets its 95 % interval over what is drawn" in " ".join(
        as_text(cross_page(found, SETTINGS, pool="both")).split()
    )


def test_a_run_on_two_corpora_is_a_row_of_its_own():
    both = {**runs(), CORPORA: predictions("films")}
    found = cross(both, replace(SETTINGS, n_labels=None))
    text = as_text(cross_page(found, SETTINGS, pool="both"))
    assert "films+clips" in text
    assert all(row.is_within for row in found.cells if row.trained_on == CORPORA)


def test_a_difference_is_paired_and_narrower_than_the_intervals_of_its_rows(crossed):
    found = by_name(crossed.cells)
    contrasts = {
        (each.one.trained_on, each.one.measured_on, each.one.model, each.other.trained_on, each.other.model, each.one.metric.name, each.one.n_labels): each.summary
        for each in crossed.contrasts
    }  # fmt: skip
    # Of each run and corpus GRCF minus point-wise; of each model the run on the other corpus minus that on this one.
    assert len(contrasts) == len(crossed.contrasts) == (2 * 2 + 2 * 2) * 4
    for trained_on in CORPORA:
        for corpus in CORPORA:
            for name in MOSI.headline:
                summary = contrasts[(trained_on,), corpus, "grcf", (trained_on,), "pointwise", name, None]
                cells = [
                    found[trained_on, corpus, model, name, None].summary for model in ("grcf", "pointwise")
                ]
                assert summary.mean == pytest.approx(cells[0].mean - cells[1].mean)
                assert summary.ci_low < summary.mean < summary.ci_high
                widths = [each.ci_high - each.ci_low for each in (summary, *cells)]
                assert widths[0] < max(widths[1:])
    away = contrasts[("films",), "clips", "pointwise", ("clips",), "pointwise", "mae", None]
    assert away.ci_low > 0


def test_the_tables_and_json_hold_the_differences(crossed):
    text = as_text(cross_page(crossed, SETTINGS, pool="both"))
    differences = [
        line for line in text.splitlines() if "minus " in line and line.startswith(("films ", "clips "))
    ]
    # Two runs; GRCF minus point-wise, GRCF and point-wise minus the own model; four tables.
    assert len(differences) == 2 * 3 * 4
    record = json.loads(cross_to_json(crossed, SETTINGS, pool="both"))
    assert len(record["differences"]) == len(crossed.contrasts)
    first = record["differences"][0]
    assert (first["trained_on"], first["minus_trained_on"]) == (["films"], ["films"])
    assert (first["model"], first["minus_model"]) == ("grcf", "pointwise")
    assert first["ci_low"] < first["mean"] < first["ci_high"]
