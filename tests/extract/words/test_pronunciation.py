import itertools
import random
from pathlib import Path

import pocketsphinx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.tokens import tokenise
from pipeline.extract.words.pronunciation import folded, number_words, pronounce


@pytest.fixture(scope="module")
def dictionary():
    lines = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text().splitlines()
    entries = (line.split(maxsplit=1) for line in lines)
    return {word: phones for word, phones in entries if "(" not in word}


def nothing_known(word: str) -> None:
    return None


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("zellwegger", "Z EH L W EH G ER"),
        ("blorp", "B L AO R P"),
        ("snape", "S N EY P"),
        ("phishing", "F IH SH IH NG"),
        ("xkcd", "EH K S K EY S IY D IY"),
    ],
)
def test_letters_are_read_by_rules(word, phones):
    assert pronounce(word, look_up=nothing_known) == phones


@pytest.mark.parametrize(
    ("word", "as_if"),
    [
        ("3", ["three"]),
        ("3d", ["three", "d"]),
        ("42", ["forty", "two"]),
        ("1997", ["nineteen", "ninety", "seven"]),
        ("2000", ["two", "thousand"]),
        ("1900", ["nineteen", "hundred"]),
        ("5555", ["five", "thousand", "five", "hundred", "fifty", "five"]),
        ("90210", ["nine", "zero", "two", "one", "zero"]),
        ("lounge-airport", ["lounge", "airport"]),
        ("couldve", ["could've"]),
    ],
)
def test_parts_are_looked_up(word, as_if, dictionary):
    assert word not in dictionary
    assert pronounce(word, look_up=dictionary.get) == " ".join(dictionary[part] for part in as_if)


def test_a_word_of_another_script_has_no_sound():
    assert pronounce(folded("你好"), look_up=nothing_known) is None


@pytest.mark.parametrize(
    ("word", "name"), [("Café", "cafe"), ("DON’T", "don't"), ("ﬁlm", "film"), ("Ⅳ", "iv"), ("२", "२")]
)
def test_a_word_is_folded_to_the_spelling_of_the_dictionary(word, name):
    assert folded(word) == name


@settings(max_examples=20)  # hypothesis and a module's fixture: the dictionary is read once
@given(transcript=st.text())
def test_every_token_has_a_name_and_phones_of_the_model(dictionary, transcript):
    phones = set(itertools.chain.from_iterable(spoken.split() for spoken in dictionary.values()))
    for token in tokenise(transcript):
        name = folded(token)
        assert name
        assert not any(character.isspace() or character in "()+" for character in name)
        assert set((pronounce(name, look_up=nothing_known) or "").split()) <= phones


@given(st.from_regex("[a-z]+", fullmatch=True))
def test_every_english_spelling_has_a_sound(word):
    assert pronounce(word, look_up=nothing_known)


def test_rules_get_most_phones_of_the_dictionary_right(dictionary):
    words = [word for word in sorted(dictionary) if word.isalpha() and len(word) > 3]
    words = random.Random(1).sample(words, 2000)
    n_wrong = n_phones = 0
    for word in words:
        truth = dictionary[word].split()
        spoken = pronounce(word, look_up=nothing_known)
        n_wrong += edit_distance(truth, spoken.split())
        n_phones += len(truth)
    assert n_wrong / n_phones < 0.25


def edit_distance(truth: list[str], other: list[str]) -> int:
    row = list(range(len(other) + 1))
    for i, phone in enumerate(truth, 1):
        diagonal, row[0] = row[0], i
        for j, candidate in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (phone != candidate))
    return row[-1]


def test_numbers_up_to_four_digits_are_all_different():
    spoken = [" ".join(number_words(str(number))) for number in range(10_000)]
    assert len(set(spoken)) == len(spoken)
    assert all(word.isalpha() for word in set(itertools.chain.from_iterable(text.split() for text in spoken)))
