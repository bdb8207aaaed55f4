"""What benchmarks are asked for: an unknown name never means that nothing is done."""

import argparse

import pytest

from benchmarks.arguments import names, numbers
from benchmarks.evidence.tables import spans


def test_names_are_known_ones():
    assert names(("mosi", "mosei"))("mosei,mosi") == ["mosei", "mosi"]
    assert names()("501,anything") == ["501", "anything"]
    with pytest.raises(argparse.ArgumentTypeError, match="'msoi' is none of mosi, mosei"):
        names(("mosi", "mosei"))("mosi,msoi")
    with pytest.raises(argparse.ArgumentTypeError, match="'' is none of"):
        names(("mosi",))("mosi,")


def test_numbers_are_those_that_were_written():
    assert numbers("1-3,7") == [1, 2, 3, 7]
    assert numbers(spans([1, 2, 3, 7])) == [1, 2, 3, 7]


@pytest.mark.parametrize("text", ["", "a", "1-", "-3", "3-1", "1,1", "1-3,2", "1.5"])
def test_what_is_no_number_or_stands_twice_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected such as 1-10,15"):
        numbers(text)
