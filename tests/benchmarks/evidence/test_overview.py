"""The map in a few lines: what is chosen without the test, what it is held against, and what a line says."""

from dataclasses import replace

import pytest

from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.overview import AXES, Summary, errors_on_folds, name_of, summaries
from benchmarks.evidence.picture import draw

LINE = Summary("mosi", "raters_strong", "grcf_within", "mae_profiled", (-0.03, 0.01), -0.04, 0.02)


def compared(
    a: str,
    b: str,
    difference: float,
    *,
    corpus: str = "mosei",
    split: str = "standard",
    condition: str = "raters_strong",
    setup: str = "plain",
) -> dict:
    return {
        "corpus": corpus,
        "split": split,
        "condition": condition,
        "setup": setup,
        "metric": "mae",
        "a": a,
        "b": b,
        "difference": difference,
        "low": difference - 0.01,
        "high": difference + 0.01,
    }


def test_the_ranking_is_the_best_on_the_folds_and_not_on_test():
    result = {
        "comparisons": [
            compared("grcf_within", "mae_profiled", -0.05),
            compared("grcf_partly_50", "mae_profiled", 0.03),
        ]
    }
    errors = {
        ("mosei", "raters_strong", 1, "grcf_within"): 0.64,
        ("mosei", "raters_strong", 1, "grcf_partly_50"): 0.62,
        ("mosei", "raters_strong", 1, "grcf_partly_25"): 0.61,
    }
    (line,) = summaries(result, errors)
    assert (line.ranking, line.difference) == ("grcf_partly_50", 0.03)
    (line,) = summaries(result, {})
    assert line.ranking == "grcf_within"
    (line,) = summaries(result, {key: errors[key] for key in list(errors)[1:]})
    assert line.ranking == "grcf_within"


@pytest.mark.parametrize(
    ("condition", "ranking"),
    [("clean", "grcf_all"), ("share_10", "grcf_all"), ("replaced_40", "grcf_bounded")],
)
def test_without_folds_it_is_the_one_that_is_meant_for_the_condition(condition, ranking):
    kinds = ("grcf_within", "grcf_all", "grcf_bounded")
    (line,) = summaries(
        {"comparisons": [compared(kind, "mae", 0.0, condition=condition) for kind in kinds]}, {}
    )
    assert line.ranking == ranking
    assert not summaries({"comparisons": [compared("ranknet", "mae", 0.0, condition=condition)]}, {})


def test_it_is_held_against_the_comparator_that_leaves_it_the_least_on_the_same_splits():
    found = [
        compared("grcf_within", name, difference, split=split)
        for name, differences in {
            "mae": (-0.05, -0.03),
            "mae_profiled": (-0.04, 0.02),
            "mae_partly_50": (0.03, -0.01),
        }.items()
        for split, difference in zip(("501", "standard"), differences, strict=True)
    ]
    found.append(compared("grcf_within", "mae_standardised", 0.5))
    found.append(compared("grcf_within", "grcf_all", 0.6))
    (line,) = summaries({"comparisons": found}, {})
    assert line.against == "mae_partly_50"
    assert line.splits == (-0.01, 0.03)
    assert (line.difference, line.low, line.high) == pytest.approx((0.01, 0.0, 0.02))
    assert line.plain is not None
    assert (line.plain.against, line.plain.splits) == ("mae", (-0.03, -0.05))


def test_plain_absolute_error_stands_beside_another_one_only():
    (line,) = summaries({"comparisons": [compared("grcf_all", "mae", 0.0, condition="clean")]}, {})
    assert line.plain is None


def test_lines_are_of_one_set_up_and_in_order():
    found = [
        compared("grcf_within", "mae", 0.02, corpus="mosi"),
        compared("grcf_within", "mae", 0.01, corpus="mosi", setup="strong"),
        compared("grcf_within", "mae", -0.02),
        compared("grcf_all", "mae", -0.5, condition="clean"),
    ]
    lines = summaries({"comparisons": found}, {})
    assert [(line.corpus, line.axis, line.difference) for line in lines] == [
        ("mosei", "raters", -0.02),
        ("mosi", "raters", 0.01),
        ("mosei", "clean", -0.5),
    ]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.03, -0.001, "helps"),
        (0.001, 0.03, "hurts"),
        (-0.03, 0.001, "open"),
        (0.001, 0.004, "level"),
        (-0.004, 0.004, "level"),
        (-0.005, 0.004, "open"),
    ],
)
def test_what_a_line_says(low, high, verdict):
    assert replace(LINE, low=low, high=high).verdict == verdict


def test_every_condition_of_every_corpus_has_a_heading_and_a_name():
    for corpus in READERS:
        for condition in CONDITIONS:
            line = replace(LINE, corpus=corpus, condition=condition)
            assert line.axis in AXES
            assert name_of(line)
    assert name_of(LINE) == "MOSI, strong, 25 labels"


def test_errors_of_more_folds_count_where_two_rankings_have_them():
    result = {"comparisons": [compared(name, "mae", 0.0) for name in ("grcf_within", "grcf_partly_50")]}
    errors = {
        ("mosei", "raters_strong", 2, "grcf_within"): 0.64,
        ("mosei", "raters_strong", 2, "grcf_partly_50"): 0.62,
        ("mosei", "raters_strong", 5, "grcf_within"): 0.71,
        ("mosei", "raters_strong", 5, "mae"): 0.5,
    }
    (line,) = summaries(result, errors)
    assert line.ranking == "grcf_partly_50"
    (line,) = summaries(result, {**errors, ("mosei", "raters_strong", 5, "grcf_partly_50"): 0.72})
    assert line.ranking == "grcf_within"


def test_the_folds_are_those_of_the_results():
    errors = errors_on_folds()
    place = "mosi", "raters_strong"
    assert errors[*place, 2, "grcf_partly_50"] < errors[*place, 2, "grcf_within"]
    assert errors[*place, 5, "grcf_partly_50"] > errors[*place, 5, "grcf_within"]


def test_the_figure_is_the_same_file_twice_and_has_each_line(tmp_path):
    found = [
        compared("grcf_within", "mae", -0.05, corpus="rt", split=split, condition="raters_real")
        for split in ("A", "B")
    ]
    found.append(compared("grcf_within", "mae_profiled", 0.02))
    for name in ("a.svg", "b.svg"):
        draw({"rows": [], "comparisons": found}, tmp_path / name)
    content = (tmp_path / "a.svg").read_text()
    assert content == (tmp_path / "b.svg").read_text()
    for words in ("RT critics, real scales", "MOSEI, strong, 7 labels", "helps", "level", "hurts"):
        assert f"<!-- {words} -->" in content
