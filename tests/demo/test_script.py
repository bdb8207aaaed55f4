"""The script is as varied as demo/README.md states."""

from collections import Counter

import numpy as np
import pytest

from demo.script import SENTENCES

FELT = [sentence for sentence in SENTENCES if sentence.kind not in ("plain", "ironic")]


def test_kinds_have_the_stated_numbers():
    assert Counter(sentence.kind for sentence in SENTENCES) == {
        "direct": 58,
        "negated": 24,
        "contrast": 18,
        "mixed": 8,
        "understated": 7,
        "plain": 30,
        "ironic": 15,
    }


@pytest.mark.parametrize("kind", ["direct", "negated", "contrast", "understated"])
def test_a_kind_goes_both_ways(kind):
    signs = Counter(np.sign(sentence.meant) for sentence in FELT if sentence.kind == kind)
    assert min(signs[-1.0], signs[1.0]) >= 0.4 * signs.total()


def test_praise_and_blame_are_in_balance():
    assert abs(np.mean([sentence.meant for sentence in FELT])) < 0.1


def test_irony_is_praise_that_means_blame():
    assert all(sentence.meant < -1 for sentence in SENTENCES if sentence.kind == "ironic")


def test_ratings_are_on_the_scale_of_the_labels():
    assert all(-3 <= sentence.meant <= 3 for sentence in SENTENCES)
    assert all((sentence.meant == 0) for sentence in SENTENCES if sentence.kind == "plain")


def test_text_is_plain_ascii_sentences():
    for sentence in SENTENCES:
        assert sentence.text.isascii()
        assert sentence.text[0].isupper()
        assert sentence.text.endswith(".")
