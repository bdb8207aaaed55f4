"""Stage 1 learns an order, stage 2 gives it a magnitude without undoing it, the baseline knows nothing of margins."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import kendalltau

from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.evaluation.selection import mean_absolute_error, ordered_pair_accuracy
from pipeline.grcf.calibrate import calibrate
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.pointwise import train_pointwise
from pipeline.grcf.rank import describe_distributions, describe_group_pairs, pair_values, train_ranking
from pipeline.grcf.scoring import ALL, missing_kinds, modality_subsets, predict, without_words
from tests.grcf.synthetic import make_split

NETWORK = NetworkSettings(fusion="attention_pooling", width=16, dropout=0.1)
SETTINGS = TrainingSettings(
    epochs=12, batch_size=24, learning_rate=5e-3, weight_decay=0.01, modality_dropout=0.1, precision="float32"
)
MARGIN = MarginSettings(
    groups="integer", base=0.2, slope=0.2, distance="group", shape="softplus", smoothing=1.0
)
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)
COMMON = {"settings": SETTINGS, "device": "cpu", "made_with": {"torch": "test"}}


def rank(train, valid, *, seed=1, objective="groupwise", margin=MARGIN, advantage=ADVANTAGE, **changes):
    return train_ranking(
        train,
        valid,
        seed=seed,
        network=NETWORK,
        objective=objective,
        margin=margin,
        advantage=advantage,
        **(COMMON | changes),
    )


def stage_two(ranked, train, valid, scope, *, beta=0.0, **changes):
    return calibrate(
        ranked,
        train,
        valid,
        scope=scope,
        n_knots=3,
        beta=beta,
        margin=MARGIN,
        advantage=ADVANTAGE,
        **(COMMON | changes),
    )


def pointwise(train, valid, *, select_by="magnitude", calibration="none", **changes):
    return train_pointwise(
        train,
        valid,
        seed=1,
        network=NETWORK,
        select_by=select_by,
        calibration=calibration,
        n_knots=3,
        **(COMMON | changes),
    )


@pytest.fixture(scope="module")
def ranked(train, valid) -> Checkpoint:
    return rank(train, valid)


def test_stage_one_learns_the_order(ranked, valid):
    assert ordered_pair_accuracy(valid.labels, predict([ranked], valid, device="cpu")[0]) > 0.85


def test_the_kept_epoch_is_the_best_on_valid(ranked, valid):
    best = max(row["valid_ordered_pair_accuracy"] for row in ranked.curve)
    kept = next(row for row in ranked.curve if row["epoch"] == ranked.selected_epoch)
    assert kept["valid_ordered_pair_accuracy"] == best
    assert ordered_pair_accuracy(valid.labels, predict([ranked], valid, device="cpu")[0]) == pytest.approx(
        best
    )


@pytest.mark.parametrize("scope", ["affine", "monotone"])
def test_a_calibration_that_cannot_break_the_order_does_not(ranked, train, valid, scope):
    before = predict([ranked], valid, device="cpu")[0]
    after = predict([stage_two(ranked, train, valid, scope)], valid, device="cpu")[0]
    assert kendalltau(before, after).statistic == pytest.approx(1)
    assert mean_absolute_error(valid.labels, after) < mean_absolute_error(valid.labels, before)


@pytest.mark.parametrize("scope", ["affine", "monotone", "head", "all"])
def test_stage_two_starts_from_the_weights_of_stage_one(ranked, train, valid, scope):
    calibrated = stage_two(ranked, train, valid, scope)
    changed = {
        name
        for name, value in ranked.tensors.items()
        if name.startswith("network.") and not np.array_equal(value, calibrated.tensors[name])
    }
    if scope in ("affine", "monotone"):
        assert not changed
    elif scope == "head":
        assert all(name.startswith("network.head.") for name in changed)
    # A network drawn afresh would be far away; a tuned one is near.
    name = "network.fusion.pool.text.encode.0.weight"
    other = rank(train, valid, seed=9).tensors[name]
    assert (
        np.abs(calibrated.tensors[name] - ranked.tensors[name]).max()
        < 0.5 * np.abs(other - ranked.tensors[name]).max()
    )


def test_tuning_never_ends_worse_on_valid_than_the_affine_fit(ranked, train, valid):
    errors = {
        scope: mean_absolute_error(
            valid.labels, predict([stage_two(ranked, train, valid, scope)], valid, device="cpu")[0]
        )
        for scope in ("affine", "head", "all")
    }
    assert errors["head"] <= errors["affine"] + 1e-12
    assert errors["all"] <= errors["affine"] + 1e-12


def test_beta_keeps_the_ranking_loss_in_stage_two(ranked, train, valid):
    plain, kept = (stage_two(ranked, train, valid, "all", beta=beta) for beta in (0.0, 1.0))
    assert plain.curve[1]["train_loss"] < kept.curve[1]["train_loss"]


@pytest.mark.parametrize(
    ("margin", "advantage"),
    [
        ({"base": 0.9}, {}),
        ({"slope": 0.7}, {}),
        ({"smoothing": 0.0}, {}),
        ({"shape": "quadratic"}, {}),
        ({}, {"strength": 2.0}),
        ({}, {"cap": 1.1}),
        ({}, {"scope": "anchor"}),
    ],
)
def test_every_switch_changes_the_weights(ranked, train, valid, margin, advantage):
    other = rank(train, valid, margin=replace(MARGIN, **margin), advantage=replace(ADVANTAGE, **advantage))
    assert not np.array_equal(other.tensors["network.head.weight"], ranked.tensors["network.head.weight"])


def test_the_same_seed_gives_the_same_bytes(ranked, train, valid):
    assert rank(train, valid).to_bytes() == ranked.to_bytes()


def test_another_seed_gives_other_weights(ranked, train, valid):
    assert rank(train, valid, seed=2).to_bytes() != ranked.to_bytes()


def test_a_checkpoint_survives_its_file(ranked, valid):
    again = Checkpoint.from_bytes(ranked.to_bytes())
    np.testing.assert_array_equal(
        predict([again], valid, device="cpu"), predict([ranked], valid, device="cpu")
    )


def test_the_baseline_starts_from_the_same_weights_and_learns_magnitude(train, valid):
    baseline = pointwise(train, valid)
    predictions = predict([baseline], valid, device="cpu")[0]
    constant = mean_absolute_error(valid.labels, np.full(len(valid), baseline.best_constant))
    assert mean_absolute_error(valid.labels, predictions) < 0.8 * constant


def test_other_columns_are_refused(ranked, valid):
    other = make_split("valid", 9, seed=3, n_columns={"text": 5, "audio": 2, "visual": 3})
    with pytest.raises(PipelineError, match="4 audio columns"):
        predict([ranked], other, device="cpu")


def test_a_diverging_loss_is_a_sentence(train, valid):
    with pytest.raises(PipelineError, match="lower the learning rate"):
        rank(train, valid, settings=replace(SETTINGS, learning_rate=1e30))


def pairs_of(checkpoint, train):
    return pair_values(checkpoint, train, batch_size=24, margin=MARGIN, advantage=ADVANTAGE, device="cpu")


def test_group_pairs_tell_what_was_compared(ranked, train):
    for row in describe_group_pairs(pairs_of(ranked, train)):
        assert row.group_above > row.group_below
        assert row.margin == pytest.approx(0.2 + 0.2 * (row.group_above - row.group_below), abs=1e-6)
        assert 1 <= row.weight <= ADVANTAGE.cap
        assert 0 <= row.ordered <= 1


def test_a_distribution_holds_every_pair_once_and_none_outside(ranked, train):
    values = pairs_of(ranked, train)
    rows = list(describe_distributions([values, values]))
    for quantity in ("margin", "violation", "weight"):
        mine = [row for row in rows if row.quantity == quantity]
        assert sum(row.n_pairs for row in mine) == 2 * len(values.margin)
        assert sum(row.share for row in mine) == pytest.approx(1)
        found = getattr(values, quantity)
        assert min(row.low for row in mine) <= found.min()
        assert max(row.high for row in mine) >= found.max()


def test_a_distribution_tells_how_many_groups_apart(ranked, train):
    values = pairs_of(ranked, train)
    for row in describe_distributions([values]):
        # The margin of these settings grows by 0.2 with each group.
        if row.quantity == "margin":
            assert row.low - 1e-6 <= 0.2 + 0.2 * row.distance <= row.high + 1e-6


def test_no_pairs_have_no_distribution(ranked, train):
    values = pairs_of(ranked, train)
    none = replace(values, **{field.name: getattr(values, field.name)[:0] for field in fields(values)[1:]})
    assert list(describe_distributions([none])) == []


class TestWithoutWords:
    def test_about_the_rate_of_the_words_is_hidden(self, train):
        hidden = without_words(train, modalities=frozenset({"audio"}), rate=0.4, seed=1)
        left = hidden.valid["audio"].sum() / train.valid["audio"].sum()
        assert left == pytest.approx(0.6, abs=0.08)
        assert hidden.valid["text"] is train.valid["text"]

    def test_what_is_hidden_at_a_rate_is_hidden_at_a_higher_one(self, valid):
        masks = [
            without_words(valid, modalities=ALL, rate=rate, seed=1).valid["text"]
            for rate in (0.0, 0.3, 0.6, 0.9)
        ]
        np.testing.assert_array_equal(masks[0], valid.valid["text"])
        for low, high in pairwise(masks):
            assert not (high & ~low).any()

    def test_the_draws_of_a_modality_do_not_depend_on_the_others(self, valid):
        alone = without_words(valid, modalities=frozenset({"visual"}), rate=0.5, seed=1)
        together = without_words(valid, modalities=ALL, rate=0.5, seed=1)
        np.testing.assert_array_equal(alone.valid["visual"], together.valid["visual"])
        assert (together.valid["text"] != together.valid["visual"]).any()

    def test_other_seeds_hide_other_words(self, valid):
        one, other = (without_words(valid, modalities=ALL, rate=0.5, seed=seed) for seed in (1, 2))
        assert (one.valid["text"] != other.valid["text"]).any()

    def test_no_segment_is_left_out_where_nothing_remains(self, ranked, valid):
        nothing = without_words(valid, modalities=ALL, rate=1.0, seed=1)
        wanted = predict([ranked], valid, kept=frozenset(), device="cpu")
        np.testing.assert_array_equal(predict([ranked], nothing, device="cpu"), wanted)

    def test_words_that_are_hidden_hold_zeros(self, valid):
        hidden = without_words(valid, modalities=ALL, rate=0.5, seed=1)
        assert not hidden.features["text"][~hidden.valid["text"]].any()
        assert valid.features["text"][valid.valid["text"] & ~hidden.valid["text"]].any()

    def test_kinds_are_the_modalities_that_are_there_and_all(self, valid):
        assert list(missing_kinds(valid)) == ["text", "audio", "visual", "all"]


def test_every_present_modality_is_left_out_once_and_alone_once(valid):
    names = list(modality_subsets(valid))
    assert names == [
        "all",
        "without text",
        "without audio",
        "without visual",
        "only text",
        "only audio",
        "only visual",
        "nothing",
    ]


@pytest.mark.parametrize("objective", ["ranknet", "ranklist"])
def test_a_relative_learns_the_order_too(train, valid, objective):
    relative = rank(train, valid, objective=objective)
    assert relative.objective == objective
    assert ordered_pair_accuracy(valid.labels, predict([relative], valid, device="cpu")[0]) > 0.85


def test_representations_that_were_contrasted_need_only_a_new_last_layer(train, valid):
    contrasted = rank(train, valid, objective="rank_n_contrast")
    settings = replace(SETTINGS, epochs=30, learning_rate=2e-2)
    said = predict([stage_two(contrasted, train, valid, "head", settings=settings)], valid, device="cpu")[0]
    assert ordered_pair_accuracy(valid.labels, said) > 0.85


def test_without_stage_one_stage_two_starts_from_the_first_weights(train, valid):
    first = rank(train, valid, objective="none")
    assert first.selected_epoch == 0
    joint = stage_two(first, train, valid, "all", beta=0.5)
    assert joint.objective == "absolute_error + ranking"
    assert ordered_pair_accuracy(valid.labels, predict([joint], valid, device="cpu")[0]) > 0.85


@pytest.mark.parametrize("objective", ["rank_n_contrast", "none"])
@pytest.mark.parametrize("scope", ["affine", "monotone"])
def test_a_curve_over_scores_without_an_order_is_refused(train, valid, objective, scope):
    unordered = rank(train, valid, objective=objective, settings=replace(SETTINGS, epochs=1))
    with pytest.raises(PipelineError, match=r"set calibrate\.scope to head or all"):
        stage_two(unordered, train, valid, scope)


@pytest.mark.parametrize("calibration", ["affine", "monotone"])
def test_a_curve_never_makes_the_baseline_worse_on_valid(train, valid, calibration):
    plain, curved = (pointwise(train, valid, calibration=chosen) for chosen in ("none", calibration))
    errors = [
        mean_absolute_error(valid.labels, predict([model], valid, device="cpu")[0])
        for model in (plain, curved)
    ]
    assert errors[1] <= errors[0]
    assert np.array_equal(plain.tensors["network.head.weight"], curved.tensors["network.head.weight"])


def test_the_baseline_may_be_chosen_by_order(train, valid):
    chosen = pointwise(train, valid, select_by="order")
    best = max(row["valid_ordered_pair_accuracy"] for row in chosen.curve)
    assert chosen.curve[chosen.selected_epoch - 1]["valid_ordered_pair_accuracy"] == best
