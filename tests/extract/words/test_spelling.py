import pytest

from pipeline.extract.tokens import tokenise
from pipeline.extract.words.spelling import Speller

UPPER = {letter: i for i, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ'", start=5)}
LOWER = {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyzäé", start=5)}
CHINESE = {letter: i for i, letter in enumerate("我喜欢电影", start=5)}
DELIMITER, ANYTHING = 4, 99


def spelt(labels: dict[str, int], *words: str, language: str = "en", delimiter: int | None = DELIMITER):
    return Speller(labels, delimiter, ANYTHING).spell(words, language=language)


def written(labels: dict[str, int], *words: str, **settings) -> str:
    names = {number: name for name, number in labels.items()} | {DELIMITER: "|", ANYTHING: "*"}
    return "".join(names[label] for label in spelt(labels, *words, **settings).labels)


@pytest.mark.parametrize(
    ("labels", "words", "expected"),
    [
        (UPPER, ["It's", "So", "good"], "IT'S|SO|GOOD"),
        (UPPER, ["it’s"], "IT'S"),
        (LOWER, ["It's", "GOOD"], "its|good"),
        (UPPER, ["Qué", "naïve"], "QUE|NAIVE"),
        (LOWER, ["Ärger", "qué"], "ärger|qué"),
        (LOWER, ["Straße"], "strasse"),
        (UPPER, ["well-known"], "WELLKNOWN"),
        (UPPER, ["42", "3.5", "b2b"], "FORTYTWO|THREEFIVE|BTWOB"),
        (CHINESE, ["我", "喜", "欢", "film"], "我喜欢|*"),
        (UPPER, ["我", "like"], "*|LIKE"),
    ],
)
def test_words_are_written_as_the_model_writes_them(labels, words, expected):
    assert written(labels, *words) == expected


def test_digits_of_another_language_are_not_read_as_english():
    assert written(UPPER, "en", "42", language="fr") == "EN|*"


def test_without_a_sign_between_words_they_touch():
    assert written(UPPER, "so", "good", delimiter=None) == "SOGOOD"


def test_every_word_owns_its_labels():
    found = spelt(UPPER, "so", "我", "ok")

    assert found.owner == (0, 0, None, 1, None, 2, 2)
    assert found.n_readable == 2


@pytest.mark.parametrize("language", ["en", "de"])
def test_dates_and_sums_of_money_have_a_time_like_any_word(language):
    """Where a word has no label, the words behind it would each get the time of the one before."""
    words = tokenise("On 15.09.2021 it cost $43,000 – 100 % of 3½ £")
    found = spelt(UPPER, *words, language=language)
    assert {"15.09.2021", "43,000"} <= set(words)
    assert {position for position in found.owner if position is not None} == set(range(len(words)))


def test_a_tokenizer_of_pieces_spells_word_by_word():
    def tokenizer(text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": {"well": [7, 8], "known": [9]}.get(text, [0])}

    speller = Speller({"we": 7, "ll": 8, "known": 9}, None, ANYTHING, tokenizer)

    assert speller.spell(["Well", "known", "42"], language="en").labels == (7, 8, 9, ANYTHING)
