"""A restored model gives the same answers however often, for whichever seeds and in whichever order it is asked."""

import dataclasses

import numpy as np
import pytest

from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.grcf import scoring
from pipeline.grcf.perturbations import with_noise, without_words
from pipeline.grcf.scoring import Scorer, hidden_subsets, predict, predict_perturbed
from tests.grcf.models import pointwise, rank, stage_two
from tests.grcf.synthetic import make_split


@pytest.fixture(scope="module")
def checkpoints(train, valid):
    return [rank(train, valid, seed=seed) for seed in (4, 2)]


def test_a_scorer_that_is_asked_again_answers_as_one_that_is_asked_once(checkpoints, train, valid):
    scorer = Scorer(checkpoints, device="cpu")
    for split in (valid, train, valid):
        np.testing.assert_array_equal(scorer.predict(split), predict(checkpoints, split, device="cpu"))
        np.testing.assert_array_equal(
            scorer.predict(split, hidden={"text"}),
            predict(checkpoints, split, hidden={"text"}, device="cpu"),
        )


def test_seeds_choose_rows(checkpoints, valid):
    scorer = Scorer(checkpoints, device="cpu")
    assert scorer.seeds == (4, 2)
    every = scorer.predict(valid)
    assert not np.array_equal(every[0], every[1])
    np.testing.assert_array_equal(scorer.predict(valid, seeds=[2]), every[1:])
    np.testing.assert_array_equal(scorer.predict(valid, seeds=[2, 4]), every[::-1])


def test_a_score_is_a_linear_function_of_the_representation(checkpoints, valid):
    represented = Scorer(checkpoints, device="cpu").represent(valid)
    scores = predict(checkpoints, valid, device="cpu")
    for checkpoint, vectors, score in zip(checkpoints, represented, scores, strict=True):
        weight, bias = (checkpoint.tensors[f"network.head.{name}"] for name in ("weight", "bias"))
        np.testing.assert_allclose(vectors @ weight[0] + bias[0], score, atol=1e-5)


def test_every_present_modality_is_left_out_once_and_alone_once(valid):
    names = list(hidden_subsets(valid))
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
    assert hidden_subsets(valid)["without text"] == {"text"}
    assert hidden_subsets(valid)["only text"] == {"audio", "visual"}


LEVELS = (0.0, 0.3, 0.9, 1.0)


def predict_both(checkpoints, split, perturbation, levels=LEVELS) -> np.ndarray:
    scorer = Scorer(checkpoints, device="cpu")
    return predict_perturbed(
        {"a": scorer},
        split,
        perturbation,
        modalities=frozenset({"text", "audio"}),
        levels=levels,
        seed=2,
        clean={"a": scorer.predict(split, seeds=[2])[0]},
    )["a"]


@pytest.mark.parametrize("perturbation", [without_words, with_noise])
@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_levels_in_one_pass_are_predicted_as_each_is_alone(
    checkpoints, valid, perturbation, at_once, monkeypatch
):
    n_numbers = sum(rows.size for rows in valid.features.values())
    monkeypatch.setattr(scoring, "_NUMBERS_AT_ONCE", at_once * n_numbers)

    found = predict_both(checkpoints, valid, perturbation)

    alone = [
        perturbation(valid, modalities=frozenset({"text", "audio"}), level=level, seed=2) for level in LEVELS
    ]
    alone = [predict(checkpoints[1:], copy, device="cpu")[0] for copy in alone]
    np.testing.assert_allclose(found, np.stack(alone), rtol=0, atol=1e-5)
    assert found.shape == (4, len(valid))
    assert np.ptp(found, axis=0).max() > 0.01


@pytest.mark.parametrize("perturbation", [without_words, with_noise])
def test_a_large_split_is_perturbed_a_piece_at_a_time_and_predicted_as_the_whole(
    checkpoints, perturbation, monkeypatch
):
    split = make_split("valid", 700, seed=8)
    n_numbers = sum(rows.size for rows in split.features.values())
    monkeypatch.setattr(scoring, "_NUMBERS_AT_ONCE", n_numbers)  # whole, one level in a pass
    whole = predict_both(checkpoints, split, perturbation)

    largest = 0
    apply = perturbation.apply

    def watched(piece, drawn, level):
        nonlocal largest
        largest = max(largest, len(piece))
        assert level > 0  # what nothing changes is not predicted again
        return apply(piece, drawn, level)

    monkeypatch.setattr(scoring, "_NUMBERS_AT_ONCE", n_numbers // 3)
    by_piece = predict_both(checkpoints, split, dataclasses.replace(perturbation, apply=watched))
    assert largest == 256
    # The last piece is small enough for several levels in one pass, which is another order of the same sums.
    np.testing.assert_array_equal(by_piece[:, :512], whole[:, :512])
    np.testing.assert_allclose(by_piece, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("levels", [(0.0,), (0.0, 0.9), (0.9, 0.0, 0.5)])
def test_at_level_0_a_large_split_has_the_predictions_that_it_has_as_it_is(checkpoints, monkeypatch, levels):
    split = make_split("valid", 700, seed=8)
    monkeypatch.setattr(scoring, "_NUMBERS_AT_ONCE", sum(rows.size for rows in split.features.values()) // 3)

    found = predict_both(checkpoints, split, with_noise, levels)

    clean = predict(checkpoints[1:], split, device="cpu")[0]
    assert found.shape == (len(levels), 700)
    for level, row in zip(levels, found, strict=True):
        assert np.array_equal(row, clean) == (level == 0)


def without(split, modality):
    """The split as if nobody had recorded a modality."""
    absent = np.zeros_like(split.valid[modality])
    return dataclasses.replace(split, valid={**split.valid, modality: absent})


@pytest.mark.parametrize("stage", ["rank", "pointwise", "calibrate"])
def test_what_train_lacks_counts_for_nothing_wherever_it_is_there(train, valid, stage):
    """As where one corpus of a pool has no sound, and the others that are measured have."""
    silent = without(train, "audio")
    ranked = rank(silent, valid) if stage != "pointwise" else None
    checkpoint = {
        "rank": lambda: ranked,
        "pointwise": lambda: pointwise(silent, valid),
        "calibrate": lambda: stage_two(ranked, silent, valid, "all"),
    }[stage]()
    assert checkpoint.network["unlearnt"] == ["audio"]
    again = Checkpoint.from_bytes(checkpoint.to_bytes())
    found = predict([again], valid, device="cpu")
    np.testing.assert_array_equal(found, predict([again], without(valid, "audio"), device="cpu"))
    np.testing.assert_array_equal(found, predict([again], valid, hidden={"audio"}, device="cpu"))
    assert not np.array_equal(found, predict([again], valid, hidden={"text"}, device="cpu"))
    represent = Scorer([again], device="cpu").represent
    np.testing.assert_array_equal(represent(valid), represent(without(valid, "audio")))
    # The epoch was chosen by what the model does, too.
    of_valid = {"rank": rank, "pointwise": pointwise}.get(stage)
    if of_valid is not None:
        assert of_valid(silent, without(valid, "audio")).to_bytes() == checkpoint.to_bytes()


def test_a_model_that_learnt_from_all_says_nothing_of_it(checkpoints):
    assert all("unlearnt" not in checkpoint.network for checkpoint in checkpoints)
