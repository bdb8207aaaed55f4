import json

import pytest

from pipeline.comparison.records import to_json


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.12345678, 0.123457), (0.00000023, 2e-07), (-0.00000023, -2e-07), (-3e-17, 0.0), (float("nan"), None)],
)
def test_a_number_has_six_digits_or_as_many_as_tell_it_from_zero(value, written):
    assert json.loads(to_json({"ci_low": value})) == {"ci_low": written}
