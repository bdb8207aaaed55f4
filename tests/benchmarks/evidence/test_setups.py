"""The set-ups of the map: what they see of a text, and the folds that they are chosen on."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evidence import setups
from benchmarks.evidence.setups import PLAIN, STRONG, Learning, best_on_folds
from benchmarks.evidence.trial import Trial, key_of
from benchmarks.evidence.tuning import N_FOLDS, RATER_METHODS, candidates, divided_for
from benchmarks.evidence.vectors import vectors_of
from pipeline.artifacts.formats.files import write_json
from pipeline.errors import PipelineError
from tests.benchmarks.evidence.test_corpora import make_corpus


@pytest.mark.slow
def test_layers_side_by_side_hold_what_their_mean_holds(monkeypatch, tmp_path):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    text = ["i would see it again", "", "a word too many"]
    beside, mean = (
        vectors_of(text, max_words=3, side_by_side=side_by_side, title="Vectors")
        for side_by_side in (True, False)
    )
    assert (beside.shape, mean.shape) == ((3, 3 * 384), (3, 384))
    np.testing.assert_allclose(beside.reshape(3, 3, 384).mean(axis=1), mean, atol=1e-5)
    assert not beside[1].any()


def test_folds_hold_out_every_video_once_and_never_the_published_test():
    corpus = replace(make_corpus(320), video=tuple(f"video {i // 4}" for i in range(320)))
    held = []
    for fold in range(N_FOLDS):
        parts = divided_for(fold, corpus)
        by_part = {
            part: {v for v, p in zip(corpus.video, parts, strict=True) if p == part} for part in set(parts)
        }
        assert sum(map(len, by_part.values())) == 80
        assert by_part[""] == {v for v, p in zip(corpus.video, corpus.split, strict=True) if p == "test"}
        assert len(by_part["valid"]) == len(
            {v for v, p in zip(corpus.video, corpus.split, strict=True) if p == "valid"}
        )
        held += sorted(by_part["test"])
    assert sorted(held) == sorted({v for v, p in zip(corpus.video, corpus.split, strict=True) if p != "test"})


def test_both_sides_choose_from_the_same_rates_in_the_set_up_of_the_map():
    tried = {
        method: {
            (each.setup, each.learning)
            for each in candidates()
            if each.method == method and each.condition == "clean"
        }
        for method in ("mae", "grcf_all")
    }
    of_strong = [{learning for setup, learning in found if setup == STRONG.name} for found in tried.values()]
    assert of_strong[0] == of_strong[1]
    assert {STRONG.pointwise, STRONG.ranking} <= of_strong[0]
    assert {setup for setup, _ in tried["mae"]} == {PLAIN.name, STRONG.name}


def test_under_scales_of_raters_every_method_chooses_from_the_same_rates_batches_and_epochs():
    tried = [
        {
            (each.corpus, each.condition, each.fold, each.setup, each.learning)
            for each in candidates()
            if each.method == method and each.condition != "clean"
        }
        for method in RATER_METHODS
    ]
    assert all(each == tried[0] for each in tried)
    assert {learning.batch_size for *_, learning in tried[0]} == {64, 256}
    for corpus in {corpus for corpus, *_ in tried[0]}:
        rates = {learning.rate for name, *_, learning in tried[0] if name == corpus}
        assert len(rates) > 2


def test_a_set_up_learns_as_it_does_where_nothing_was_chosen_for_anybody():
    setup = replace(PLAIN, chosen={("mosi", "raters_strong", "mae"): Learning(0.25, 256)})
    at = setup.at("mosi", "raters_strong", "mae")
    assert (at.pointwise, at.ranking, at.network) == (Learning(0.25, 256), Learning(0.25, 256), PLAIN.network)
    assert setup.at("mosi", "clean", "grcf_all") is setup
    with pytest.raises(PipelineError, match=r"nothing was tried for grcf_all; run .* --methods grcf_all"):
        setup.at("mosi", "raters_strong", "grcf_all")


def test_the_candidate_with_the_lowest_error_on_the_folds_is_chosen(monkeypatch, tmp_path):
    def row(mae, rate, *, batch_size=64, epochs=1, method="mae", condition="raters_strong", setup="strong"):
        keys = ("corpus", "condition", "method", "setup", "mae", "rate", "batch_size", "epochs")
        return dict(zip(keys, ("mosi", condition, method, setup, mae, rate, batch_size, epochs), strict=True))

    rows = [
        row(0.8, 0.001),
        row(0.7, 0.002),
        row(0.6, 0.002, batch_size=256),
        row(0.65, 0.002, epochs=4),
        row(0.5, 0.005, method="grcf_within"),
        row(0.1, 0.005, condition="clean"),
        row(0.1, 0.005, setup="plain"),
    ]
    monkeypatch.setattr(setups, "TUNING", tmp_path / "tuning.json")
    assert best_on_folds("strong", with_batches=True) == {}
    write_json(tmp_path / "tuning.json", {"rows": rows})
    place = ("mosi", "raters_strong")
    of_ranking = {(*place, "grcf_within"): Learning(0.005)}
    assert best_on_folds("strong", with_batches=False) == {(*place, "mae"): Learning(0.002), **of_ranking}
    assert best_on_folds("strong", with_batches=True) == {(*place, "mae"): Learning(0.002, 256), **of_ranking}


def test_set_ups_that_learn_alike_share_their_models(monkeypatch):
    chosen = {("mosi", "raters_strong", "mae"): Learning(0.25, 256)}
    known = {"plain": PLAIN, "tuned": replace(PLAIN, name="tuned", chosen=chosen), "strong": STRONG}
    monkeypatch.setattr("benchmarks.evidence.trial.SETUPS", known)

    def key(setup, method="mae", condition="raters_strong"):
        return key_of(Trial("mosi", "standard", condition, method, 1, 1, setup), source="")

    assert key("tuned", condition="clean") == key("plain", condition="clean")
    assert len({key("tuned"), key("plain"), key("strong"), key("plain", "mae_profiled")}) == 4
