import pytest
import yaml

from pipeline.comparison.parameters import parameter_changes, read_parameters
from pipeline.errors import PipelineError


def read(text):
    return read_parameters(text, source="params.yaml of HEAD")


def changes(before, after):
    return [
        (
            change.key,
            None if change.base is None else change.base.written,
            None if change.experiment is None else change.experiment.written,
        )
        for change in parameter_changes(read(before), read(after))
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1e-05", "a: 0.00001"),
        ("a: 1e-05", "a: 1.0E-5"),
        ("a: 0.5", "a: .5  # a comment"),
        ("a: {b: 1}", "a:\n  b: 1"),
        ("a: [1, 2]", "a:\n- 1\n- 2"),
        ("a: word", "a: 'word'"),
        ("a: yes", "a: 'yes'"),
        ("a: 010", "a: 10"),
        ("{a: 1, b: 2}", "{b: 2, a: 1}"),
    ],
)
def test_another_spelling_of_a_value_is_no_change(before, after):
    assert changes(before, after) == []


def test_changes_are_sorted_and_shown_as_written():
    before = "rank: {learning_rate: 0.00001}\nmargin: {base: 0.20}"
    after = "rank: {learning_rate: 2e-5}\nmargin: {base: 0.5}"
    assert changes(before, after) == [
        ("margin.base", "0.20", "0.5"),
        ("rank.learning_rate", "0.00001", "2e-5"),
    ]


def test_a_new_and_a_lost_key_are_changes():
    assert changes("a: {b: 1}", "a: {c: null}") == [("a.b", "1", None), ("a.c", None, "null")]


def test_a_list_changes_as_one_value():
    assert changes("seeds: [1, 2, 3]", "seeds: [1, 2]") == [("seeds", "[1, 2, 3]", "[1, 2]")]


def test_a_switch_is_not_a_number():
    assert changes("a: true", "a: 1") == [("a", "true", "1")]


def test_a_quoted_number_is_a_word_and_shows_its_quotes():
    assert changes("a: 1", "a: '1'") == [("a", "1", "'1'")]


def test_rules_of_yaml_1_2_are_needed_for_what_dvc_writes():
    assert yaml.safe_load("a: 1e-05") == {"a": "1e-05"}
    assert read("a: 1e-05")["a"].value == 0.00001


@pytest.mark.parametrize("text", ["a: [1", "- 1", ""])
def test_what_holds_no_parameters_is_a_sentence_with_its_source(text):
    with pytest.raises(PipelineError, match=r"^params\.yaml of HEAD: "):
        read(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r'"\e[2Jx\u202e"', r'"\x1b[2Jx\u202e"'),
        (r'["\x9b", {"\a": b}]', r'["\x9b", {"\x07": b}]'),
    ],
)
def test_what_would_move_a_terminal_is_written_out(text, written):
    found = read_parameters(f"section:\n  key: {text}\n", source="params.yaml")
    assert found["section.key"].written == written
