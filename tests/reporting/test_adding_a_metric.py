"""A metric is a formula and a row of a protocol: everything else knows it from the row."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.commands.results import results_page
from pipeline.evaluation import protocols
from pipeline.evaluation.metrics import Metric
from pipeline.pages.blocks import Grid, Listing, Table
from pipeline.pages.text import as_text
from pipeline.reporting.card_inputs import CardInputs
from pipeline.reporting.model_card import metric_rows, to_markdown
from pipeline.reporting.report import build_report
from stages import report
from tests.reporting.runs import Run, write_run


def largest_error(truth, prediction, samples):
    return np.where(samples.counts > 0, np.abs(prediction - truth), 0.0).max(axis=1)


ADDED = Metric(
    name="largest_error",
    title="Largest error",
    better="lower",
    description="Largest absolute error of any segment.",
    unit="label",
    formula=largest_error,
    shared_out=True,
    in_summary=True,
    hub_name="max_error",
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    headline = (ADDED.name, *protocols.MOSI.headline[1:])
    extended = replace(protocols.MOSI, metrics=(*protocols.MOSI.metrics, ADDED), headline=headline)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(protocols.PROTOCOLS, "mosi", extended)
        patch.chdir(folder)
        write_run(folder, Run(modalities=("text",)))
        yield report.read_inputs()


@pytest.fixture(scope="module")
def blocks(inputs):
    found = {}
    for section in build_report(inputs).sections:
        flat = [
            each
            for block in section.blocks
            for each in (block.blocks if isinstance(block, Grid) else [block])
        ]
        found[section.anchor] = flat
    return found


@pytest.mark.parametrize(("anchor", "n_tables"), [("results", 2), ("differences", 3)])
def test_it_has_a_row_in_the_report(blocks, anchor, n_tables):
    tables = [block for block in blocks[anchor] if isinstance(block, Table)]
    assert len(tables) == n_tables
    for table in tables:
        (row,) = (row for row in table.rows if row[0].text.startswith("Largest error"))
        assert row[1].text not in ("", "–", "n/a")


def test_it_is_explained_in_the_report(blocks):
    (listing,) = (block for block in blocks["results"] if isinstance(block, Listing))
    assert ADDED.description in [text for _, text in listing.items]


def test_it_is_shared_out_among_the_modalities(blocks):
    headers = [block.header for block in blocks["modalities"] if isinstance(block, Table)]
    assert sum("gain in Largest error" in header for header in headers) == 2


def test_it_is_a_column_in_the_terminal_and_said_to_be_better_when_lower(inputs):
    printed = as_text(results_page(inputs.evaluation, protocol=inputs.protocol, confidence=0.95))
    assert "largest_error" in printed.split("\n")[0].split()
    assert "Lower largest_error is better" in " ".join(printed.split())


def test_it_is_in_the_card_under_the_name_of_the_hub(inputs):
    seeds = inputs.parameters["training.seeds"]
    checkpoints = [
        Checkpoint(
            "calibrate", "groupwise", True, seed, {}, {}, 1, [], "identity", 0.0, {"device": "cpu"}, {"w": np.ones(1)}
        )
        for seed in seeds
    ]  # fmt: skip
    card = CardInputs(
        report=inputs,
        n_rejected=0,
        readme=None,
        extractions={},
        ranked=checkpoints,
        grcf=checkpoints,
        digests=["0" * 64 for _ in seeds],
    )
    assert "largest_error" in [row.name for row in metric_rows(card, "test")]
    assert "max_error" in to_markdown(card).split("---")[1]
