from dataclasses import replace

import numpy as np
import pytest

from pipeline.comparison.bootstrap import Bootstrap
from pipeline.comparison.differences import compare_model, data_difference, with_ensembles
from pipeline.errors import PipelineError
from pipeline.evaluation.own_metrics import OwnMetric, with_own_metrics
from pipeline.evaluation.protocols import MOSI
from pipeline.evaluation.statistics import paired_differences
from tests.comparison.repositories import split_predictions


def compare(base, experiment, model="grcf", **settings):
    settings = {
        "metrics": MOSI.metrics,
        "confidence": 0.95,
        "bootstrap": Bootstrap(n_resamples=200),
    } | settings
    compared = compare_model(base, experiment, model=model, **settings)
    return compared, {row.metric.name: row for row in compared.measured}


def width(row):
    return row.ci_high - row.ci_low


def test_equal_runs_differ_by_zero_with_an_interval_of_zero():
    _, rows = compare(split_predictions("valid"), split_predictions("valid"))
    assert len(rows) == len(MOSI.metrics)
    for row in rows.values():
        assert (row.difference, row.ci_low, row.ci_high, row.verdict) == (0.0, 0.0, 0.0, "same")


def test_a_sabotaged_run_is_clearly_worse():
    _, rows = compare(split_predictions("valid"), split_predictions("valid", noise=2.0))
    for name in ("mae", "pearson", "ordered_pair_accuracy", "acc7"):
        assert rows[name].verdict == "regression"


@pytest.mark.parametrize(("better", "verdict"), [("lower", "regression"), ("higher", "better")])
def test_a_metric_of_ones_own_is_judged_by_its_own_direction(monkeypatch, better, verdict):
    metric = OwnMetric(
        function=lambda label, prediction: np.abs(label - prediction).mean(),
        better=better,
        title="T",
        description="D",
    )
    monkeypatch.setattr("pipeline.evaluation.own_metrics.load_plugin", lambda reference, **_: metric)
    own = with_own_metrics(MOSI, ["file.py:own"]).metric("own")
    _, rows = compare(
        split_predictions("valid"), split_predictions("valid", noise=2.0), metrics=(MOSI.metric("mae"), own)
    )
    assert rows["own"].verdict == verdict
    assert (rows["own"].ci_low, rows["own"].ci_high) == pytest.approx(
        (rows["mae"].ci_low, rows["mae"].ci_high)
    )


def test_the_difference_is_the_experiment_less_the_base_with_the_interval_of_paired_differences():
    base, experiment = split_predictions("valid"), split_predictions("valid", noise=0.7)
    _, rows = compare(base, experiment)
    expected = paired_differences(
        base.truth,
        experiment.models["grcf"],
        base.models["grcf"],
        metrics=MOSI.metrics,
        n_resamples=200,
        confidence=0.95,
        seed=0,
        over="both",
    )["mae"]
    assert rows["mae"].difference == pytest.approx(expected.mean)
    assert (rows["mae"].ci_low, rows["mae"].ci_high) == pytest.approx((expected.ci_low, expected.ci_high))
    assert rows["mae"].base == pytest.approx(np.abs(base.models["grcf"] - base.truth).mean())


def test_runs_with_other_seeds_are_paired_by_those_in_common():
    base = split_predictions("valid", seeds=(1, 2, 3, 4))
    experiment = split_predictions("valid", seeds=(4, 3, 9))
    compared, rows = compare(base, experiment)
    assert "40 segments and 2 seeds (those in common: the base has 4, the experiment 3)" in compared.basis
    assert {row.difference for row in rows.values()} == {0.0}


def test_one_common_seed_leaves_an_interval_over_segments_alone():
    base, experiment = (
        split_predictions("valid", seeds=(1, 2)),
        split_predictions("valid", seeds=(2, 3), noise=2.0),
    )
    compared, rows = compare(base, experiment)
    assert "1 seed (those" in compared.basis
    assert "over segments alone" in compared.basis
    assert rows["mae"].verdict == "regression"


def test_without_a_common_seed_the_segments_are_paired_and_the_seeds_are_not():
    compared, rows = compare(
        split_predictions("valid", seeds=(1, 2, 3)), split_predictions("valid", seeds=(4, 5, 6))
    )
    assert compared.paired == "segments"
    assert compared.basis.startswith("The runs have no seed in common. Paired over 40 segments, but not")
    assert all(row.verdict in ("same", "worse within noise") for row in rows.values())
    paired = compare(split_predictions("valid"), split_predictions("valid"))[1]
    assert width(rows["mae"]) > width(paired["mae"])


def test_other_segments_are_changed_data_with_an_interval_that_is_unpaired_and_wide():
    base = split_predictions("valid")
    compared, rows = compare(base, split_predictions("valid", n_segments=38))
    assert compared.paired == "nothing"
    assert compared.basis.startswith("The data changed: 2 segments only in the base (such as valid_038)")
    assert "Unpaired (3 seeds on 40 segments against 3 seeds on 38 segments)" in compared.basis
    assert rows["mae"].difference == pytest.approx(rows["mae"].experiment - rows["mae"].base)
    alone = np.abs(base.models["grcf"] - base.truth).mean(axis=0).std() / np.sqrt(40)
    assert width(rows["mae"]) > 2 * 1.96 * alone


@pytest.mark.parametrize(
    ("seeds", "others", "paired", "unpaired"),
    [
        ((1, 2), (3, 4), "over segments, and over the seeds of either run", "over the seeds and segments of either run"),
        ((1,), (3, 4), "over segments, and over the seeds of the experiment alone", "own, and over the seeds of the experiment alone"),
        ((1, 2), (3,), "over segments, and over the seeds of the base alone", "own, and over the seeds of the base alone"),
        ((1,), (3,), "over segments alone", "over the segments of either run on its own,"),
    ],
)  # fmt: skip
def test_intervals_are_said_to_be_over_seeds_of_the_sides_that_have_several(seeds, others, paired, unpaired):
    base = split_predictions("valid", seeds=seeds)
    assert paired in compare(base, split_predictions("valid", seeds=others))[0].basis
    assert unpaired in compare(base, split_predictions("valid", seeds=others, n_segments=38))[0].basis


def test_seeds_that_exchange_their_values_differ_by_nothing_in_the_sample_and_by_nothing_behind_the_last_digit():
    base = split_predictions("valid", seeds=(1, 2, 3))
    turned = replace(base, models={**base.models, "grcf": base.models["grcf"][[2, 0, 1]]})
    _, rows = compare(base, turned, metrics=(MOSI.metric("acc7"),))
    draws = rows["acc7"].draws
    assert ((draws == 0.0) | (abs(draws) > 1e-6)).all()
    assert (draws == 0.0).any()


def test_a_model_without_seeds_is_on_segments_and_has_no_seed():
    basis = compare(split_predictions("valid"), split_predictions("valid", n_segments=38), model="median")[
        0
    ].basis
    assert "Unpaired (40 segments against 38 segments)" in basis
    assert "seed" not in basis


def test_another_label_is_changed_data():
    base = split_predictions("valid")
    truth = base.truth.copy()
    truth[7] += 0.5
    assert (
        data_difference(base, replace(base, truth=truth))
        == "1 segment with another label (such as valid_007)"
    )


def test_the_same_segments_in_another_order_are_the_same_data():
    base = split_predictions("valid")
    turned = replace(
        base,
        ids=base.ids[::-1],
        truth=base.truth[::-1].copy(),
        models={model: rows[:, ::-1].copy() for model, rows in base.models.items()},
    )
    _, rows = compare(base, turned)
    assert {row.difference for row in rows.values()} == {0.0}
    assert rows["mae"].ci_low == 0.0


def test_a_model_without_seeds_is_compared_over_segments():
    compared, rows = compare(split_predictions("valid"), split_predictions("valid"), model="median")
    assert compared.basis.startswith("Paired over 40 segments;")
    assert (rows["mae"].ci_low, rows["mae"].ci_high) == (0.0, 0.0)


def test_an_undefined_metric_has_its_reason_and_stops_nothing():
    _, rows = compare(split_predictions("valid"), split_predictions("valid"), model="median")
    assert (rows["pearson"].base, rows["pearson"].difference, rows["pearson"].verdict) == (None, None, None)
    assert "all predictions are equal" in rows["pearson"].reason


def test_a_model_that_a_run_lacks_is_a_sentence():
    base = split_predictions("valid")
    without = replace(base, models={"pointwise": base.models["pointwise"]})
    with pytest.raises(PipelineError, match="of the experiment hold no model 'grcf', only pointwise"):
        compare(base, without)


def test_an_ensemble_is_the_mean_of_the_seeds_paired_over_segments():
    base, experiment, note = with_ensembles(
        *(split_predictions("valid", noise=noise) for noise in (0.5, 0.7)), "grcf"
    )
    compared, rows = compare(base, experiment, model="grcf_ensemble")
    errors = [np.abs(each.models["grcf"].mean(axis=0) - each.truth).mean() for each in (base, experiment)]
    assert rows["mae"].difference == pytest.approx(errors[1] - errors[0])
    assert rows["mae"].ci_low < errors[1] - errors[0] < rows["mae"].ci_high
    assert "segments alone" in compared.basis
    assert note is None


@pytest.mark.parametrize("turned", [False, True])
def test_ensembles_are_of_the_seeds_in_common_so_that_more_seeds_are_no_progress(turned):
    few, many = split_predictions("valid", seeds=(7, 2)), split_predictions("valid", seeds=range(1, 11))
    base, experiment, note = with_ensembles(*((many, few) if turned else (few, many)), "grcf")
    _, rows = compare(base, experiment, model="grcf_ensemble")
    assert {row.difference for row in rows.values()} == {0.0}
    assert note == "Both are ensembles of 2 seeds (the seeds in common)."


def test_ensembles_without_a_seed_in_common_are_of_as_many_seeds():
    base, experiment, note = with_ensembles(
        split_predictions("valid", seeds=(1, 2)), split_predictions("valid", seeds=(9, 8, 7, 6)), "grcf"
    )
    np.testing.assert_allclose(
        experiment.models["grcf_ensemble"][0], experiment.models["grcf"][2:].mean(axis=0)
    )
    np.testing.assert_allclose(base.models["grcf_ensemble"][0], base.models["grcf"].mean(axis=0))
    assert note.startswith("Both are ensembles of 2 seeds (the first of each")


@pytest.mark.parametrize("seeds", [(1,), (3, 4)])
def test_one_seed_is_no_ensemble(seeds):
    """Of (1, 2, 3) and (3, 4) a single seed is in common."""
    base, experiment = split_predictions("valid"), split_predictions("valid", seeds=seeds)
    assert with_ensembles(base, experiment, "grcf") == (base, experiment, None)
