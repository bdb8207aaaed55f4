import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from pipeline.pages.blocks import Cell, Document, Grid, Listing, Paragraph, Section, Table
from pipeline.pages.html import to_html
from pipeline.pages.palette import PALETTE
from pipeline.reporting.figures.bars import draw_shares

EMPTY = {"meta", "link", "wbr", "path", "use", "rect", "line"}
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
def whole(document) -> str:
    return to_html(document)


@pytest.fixture(scope="module")
def html(whole) -> str:
    """The page without its scripts, whose texts look like markup at times; descriptions of charts stay."""
    return re.sub(r"<script>.*?</script>", "", whole, flags=re.DOTALL)


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
    inside = re.findall(r"url\(#([^)]*)\)", html) + [
        link[1:] for link in page.values("href") if link.startswith("#")
    ]
    assert set(inside) <= set(ids)
    assert set(page.values("aria-labelledby")) <= set(ids)


def test_the_page_needs_nothing_from_elsewhere(html, page):
    assert page.values("src") == []
    # An icon of no bytes, or a browser asks the server for one.
    assert {link for link in page.values("href") if not link.startswith("#")} == {"inspector.html", "data:,"}
    assert {tag for tag, _ in page.tags} & {"iframe", "img", "object", "image"} == set()
    assert "http" not in html.replace("http-equiv", "")
    assert "@import" not in html


def test_the_page_forbids_the_browser_to_fetch_anything(page):
    policy = next(each["content"] for _, each in page.tags if each.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"\*|http|'self'|unsafe-eval|script-src[^;]*unsafe", policy)


def test_every_figure_is_there_without_scripts_and_as_a_description(document, html):
    described = re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.DOTALL)
    assert len(described) == len(document.figures) == html.count('<svg viewBox="0 0 ')
    assert all("layer" in json.loads(each) or "mark" in json.loads(each) for each in described)


def test_no_text_ends_the_description_of_a_chart_early():
    table = draw_shares(HOSTILE, (HOSTILE,), {"test": np.array([1.0])}, caption="</script>")
    html = to_html(Document("t", "s", (Section("a", "h", (replace(table, name="x"),)),)))
    described = re.search(r'<script type="application/json">(.*?)</script>', html, flags=re.DOTALL)[1]
    assert json.loads(described)["data"]["values"][0]["class"] == HOSTILE
    assert not set("<>&") & set(described)


def test_a_page_without_figures_carries_no_charting_library():
    html = to_html(Document("t", "s", (Section("a", "h", (Paragraph("p"),)),)))
    assert len(html) < 60_000


def test_figures_bring_no_style_sheet_of_their_own(page):
    assert [tag for tag, _ in page.tags].count("style") == 1


def test_the_page_has_a_colour_for_each_of_the_figures_in_light_and_dark(html):
    for name in PALETTE:
        assert html.count(f" --{name}: #") == 2


def test_tables_scroll_inside_their_own_box(html):
    assert html.count("<table>") == html.count('<div class="scroll"')


def test_no_text_becomes_markup():
    row = (Cell(HOSTILE), Cell("1", HOSTILE, HOSTILE), Cell("2"), Cell("3"))
    table = Table(HOSTILE, (HOSTILE, "b", "c", "d"), (row,))
    blocks = (Paragraph(HOSTILE, "warning"), table, Listing(((HOSTILE, HOSTILE),)), Grid((table,)))
    page = Page(to_html(Document(HOSTILE, HOSTILE, (Section("a", HOSTILE, blocks),))))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.open == []
    assert sum(HOSTILE in text for text in page.text) >= 14
    assert page.values("aria-label").count(HOSTILE) == 2


def test_a_shade_becomes_a_background_and_an_empty_cell_has_none():
    table = Table("t", ("a", "b", "c"), ((Cell("row"), Cell("1", shade=0.25), Cell("")),))
    html = to_html(Document("t", "s", (Section("a", "h", (table,)),)))
    assert '<td style="--shade: 0.25">1</td><td></td>' in html


def test_the_same_document_gives_the_same_page(document, whole):
    assert to_html(replace(document)) == whole


def test_a_name_that_is_no_utf_8_is_written_out(document):
    page = to_html(replace(document, title="caf\udce9.mp4"))
    assert r"caf\udce9.mp4" in page.encode().decode()


def test_a_number_stays_on_one_line_with_its_per_cent_sign():
    table = Table("95 % intervals", ("Split", "Share, %"), ((Cell("16.0 % of <all>"), Cell("84 %")),))
    html = to_html(Document("D", "", (Section("s", "S", (Paragraph("In 3.5 % of 10."), table)),)))
    for text in ("16.0\u00a0% of &lt;all&gt;", "84\u00a0%", "95\u00a0% intervals", "In 3.5\u00a0% of 10."):
        assert text in html
    assert "Share, %" in html
