"""Near-duplicates across splits are those that comparing everything with everything finds."""

import numpy as np

from pipeline.intake.duplicates import NearDuplicate, near_duplicates


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[k : k + 3]) for k in range(len(words) - 2)}


def by_comparing_all(texts: list[str], splits: list[str], threshold: float) -> list[NearDuplicate]:
    found = []
    for a in range(len(texts)):
        for b in range(a + 1, len(texts)):
            one, other = shingles(texts[a]), shingles(texts[b])
            similarity = len(one & other) / len(one | other)
            if splits[a] != splits[b] and similarity >= threshold:
                found.append(NearDuplicate(a, b, round(similarity, 3)))
    return found


def test_as_comparing_everything_with_everything():
    draw = np.random.default_rng(3)
    texts = []
    for _ in range(60):
        words = draw.integers(0, 400, 30).astype(str)
        texts.append(" ".join(words))
        for _ in range(3):
            changed = words.copy()
            changed[draw.integers(0, 30, draw.integers(0, 3))] = "other"
            texts.append(" ".join(changed))
    splits = draw.choice(["train", "valid", "test"], len(texts)).tolist()
    expected = by_comparing_all(texts, splits, 0.8)
    assert len(expected) > 40
    assert near_duplicates(texts, splits) == expected


def test_case_and_punctuation_are_no_difference():
    texts = ["I would see it again, and again!", "i would see it AGAIN and again"]
    assert near_duplicates(texts, ["train", "test"]) == [NearDuplicate(0, 1, 1.0)]


def test_a_character_of_chinese_is_a_word():
    texts = ["我不想嫁给李茶真的", "我不想嫁给李茶, 真的", "今天的天气还可以吧"]
    assert near_duplicates(texts, ["train", "test", "test"]) == [NearDuplicate(0, 1, 1.0)]


def test_short_sentences_and_the_same_split_are_no_duplicates():
    texts = [
        "thank you very much",
        "thank you very much",
        "this is one of six words",
        "this is one of six words",
    ]
    assert near_duplicates(texts, ["train", "test", "train", "train"]) == []


def test_many_copies_are_found_in_time_that_grows_with_their_number():
    texts = ["the same sentence in every single clip"] * 5000
    splits = ["train"] * 4000 + ["test"] * 1000
    touched = {pair.second for pair in near_duplicates(texts, splits)}
    assert touched >= set(range(4000, 5000))


def test_nothing_said_has_no_duplicates():
    assert near_duplicates([], []) == []
    assert near_duplicates(["", ""], ["train", "test"]) == []
