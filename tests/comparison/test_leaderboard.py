from dataclasses import replace

import numpy as np
import pytest

from pipeline.comparison.leaderboard import leaderboard, leaderboard_page
from pipeline.comparison.parameters import Parameter
from pipeline.comparison.runs import Run
from pipeline.evaluation.protocols import MOSI
from pipeline.history.revisions import Revision
from pipeline.pages.markdown import as_markdown
from pipeline.pages.text import as_text
from tests.comparison.repositories import split_predictions


def run(name, *, noise=0.5, doubts=(), seeds=(1, 2, 3), **parameters):
    return Run(
        revision=Revision(name, None),
        predictions={"valid": split_predictions("valid", noise=noise, seeds=seeds)},
        parameters={key: Parameter(value, str(value)) for key, value in parameters.items()},
        stages={},
        curves={},
        doubts=doubts,
    )


def board(*experiments):
    return leaderboard(run("base", base=0.2), experiments, protocol=MOSI, confidence=0.95, n_resamples=100)


def names(leaderboard):
    return [row.experiment.revision.name for row in leaderboard.rows]


def test_the_best_on_valid_comes_first():
    found = board(run("worse", noise=2.0), run("best", noise=0.1), run("middle"))
    assert names(found) == ["best", "middle", "worse"]
    assert found.best is found.rows[0]
    assert [row.judgement.verdict for row in found.rows] == ["better", "same", "regression"]


def test_equals_keep_the_order_in_which_they_were_given():
    assert names(board(run("b"), run("a"), run("c"))) == ["b", "a", "c"]


def test_each_row_is_judged_as_it_would_be_alone():
    alone = board(run("a", noise=0.7)).rows[0]
    among = next(
        row
        for row in board(run("b", noise=1.0), run("a", noise=0.7)).rows
        if row.experiment.revision.name == "a"
    )
    assert alone.headline == among.headline
    assert alone.judgement == among.judgement


def test_only_parameters_that_any_experiment_changed_are_keys():
    assert board(run("a", base=0.2, rate=1), run("b", base=0.3)).keys == ("base", "rate")
    assert board(run("a", base=0.2)).keys == ()


def test_few_parameters_have_a_column_each_and_many_share_one():
    text = as_text(leaderboard_page(board(run("a", base=0.3), run("b", base=0.2))))
    assert next(line for line in text.splitlines() if line.startswith("experiment")).endswith("verdict  base")
    many = {f"key{number}": number for number in range(6)}
    text = as_text(leaderboard_page(board(run("a", base=0.3, **many))))
    assert "base=0.3, key0=0, key1=1" in text


def test_a_run_on_other_data_is_marked_in_its_row():
    other = run("other")
    valid = other.predictions["valid"]
    moved = replace(other, predictions={"valid": replace(valid, truth=valid.truth + 1.0)})
    assert "(unpaired)" in as_text(leaderboard_page(board(moved)))


def test_an_experiment_without_a_value_comes_last():
    class_ = replace(MOSI, headline=("pearson", "mae", "ordered_pair_accuracy"))
    flat = run("flat")
    valid = flat.predictions["valid"]
    constant = replace(valid, models=valid.models | {"grcf": np.zeros_like(valid.models["grcf"])})
    found = leaderboard(
        run("base"),
        [replace(flat, predictions={"valid": constant}), run("bad", noise=3.0)],
        protocol=class_,
        confidence=0.95,
        n_resamples=100,
    )
    assert names(found) == ["bad", "flat"]
    assert "flat" in as_text(leaderboard_page(found)).split("bad ")[1]


def test_what_is_doubtful_about_a_row_has_its_name():
    text = as_text(leaderboard_page(board(run("a", doubts=("its lock is old.",)))))
    assert "Warning: a (files on disk): its lock is old." in text


@pytest.mark.parametrize("write", [as_text, as_markdown])
def test_the_selection_is_warned_of(write):
    assert "The best of many looks better than it is" in " ".join(
        write(leaderboard_page(board(run("a")))).split()
    )


def test_a_base_that_rows_measure_by_different_seeds_has_several_values():
    page = as_text(leaderboard_page(board(run("a"), run("b", seeds=(1,)))))
    one, three = (run("base", seeds=seeds).predictions["valid"] for seeds in ((1,), (1, 2, 3)))
    low, high = sorted(float(np.abs(split.models["grcf"] - split.truth).mean()) for split in (one, three))
    assert f"the base has {low:.4f} to {high:.4f}, by the seeds" in " ".join(page.split())
    same = as_text(leaderboard_page(board(run("a"), run("b"))))
    assert "by the seeds" not in same
