import json

import pytest

from pipeline.comparison.parameters import read_parameters
from pipeline.comparison.records import to_json


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.12345678, 0.123457), (0.00000023, 2e-07), (-0.00000023, -2e-07), (-3e-17, 0.0), (float("nan"), None)],
)
def test_a_number_has_six_digits_or_as_many_as_tell_it_from_zero(value, written):
    assert json.loads(to_json({"ci_low": value})) == {"ci_low": written}


@pytest.mark.parametrize(
    ("text", "value"),
    [("!!set {b, a}", ["a", "b"]), ("!!binary aGVsbG8=", "b'hello'"), ("!!timestamp 2001-01-01", "2001-01-01"), ("[.nan, true]", [None, True])],
)  # fmt: skip
def test_a_parameter_of_any_tag_is_json(text, value):
    parameter = read_parameters(f"section:\n  key: {text}\n", source="params.yaml")["section.key"]
    assert json.loads(to_json({"value": parameter.value})) == {"value": value}


def test_json_holds_every_character_and_none_that_would_move_a_terminal():
    text = to_json({"written": "a\x1b[2Jb\u202ec\x9bd\\\x7f\u2028é"})
    assert text.replace("\n", "").isprintable()
    assert "é" in text
    assert json.loads(text) == {"written": "a\x1b[2Jb\u202ec\x9bd\\\x7f\u2028é"}
