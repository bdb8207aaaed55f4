import re

import pytest

from pipeline.pages.blocks import Cell, Table
from pipeline.pages.markdown import escaped, table_to_markdown, to_markdown

UNESCAPED_BAR = re.compile(r"(?<!\\)\|")


def rows_of_tables(markdown: str) -> list[list[str]]:
    return [
        [line for line in part.splitlines() if line.startswith("|")]
        for part in markdown.split("\n\n")
        if part.startswith("|")
    ]


def test_every_row_of_a_table_has_as_many_columns_as_its_heading(document):
    tables = rows_of_tables(to_markdown(document))
    assert len(tables) >= 10
    for rows in tables:
        assert len({len(UNESCAPED_BAR.findall(row)) for row in rows}) == 1
        assert set(rows[1]) <= set("|:- ")


def test_brief_sections_are_there_and_the_others_are_not(document):
    markdown = to_markdown(document)
    for section in document.sections:
        assert (f"\n## {section.heading}\n" in markdown) == section.brief


def test_there_are_no_pictures(document):
    assert "<svg" not in to_markdown(document)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a|b", r"a\|b"),
        ("*bold* `code` ~~gone~~", r"\*bold\* \`code\` \~\~gone\~\~"),
        ("[text](http://x)", r"[text\](http://x)"),
        ("[0.1, 0.2]", "[0.1, 0.2]"),
        ("label_min", "label_min"),
        ("_leading and trailing_", r"\_leading and trailing\_"),
        ("two\nlines", "two lines"),
        ("&lt;", "&amp;lt;"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_text_shows_as_it_is(text, expected):
    assert escaped(text) == expected


def test_a_cell_is_bold_with_its_detail_and_the_letter_of_its_note():
    table = Table("t", ("a", "b"), ((Cell("row"), Cell("1.0", "± 0.1", "a reason", strong=True)),))
    markdown = table_to_markdown(table)
    assert "| row | **1.0** ± 0.1 <sup>a</sup> |" in markdown
    assert markdown.endswith("<sup>a</sup> a reason")


def test_numbers_stand_right_and_words_left():
    table = Table("t", ("a", "b", "c"), ((Cell("x"), Cell("1"), Cell("y")),), worded=frozenset({2}))
    assert "| :--- | ---: | :--- |" in table_to_markdown(table)
