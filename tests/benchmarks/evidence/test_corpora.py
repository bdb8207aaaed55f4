"""The corpora of the map: who rated, what is divided by what, and how seeds meet draws."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evidence import trial
from benchmarks.evidence.conditions import CONDITIONS, spoilt
from benchmarks.evidence.corpora import RATED, READERS, Corpus, read_corpus
from benchmarks.evidence.trial import Trial, assignment, divided, paired, run_trial
from pipeline.errors import PipelineError

SHARED = Path(os.environ.get("GRCF_SHARED_DATA", Path(__file__).parents[4] / "shared/data"))


def make_corpus(n: int = 80, n_raters: int = 4) -> Corpus:
    rng = np.random.default_rng(0)
    names = tuple(f"review {i}" for i in range(n))
    vectors = rng.normal(size=(n, 6)).astype(np.float32)
    return Corpus(
        "made",
        ids=names,
        text=("",) * n,
        label=np.clip(vectors[:, 0].astype(np.float64), -3, 3),
        video=names,
        rater=tuple(f"rater {i % n_raters}" for i in range(n)),
        split=tuple(("train", "train", "valid", "test")[i // 4 % 4] for i in range(n)),
        sound=np.zeros((n, 0), np.float32),
        vectors=vectors,
        steps=4,
    )


@pytest.fixture
def made(monkeypatch, tmp_path):
    corpus = make_corpus()
    monkeypatch.setattr(trial, "read_corpus", lambda name, data: corpus)
    divided.cache_clear()
    yield tmp_path
    divided.cache_clear()


def test_raters_reach_the_split_that_is_trained_on(made):
    parts = divided("made", "standard", made, side_by_side=False)
    assert set(parts["train"].rater) == {f"rater {i}" for i in range(4)}
    assert set(parts["train"].rater) != set(parts["train"].video)


def test_seed_and_draw_are_drawn_apart(made):
    """The same draw gives the same labels to any seed; another seed or another draw trains another model."""
    train = divided("made", "standard", made, side_by_side=False)["train"]
    labels = [spoilt(train, CONDITIONS["raters_strong"], draw=draw).labels for draw in (1, 1, 2)]
    assert np.array_equal(labels[0], labels[1])
    assert not np.array_equal(labels[0], labels[2])
    predicted = {
        (seed, draw): run_trial(
            Trial("made", "standard", "raters_strong", "mae", seed, draw, "plain"), data=made
        ).prediction["test"]
        for seed, draw in ((1, 1), (2, 1), (1, 2))
    }
    assert not np.array_equal(predicted[1, 1], predicted[2, 1])
    assert not np.array_equal(predicted[1, 1], predicted[1, 2])


def test_seeds_meet_the_draws_in_turn():
    assert paired("raters_mild", seeds=[1, 2, 3, 4], draws=[7, 8]) == [(1, 7), (2, 8), (3, 7), (4, 8)]
    assert paired("clean", seeds=[1, 2], draws=[7, 8]) == [(1, 0), (2, 0)]
    with pytest.raises(PipelineError, match="2 draws for 1 seeds"):
        paired("share_10", seeds=[1], draws=[7, 8])


def test_a_split_by_rater_trains_on_the_others():
    corpus = make_corpus()
    parts = assignment(corpus, "rater 2")
    for part, published, rater in zip(parts, corpus.split, corpus.rater, strict=True):
        assert part == (published if (published == "train") != (rater == "rater 2") else "")
    assert {"train", "valid", "test"} <= set(parts)


@pytest.mark.parametrize("has_raters", [True, False])
def test_a_split_that_there_is_not_is_refused(has_raters):
    corpus = make_corpus()
    corpus = corpus if has_raters else replace(corpus, rater=corpus.video)
    with pytest.raises(PipelineError, match="rater 0" if has_raters else "a number$"):
        assignment(corpus, "nobody")


def test_another_split_divides_no_video():
    corpus = replace(make_corpus(), video=tuple(f"video {i // 4}" for i in range(80)))
    parts = assignment(corpus, "501")
    assert set(parts) == {"train", "valid", "test"}
    assert len(set(zip(corpus.video, parts, strict=True))) == 20
    assert parts != assignment(corpus, "502")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no corpora at {SHARED}; set GRCF_SHARED_DATA")
@pytest.mark.parametrize("name", READERS)
def test_every_corpus_is_whole(name):
    corpus = read_corpus(name, SHARED)
    n = len(corpus.ids)
    assert n == len(set(corpus.ids)) == len(corpus.label) == len(corpus.rater) == len(corpus.sound)
    assert np.isfinite(corpus.label).all()
    assert 0.3 < corpus.label.std() < 2
    assert corpus.vectors is None or (corpus.vectors.shape[0] == n and np.isfinite(corpus.vectors).all())
    assert corpus.vectors is not None or all(corpus.text[:100])
    assert len(set(zip(corpus.video, corpus.split, strict=True))) == len(set(corpus.video))
    assert (corpus.rater != corpus.video) == (name in RATED)
