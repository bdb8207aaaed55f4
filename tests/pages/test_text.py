import pytest

from pipeline.pages.text import (
    Command,
    Heading,
    Paragraph,
    Table,
    as_markdown,
    as_text,
    number,
)

TABLE = Table(("name", "value", "what"), (("long name", "1.0", "a"), ("b", "-10.25", "longer")), words=(2,))


def test_words_start_and_numbers_end_where_their_column_does():
    assert as_text([TABLE]) == ("name        value  what\nlong name     1.0  a\nb          -10.25  longer\n")


def test_a_markdown_table_has_a_rule_that_aligns_numbers_right():
    assert as_markdown([TABLE]).splitlines()[1] == "| --- | ---: | --- |"


def test_a_cell_cannot_break_a_markdown_table():
    lines = as_markdown([Table(("a", "b"), (("x|y\nz", "1"),))]).splitlines()
    assert len(lines) == 3
    assert lines[2] == "| x\\|y z | 1 |"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="2 cells"):
        Table(("a", "b"), (("only one",),))


def test_blocks_are_apart_and_commands_are_together():
    text = as_text([Heading("Next"), Command("one", "first"), Command("two", "second"), Paragraph("End.")])
    assert text.split("\n\n")[1].count("\n") == 1
    assert text.endswith("\n\nEnd.\n")


def test_a_sentence_is_wrapped_for_a_terminal_and_not_in_markdown():
    sentence = Paragraph("word " * 60)
    assert max(map(len, as_text([sentence]).splitlines())) <= 110
    assert len(as_markdown([sentence]).splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "signed", "shown"),
    [
        (0.81234, False, "0.8123"),
        (-0.00004, True, "0.0000"),
        (0.00006, True, "+0.0001"),
        (-1.0, True, "-1.0000"),
    ],
)
def test_a_number_has_four_digits_and_a_sign_only_where_it_is_not_zero(value, signed, shown):
    assert number(value, signed=signed) == shown
