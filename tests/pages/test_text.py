import pytest
from markupsafe import Markup

from pipeline.pages.blocks import Cell, Command, Grid, Heading, Paragraph, Picture, Table, plain_table
from pipeline.pages.markdown import as_markdown
from pipeline.pages.text import as_text

TABLE = plain_table(
    ("name", "value", "what"), [("long name", "1.0", "a"), ("b", "−10.25", "longer")], worded=(2,)
)


def test_words_start_and_numbers_end_where_their_column_does():
    assert as_text([TABLE]) == ("name        value  what\nlong name     1.0  a\nb          -10.25  longer\n")


def test_a_markdown_table_has_a_rule_that_aligns_numbers_right():
    assert as_markdown([TABLE]).splitlines()[1] == "| :--- | ---: | :--- |"


def test_a_cell_cannot_break_a_markdown_table():
    lines = as_markdown([plain_table(("a", "b"), [("x|y\nz", "1")])]).splitlines()
    assert len(lines) == 3
    assert lines[2] == "| x\\|y z | 1 |"


def test_blocks_are_apart_and_commands_are_together():
    text = as_text([Heading("Next"), Command("one", "first"), Command("two", "second"), Paragraph("End.")])
    assert text.split("\n\n")[1].count("\n") == 1
    assert text.endswith("\n\nEnd.\n")


def test_a_sentence_is_wrapped_for_a_terminal_and_not_in_markdown():
    sentence = Paragraph("word " * 60)
    assert max(map(len, as_text([sentence]).splitlines())) <= 110
    assert len(as_markdown([sentence]).splitlines()) == 1


def test_a_caption_stands_above_a_table_and_notes_below():
    table = Table("Errors", ("model", "mae"), ((Cell("grcf"), Cell("n/a", "[0, 1]", note="no seed")),))
    assert as_text([table]).splitlines() == [
        "Errors",
        "model             mae",
        "grcf   n/a [0, 1] (a)",
        "(a) no seed",
    ]


def test_a_warning_is_loud_and_what_is_drawn_is_left_out():
    picture = Picture(Markup("<svg></svg>"), "Loss.")
    assert (
        as_text([Paragraph("Old.", "warning"), Grid((picture,)), Paragraph("End.")])
        == "Warning: Old.\n\nEnd.\n"
    )


def test_numbers_in_a_terminal_have_the_minus_sign_of_a_keyboard():
    assert as_text([Paragraph("from −0.5 to − and x−y")]) == "from -0.5 to − and x−y\n"


EVIL = "a\x1b[2Jb\u202ec\x9bd\u2028e"
SHOWN = r"a\x1b[2Jb\u202ec\x9bd\u2028e"


@pytest.mark.parametrize(
    "block",
    [
        Heading(EVIL),
        Paragraph(EVIL),
        Paragraph(EVIL, "warning"),
        Command(EVIL, EVIL),
        plain_table((EVIL, "b"), [("x", "1")]),
        plain_table(("a", "b"), [(EVIL, EVIL)]),
        Table(EVIL, ("a",), ((Cell("x", EVIL, note=EVIL),),)),
    ],
)
def test_what_would_move_a_terminal_is_written_out(block):
    text = as_text([block])
    assert SHOWN in text
    assert text.replace("\n", "").isprintable()
    assert SHOWN.replace("\\", "\\\\") in as_markdown([block]) or SHOWN in as_markdown([block])


def test_a_cell_of_several_lines_takes_one():
    assert as_text([plain_table(("a", "b"), [("x\ny\tz", "1")])]) == "a      b\nx y z  1\n"


def test_columns_are_as_wide_as_what_is_written():
    assert as_text([plain_table(("a", "b"), [("\x1b[2J", "1")])]) == "a        b\n\\x1b[2J  1\n"
