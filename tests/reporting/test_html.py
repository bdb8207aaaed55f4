import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pipeline.reporting.document import Cell, Document, Grid, Listing, Paragraph, Section, Table
from pipeline.reporting.figures import PALETTE
from pipeline.reporting.html import to_html

EMPTY = {"meta", "path", "use", "rect"}
HOSTILE = "<script>alert('x')</script> & \"more\""


class Page(HTMLParser):
    """Every tag with its attributes, and whether all that was opened was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attributes.get(attribute)]


@pytest.fixture(scope="module")
def html(document) -> str:
    return to_html(document)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_every_tag_is_closed(page):
    assert page.open == []


def test_every_section_has_an_anchor_and_a_line_in_the_contents(document, page):
    ids, links = page.values("id"), page.values("href")
    for section in document.sections:
        assert ids.count(section.anchor) == 1
        assert f"#{section.anchor}" in links


def test_ids_are_unique_and_every_reference_leads_somewhere(html, page):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inside = re.findall(r"url\(#([^)]*)\)", html) + [link[1:] for link in page.values("href")]
    assert set(inside) <= set(ids)
    assert set(page.values("aria-labelledby")) <= set(ids)


def test_the_page_needs_nothing_from_elsewhere(html, page):
    assert page.values("src") == []
    assert all(link.startswith("#") for link in page.values("href"))
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object", "image"} == set()
    assert "http" not in html
    assert "@import" not in html


def test_figures_bring_no_style_sheet_of_their_own(page):
    assert [tag for tag, _ in page.tags].count("style") == 1


def test_the_page_has_a_colour_for_each_of_the_figures_in_light_and_dark(html):
    for name in PALETTE:
        assert html.count(f"--figure-{name}: #") == 2


def test_tables_scroll_inside_their_own_box(html):
    assert html.count("<table>") == html.count('<div class="scroll"')


def test_no_text_becomes_markup():
    row = (Cell(HOSTILE), Cell("1", HOSTILE, HOSTILE), Cell("2"), Cell("3"))
    table = Table(HOSTILE, (HOSTILE, "b", "c", "d"), (row,))
    blocks = (Paragraph(HOSTILE, "warning"), table, Listing(((HOSTILE, HOSTILE),)), Grid((table,)))
    page = Page(to_html(Document(HOSTILE, HOSTILE, (Section("a", HOSTILE, blocks),))))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.open == []
    assert sum(HOSTILE in text for text in page.text) >= 14
    assert page.values("aria-label").count(HOSTILE) == 2


def test_a_shade_becomes_a_background_and_an_empty_cell_has_none():
    table = Table("t", ("a", "b", "c"), ((Cell("row"), Cell("1", shade=0.25), Cell("")),))
    html = to_html(Document("t", "s", (Section("a", "h", (table,)),)))
    assert '<td style="--shade: 0.25">1</td><td></td>' in html


def test_the_same_document_gives_the_same_page(document, html):
    assert to_html(replace(document)) == html
