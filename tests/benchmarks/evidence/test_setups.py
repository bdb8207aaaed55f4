"""The set-ups of the map: what they see of a text, and the folds that they are chosen on."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evidence.setups import PLAIN, SETUPS, STRONG
from benchmarks.evidence.tuning import N_FOLDS, RATER_RATES, RESULTS, candidates, divided_for
from benchmarks.evidence.vectors import vectors_of
from pipeline.artifacts.files import read_json
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
            (each.setup, each.rate)
            for each in candidates()
            if each.method == method and each.condition == "clean"
        }
        for method in ("mae", "grcf_all")
    }
    of_strong = [{rate for setup, rate in found if setup == STRONG.name} for found in tried.values()]
    assert of_strong[0] == of_strong[1]
    assert {STRONG.pointwise_rate, STRONG.ranking_rate} <= of_strong[0]
    assert {setup for setup, _ in tried["mae"]} == {PLAIN.name, STRONG.name}


def test_a_set_up_keeps_its_rates_where_none_was_chosen():
    setup = replace(PLAIN, rates={("mosi", "raters_strong", "mae"): 0.25})
    at = setup.at("mosi", "raters_strong", "mae")
    assert (at.pointwise_rate, at.ranking_rate, at.network) == (0.25, 0.25, PLAIN.network)
    assert setup.at("mosi", "raters_strong", "grcf_all") is setup


@pytest.mark.parametrize("setup", [setup for setup in SETUPS.values() if setup.rates], ids=lambda s: s.name)
def test_rates_under_scales_of_raters_are_those_with_the_lowest_error_on_the_folds(setup):
    tried = [
        row
        for row in read_json(RESULTS)["rows"]
        if row["condition"] != "clean" and setup.name.startswith(row["setup"])
    ]
    for (corpus, condition, method), rate in setup.rates.items():
        of_method = [
            row
            for row in tried
            if (row["corpus"], row["condition"], row["method"]) == (corpus, condition, method)
        ]
        assert len(of_method) == len(RATER_RATES)
        assert rate == min(of_method, key=lambda row: row["mae"])["rate"]
    assert {(row["corpus"], row["condition"], row["method"]) for row in tried} == set(setup.rates)
