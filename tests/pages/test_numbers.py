import pytest

from pipeline.pages import numbers


@pytest.mark.parametrize(
    ("number", "plain", "with_sign"),
    [(0.0, "0.00", "0.00"), (-0.001, "0.00", "0.00"), (0.126, "0.13", "+0.13"), (-1.0, "−1.00", "−1.00")],
)
def test_signs_are_real_and_zero_has_none(number, plain, with_sign):
    assert numbers.fixed(number, 2) == plain
    assert numbers.signed(number, 2) == with_sign


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1 seed"), (5, "5 seeds"), (2115, "2,115 seeds"), (0, "0 seeds")]
)
def test_plurals(number, text):
    assert numbers.plural(number, "seed") == text


@pytest.mark.parametrize("digits", range(5))
def test_minus_zero_never_appears(digits):
    for value in (-0.0, -1e-12, -4e-5, -0.4e-4):
        for text in (
            numbers.fixed(value, digits),
            numbers.signed(value, digits),
            numbers.share(value),
            numbers.interval(value, value, digits),
        ):
            written = [part for part in text.strip("[]").split(", ") if float(part.replace("−", "-")) == 0]
            assert not any(part.startswith(("−", "+")) for part in written)


def test_a_copied_number_is_one_that_a_program_reads():
    assert float(numbers.typed(numbers.fixed(-1.25, 2))) == -1.25


@pytest.mark.parametrize(("value", "text"), [(-0.7, "−0.7"), (3, "3"), (1e-05, "1e−05"), (-0.0, "0")])
def test_short_numbers_have_no_digits_to_spare(value, text):
    assert numbers.short(value) == text
