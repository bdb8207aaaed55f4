from dataclasses import replace
from itertools import pairwise

import pytest

from pipeline.artifacts.trained.pair_statistics import MOST_PAIRS
from pipeline.pages.blocks import Figure, Grid, Paragraph, Table
from pipeline.pages.numbers import group_names
from pipeline.reporting.pairs import group_pairs_section


def blocks_of(section, kind):
    return [
        each
        for block in section.blocks
        if isinstance(block, Grid)
        for each in block.blocks
        if isinstance(each, kind)
    ]


def tables_of(section):
    return blocks_of(section, Table)


def test_every_pair_of_groups_stands_where_its_groups_meet(inputs):
    tables = {table.caption: table for table in tables_of(group_pairs_section(inputs))}
    weights = tables["Mean weight"]
    assert weights.header[1:] == ("−3", "−2", "−1", "0", "+1", "+2")
    assert [row[0].text for row in weights.rows] == ["+3", "+2", "+1", "0", "−1", "−2"]
    found = [row for row in inputs.group_pairs if (row.group_above, row.group_below) == (2, -1)]
    mean = sum(row.weight for row in found) / len(found)
    assert weights.rows[1][3].text == f"{mean:.2f}"
    assert [cell.text for cell in weights.rows[-1][2:]] == [""] * 5


def test_cut_groups_are_named_by_their_intervals(read_run):
    cuts = [-0.7, -0.1, 0.1, 0.7]
    tables = tables_of(group_pairs_section(read_run(params={"margin.groups": cuts})))
    assert tables[0].header[1:] == ("≤ −0.7", "−0.7 … −0.1", "−0.1 … 0.1", "0.1 … 0.7")
    assert tables[0].rows[0][0].text == "> 0.7"


def test_every_group_has_its_own_name():
    names = group_names(range(-3, 4), groups="integer")
    assert all(one != other for one, other in pairwise(names))


def test_a_sample_of_the_pairs_is_called_one(inputs):
    def explanation(rows):
        section = group_pairs_section(replace(inputs, group_pairs=rows, pair_distributions=[]))
        return section.blocks[-1].text

    rows = inputs.group_pairs
    assert "random order" not in explanation(rows)
    assert "random order" in explanation([replace(rows[0], n_pairs=MOST_PAIRS), *rows[1:]])


def test_no_pairs_is_a_sentence(inputs):
    without = replace(inputs, group_pairs=[], pair_distributions=[])
    assert isinstance(group_pairs_section(without).blocks[0], Paragraph)


def test_each_distribution_accounts_for_every_pair(inputs):
    n_pairs = sum(row.n_pairs for row in inputs.group_pairs)
    figures = blocks_of(group_pairs_section(inputs), Figure)
    assert [figure.name for figure in figures] == [
        "distribution-margin",
        "distribution-violation",
        "distribution-weight",
    ]
    for figure in figures:
        assert sum(bar["share"] for bar in figure.spec["data"]["values"]) == pytest.approx(100)
        assert f"of {n_pairs:,} pairs of train" in figure.caption


def test_a_stage_1_without_pairs_of_groups_has_no_distribution(inputs):
    without = replace(inputs, pair_distributions=[])
    assert blocks_of(group_pairs_section(without), Figure) == []
