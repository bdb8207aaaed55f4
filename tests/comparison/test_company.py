from dataclasses import replace

import numpy as np
import pytest

from pipeline.comparison.bootstrap import Bootstrap
from pipeline.comparison.company import adjusted_p_values
from pipeline.comparison.differences import compare_model
from pipeline.comparison.seen import seen, seen_sentence
from pipeline.evaluation.protocols import MOSI
from tests.comparison.repositories import split_predictions


def compared(base, experiment, *, metrics=("mae",)):
    return compare_model(
        base,
        experiment,
        model="grcf",
        metrics=[MOSI.metric(name) for name in metrics],
        confidence=0.95,
        bootstrap=Bootstrap(n_resamples=200),
    )


def other(seed, *, noise=0.5, bias=0.0):
    split = split_predictions("valid")
    rng = np.random.default_rng(seed)
    rows = split.truth * (1 - bias) + noise * rng.normal(size=split.models["grcf"].shape)
    return replace(split, models={**split.models, "grcf": rows})


def test_an_experiment_is_less_clear_in_company_and_a_copy_of_it_costs_nothing():
    base = split_predictions("valid")
    clear, *rest = [
        compared(base, other(1, noise=0.42)).measured,
        *(compared(base, other(n)).measured for n in range(2, 14)),
    ]
    alone, copied = adjusted_p_values([clear])[0][0], adjusted_p_values([clear, clear, clear])[0][0]
    assert adjusted_p_values([clear, *rest])[0][0] > alone
    assert copied == alone


def test_the_best_of_many_equals_is_rarely_beyond_chance():
    base = other(0)
    least = [
        min(
            value
            for (value,) in adjusted_p_values(
                [compared(other(100 * trial), other(100 * trial + n)).measured for n in range(1, 9)]
            )
        )
        for trial in range(1, 13)
    ]
    assert base is not None
    assert sum(value <= 0.05 for value in least) <= 2


def test_the_same_run_has_no_p_value_below_one_and_an_undefined_one_has_none():
    base = split_predictions("valid")
    flat = replace(base, models={**base.models, "grcf": np.zeros_like(base.models["grcf"])})
    same, undefined = (
        compared(base, base, metrics=("pearson",)),
        compared(base, flat, metrics=("pearson",)),
    )
    assert adjusted_p_values([same.measured, undefined.measured]) == [[1.0], [None]]
    assert same.measured[0].probability == 0.5


def test_the_probability_of_improvement_counts_pairs_of_seeds():
    base = split_predictions("valid")
    better, worse = (
        compared(base, other(1, noise=0.2)).measured[0],
        compared(base, other(1, noise=2.0)).measured[0],
    )
    assert better.probability > 0.99
    assert worse.probability < 0.01


def test_speakers_decide_where_there_are_enough_and_segments_stand_beside():
    base, experiment = split_predictions("valid"), other(3)
    speakers = tuple(f"s{number % 8}" for number in range(len(base.ids)))
    for both in ((True, True), (True, False)):
        pair = [
            replace(split, speaker=speakers if named else ())
            for split, named in zip((base, experiment), both, strict=True)
        ]
        found = compared(*pair)
        row = found.measured[0]
        assert found.units == ("speaker", 8)
        assert "over 8 speakers" in found.basis
        assert (row.segments_low, row.segments_high) == pytest.approx(
            [getattr(compared(base, experiment).measured[0], end) for end in ("ci_low", "ci_high")]
        )
        assert row.ci_low < row.difference < row.ci_high


def test_few_speakers_are_said_and_decide_nothing():
    base, experiment = split_predictions("valid"), other(3)
    speakers = tuple(f"s{number % 3}" for number in range(len(base.ids)))
    found = compared(replace(base, speaker=speakers), replace(experiment, speaker=speakers))
    assert "Valid has 3 speakers" in found.basis
    assert found.measured[0] == compared(base, experiment).measured[0]


def test_noise_says_what_could_have_been_seen():
    base = split_predictions("valid")
    model = compared(base, other(5))
    text = seen_sentence("same", model.measured, model, confidence=0.95)
    found = seen(model.measured[0], alpha=0.05)
    assert text.startswith(
        f"Could have seen: a difference in mae of grcf on valid from {found.detectable:.4f} (80 % power"
    )
    assert seen_sentence("better", model.measured, model, confidence=0.95) is None
    same = compared(base, base)
    assert seen_sentence("same", same.measured, same, confidence=0.95) is None
