import pytest

from pipeline.pages.blocks import Cell, Table, shortened


def test_a_row_of_another_width_is_refused():
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        Table("a table", ("one", "two"), ((Cell("only"),),))


def test_notes_get_letters_in_their_order_and_once():
    row = (Cell("x", note="first"), Cell("y", note="second"), Cell("z", note="first"), Cell("plain"))
    assert Table("t", ("1", "2", "3", "4"), (row,)).notes == {"first": "a", "second": "b"}


def test_after_z_letters_are_doubled():
    row = tuple(Cell("x", note=f"note {n}") for n in range(28))
    letters = list(Table("t", tuple(map(str, range(28))), (row,)).notes.values())
    assert (letters[25], letters[26], letters[27]) == ("z", "aa", "ab")


@pytest.mark.parametrize("length", [1, 79, 80, 81, 500])
def test_short_text_stays_and_long_text_keeps_both_ends(length):
    text = "".join(chr(ord("a") + n % 26) for n in range(length))
    short = shortened(text, at_most=80)
    assert len(short) == min(length, 80)
    assert (
        short == text if length <= 80 else (short[:39], short[39], short[40:]) == (text[:39], "…", text[-40:])
    )


def test_line_breaks_become_spaces():
    assert shortened("a\nb\t c") == "a b c"
