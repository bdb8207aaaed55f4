import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.pages.blocks import Figure, Grid, Paragraph, Table
from pipeline.pages.vega import page_svg
from pipeline.reporting.robustness import noise_section, robustness_section

pytestmark = pytest.mark.slow


def tables(section):
    return [block for block in section.blocks if isinstance(block, Table)]


def figures(section):
    return [
        each for block in section.blocks if isinstance(block, Grid) for each in block.blocks if isinstance(each, Figure)
    ]  # fmt: skip


def test_each_modality_and_all_of_them_have_an_area_on_each_split(inputs):
    found = tables(robustness_section(inputs))
    assert [table.caption for table in found] == [
        f"{metric} on {split}, area over 0 to 90 % of the words missing"
        for metric in ("MAE", "Ordered pairs, %")
        for split in ("valid", "test")
    ]
    for table in found:
        assert [row[0].text for row in table.rows] == [
            "words in text",
            "words in audio",
            "words in visual",
            "words of all modalities",
        ]


def test_an_area_is_the_mean_height_over_seeds(inputs):
    curve = next(
        each
        for each in inputs.robustness
        if (each.split, each.modality, each.model) == ("test", "all", "grcf")
    )
    wanted = np.mean([np.trapezoid(row, curve.rates) / 0.9 for row in curve.error])
    assert tables(robustness_section(inputs))[1].rows[-1][1].text == f"{wanted:.3f}"


def test_a_model_that_is_better_for_every_seed_stands_out(inputs):
    curves = [
        replace(each, error=each.error + (0.5 + 0.01 * np.arange(3))[:, None]) if each.model == "pointwise" else each
        for each in inputs.robustness
    ]  # fmt: skip
    (row, *_) = tables(robustness_section(replace(inputs, robustness=curves)))[0].rows
    assert row[4].text == "better"
    assert row[1].strong
    assert not row[2].strong


def test_every_rate_is_a_point_of_each_model(inputs):
    figure = next(
        each for each in figures(robustness_section(inputs)) if each.name == "missing-test-audio-error"
    )
    points = figure.spec["data"]["values"]
    assert sorted({point["rate"] for point in points}) == inputs.parameters["evaluate.missing_rates"]
    assert len(points) == 20
    assert all(point["low"] < point["mean"] < point["high"] for point in points)


def test_one_seed_has_a_line_without_a_band(read_run):
    points = figures(robustness_section(read_run(seeds=(3,))))[0].spec["data"]["values"]
    assert {(point["low"], point["high"]) for point in points} == {(None, None)}


def test_no_rates_are_a_sentence(read_run):
    (block,) = robustness_section(read_run(params={"evaluate.missing_rates": []})).blocks
    assert isinstance(block, Paragraph)
    assert "evaluate.missing_rates" in block.text


def test_one_rate_has_no_area_and_says_why(read_run):
    section = robustness_section(read_run(params={"evaluate.missing_rates": [0.5]}))
    cell = tables(section)[0].rows[0][1]
    assert cell.text == "n/a"
    assert "an area needs at least two rates" in cell.note


@pytest.mark.parametrize("measure", ["error", "order"])
def test_figures_of_one_measure_share_an_axis(inputs, measure):
    found = [each for each in figures(robustness_section(inputs)) if each.name.endswith(measure)]
    domains = [each.spec["layer"][-1]["encoding"]["y"]["scale"]["domain"] for each in found]
    assert len(domains) >= 2
    assert all(domain == domains[0] for domain in domains)


def test_noise_has_areas_and_figures_in_its_own_unit(inputs):
    section = noise_section(inputs)
    assert tables(section)[0].caption == "MAE on valid, area over noise of 0 to 2 standard deviations"
    assert [row[0].text for row in tables(section)[0].rows] == ["text", "audio", "visual", "all modalities"]
    figure = next(each for each in figures(section) if each.name == "noise-test-audio-error")
    assert {point["rate"] for point in figure.spec["data"]["values"]} == {0.0, 0.5, 1.0, 2.0}
    assert "audio noisy: mean over seeds" in figure.caption
    assert {">0.5<", ">1<"} <= set(re.findall(r">[0-9.]+<", page_svg(figure)))


def test_without_scales_of_noise_there_is_a_sentence(read_run):
    (block,) = noise_section(read_run(params={"evaluate.noise_scales": []})).blocks
    assert block.text == "No scales of noise were asked for (evaluate.noise_scales)."
