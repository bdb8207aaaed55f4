from dataclasses import replace

import pytest

from pipeline.pages.blocks import Grid, Table
from pipeline.pages.vega import page_svg
from pipeline.reporting.results import (
    differences_section,
    modalities_section,
    order_section,
    results_section,
)
from tests.reporting.runs import MODALITIES

pytestmark = pytest.mark.slow


def tables(section) -> list[Table]:
    blocks = [
        each for block in section.blocks for each in (block.blocks if isinstance(block, Grid) else [block])
    ]
    return [block for block in blocks if isinstance(block, Table)]


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def scale(metric) -> float:
    return 100.0 if metric.unit == "share" else 1.0


@pytest.mark.parametrize(("position", "split"), [(0, "valid"), (1, "test")])
def test_results_are_the_numbers_of_the_metrics_file(inputs, position, split):
    table = tables(results_section(inputs))[position]
    models = ("grcf", "grcf_ensemble", "pointwise", "pointwise_ensemble", "median")
    titles = ("GRCF", "GRCF, mean of seeds", "Point-wise", "Point-wise, mean of seeds", "Median")
    assert table.header == ("Metric", *titles)
    metrics = inputs.protocol.metrics
    for metric, row in zip(metrics, table.rows[:-1], strict=True):
        tolerance = 0.051 if metric.unit == "share" else 0.00051
        for model, cell in zip(models, row[1:], strict=True):
            held = inputs.evaluation.metrics[split][model][metric.name].as_json()
            if held["mean"] is None:
                assert (cell.text, cell.note) == ("n/a", held["reason"])
                continue
            assert number(cell.text) == pytest.approx(scale(metric) * held["mean"], abs=tolerance)
            if model.endswith("_ensemble"):
                low, high = (number(part.strip("[], ")) for part in cell.detail.split(maxsplit=1))
                wanted = [scale(metric) * held[name] for name in ("ci_low", "ci_high")]
                assert [low, high] == pytest.approx(wanted, abs=tolerance)
            elif model != "median":
                sd, low, high = (number(part.strip("±[], ")) for part in cell.detail[1:].split(maxsplit=2))
                wanted = [scale(metric) * held[name] for name in ("sd", "ci_low", "ci_high")]
                assert [sd, low, high] == pytest.approx(wanted, abs=tolerance)


def test_results_count_the_seeds_and_the_median_has_none(inputs):
    assert [cell.text for cell in tables(results_section(inputs))[0].rows[-1]] == [
        "Seeds",
        "3",
        "3",
        "3",
        "3",
        "–",
    ]


def bold(inputs) -> list[set[str]]:
    return [
        {table.header[column] for row in table.rows for column, cell in enumerate(row) if cell.strong}
        for table in tables(results_section(inputs))
    ]


def test_nothing_is_bold_within_noise(read_run):
    inputs = read_run(grcf_sd=0.8, pointwise_sd=0.8, n_segments={"train": 10, "valid": 12, "test": 12})
    for split, table in zip(("valid", "test"), tables(results_section(inputs)), strict=True):
        differences = inputs.comparisons(split).differences["pointwise"]
        for metric, row in zip(inputs.protocol.metrics, table.rows, strict=False):
            held = differences.get(metric.name)
            if held is None or held.ci_low <= 0 <= held.ci_high:
                assert not any(cell.strong for cell in row)


def test_the_better_model_is_bold_beyond_noise(read_run):
    assert bold(read_run(grcf_sd=0.2, pointwise_sd=1.5)) == [{"GRCF"}, {"GRCF"}]


def test_the_baseline_is_bold_where_it_is_better(read_run):
    assert bold(read_run(grcf_sd=1.5, pointwise_sd=0.2)) == [{"Point-wise"}, {"Point-wise"}]


def test_one_seed_has_differences_in_tables_and_figures_over_segments(read_run):
    blocks = differences_section(read_run(seeds=(4,), grcf_sd=0.1)).blocks
    tables = [block for block in blocks if isinstance(block, Table)]
    assert all(table.caption.endswith("95 % intervals over segments") for table in tables)
    cells = [row[column] for table in tables for row in table.rows for column in (1, 3)]
    assert sum(cell.detail.startswith("[") for cell in cells) > len(cells) / 2
    assert [cell.note for cell in cells if not cell.detail and "undefined" not in (cell.note or "")] == []
    (grid,) = [block for block in blocks if isinstance(block, Grid)]
    for figure in grid.blocks:
        assert "intervals over segments, turned" in figure.caption
        assert figure.spec["data"]["values"]


def test_differences_are_the_numbers_of_the_comparisons_file(inputs):
    table = tables(differences_section(inputs))[0]
    compared = [
        m for m in inputs.protocol.metrics if m.name in inputs.comparisons("test").differences["pointwise"]
    ]
    for metric, row in zip(compared, table.rows, strict=True):
        for column, split in ((1, "valid"), (3, "test")):
            held = inputs.comparisons(split).differences["pointwise"][metric.name].as_json()
            tolerance = 0.051 if metric.unit == "share" else 0.00051
            assert number(row[column].text) == pytest.approx(scale(metric) * held["mean"], abs=tolerance)


@pytest.mark.parametrize(
    ("sds", "winner", "loser"), [((0.2, 1.5), "blue", "orange"), ((1.5, 0.2), "orange", "blue")]
)
def test_the_figure_turns_errors_so_that_one_side_is_better(read_run, sds, winner, loser):
    section = differences_section(read_run(grcf_sd=sds[0], pointwise_sd=sds[1]))
    (grid,) = [block for block in section.blocks if isinstance(block, Grid)]
    for figure in grid.blocks:
        drawn = page_svg(figure)
        assert f"--{winner}," in drawn
        assert f"--{loser}," not in drawn


def test_differences_to_a_median_without_correlation_give_the_reason(inputs):
    table = tables(differences_section(inputs))[1]
    row = next(row for row in table.rows if row[0].text.startswith("Pearson"))
    assert row[1].text == "n/a"
    assert "all predictions are equal" in row[1].note
    assert (row[2].text, row[2].strong) == ("–", False)


def test_modalities_come_in_a_fixed_order(inputs):
    names = [row[0].text for row in tables(modalities_section(inputs))[0].rows]
    assert names == [
        "all",
        *(f"without {name}" for name in MODALITIES),
        *(f"only {name}" for name in MODALITIES),
        "nothing",
    ]


def test_contributions_stand_in_the_same_order_and_add_up(inputs):
    table = tables(modalities_section(inputs))[2]
    assert [row[0].text for row in table.rows] == list(MODALITIES)
    error = {name: values["mae"].mean for name, values in inputs.comparisons("valid").modalities.items()}
    gain = sum(row["mae"].mean for row in inputs.comparisons("valid").contributions.values())
    assert gain == pytest.approx(error["nothing"] - error["all"], abs=1e-5)


def test_a_modality_that_is_absent_has_no_row(read_run):
    names = [
        row[0].text for row in tables(modalities_section(read_run(modalities=("text", "audio"))))[1].rows
    ]
    assert names == ["all", "without text", "without audio", "only text", "only audio", "nothing"]


def test_a_single_modality_is_set_against_nothing(read_run):
    names = [row[0].text for row in tables(modalities_section(read_run(modalities=("text",))))[0].rows]
    assert names == ["all", "nothing"]


def test_all_has_no_difference_to_itself(inputs):
    assert tables(modalities_section(inputs))[0].rows[0][2].text == "–"


def test_an_order_that_stage_2_kept_is_said_to_be_kept(inputs):
    assert (
        "On test, stage 2 left the ordered-pair accuracy as it was." in order_section(inputs).blocks[0].text
    )


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (4e-5, "left the ordered-pair accuracy as it was, to 0.01 points."),
        (-1e-16, "left the ordered-pair accuracy as it was, to 0.01 points."),
        (6e-5, "raised the ordered-pair accuracy by 0.01 points."),
        (-0.02, "lowered the ordered-pair accuracy by 2.00 points."),
    ],
)
def test_a_change_of_the_order_is_one_at_the_digits_that_are_written(inputs, gain, expected):
    name = inputs.protocol.ranking.name
    order = inputs.comparisons("test").order
    before = replace(order["rank"][name], mean=0.5)
    order = {
        "rank": {**order["rank"], name: before},
        "calibrate": {**order["calibrate"], name: replace(before, mean=0.5 + gain)},
    }
    comparisons = dict(inputs.evaluation.comparisons)
    comparisons["test"] = replace(comparisons["test"], order=order)
    changed = replace(inputs, evaluation=replace(inputs.evaluation, comparisons=comparisons))
    assert f"On test, stage 2 {expected}" in order_section(changed).blocks[0].text


def test_a_constant_model_has_reasons_in_place_of_numbers(read_run):
    inputs = read_run(constant_grcf=True)
    table = tables(results_section(inputs))[0]
    pearson = next(row for row in table.rows if row[0].text.startswith("Pearson"))
    assert pearson[1].text == "n/a"
    assert pearson[1].note == "undefined for 3 of 3 seeds: all predictions are equal"
