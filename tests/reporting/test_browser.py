"""The page in a real browser: nothing is fetched, nothing complains, nothing sticks out, and it answers the pointer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.pages.html import to_html
from pipeline.reporting.report import build_report
from tests.browsers import Opened, chromium, expect, needs_browser, open_page

pytestmark = [needs_browser, pytest.mark.slow]
DOTS = "#scatter-test-grcf .live path[transform]"


@pytest.fixture(scope="module")
def address(inputs, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of the ordinary run, as a file."""
    file: Path = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(to_html(build_report(inputs)), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def opened(
    browser: Any, address: str, *, width: int = 1440, scheme: str = "light", scripts: bool = True
) -> Opened:
    """The page with all its charts drawn."""
    found = open_page(browser, address, width=width, scheme=scheme, scripts=scripts)
    if scripts:
        # Charts are drawn when they come near.
        for figure in found.page.locator("figure.picture").all():
            figure.scroll_into_view_if_needed()
            expect(figure).to_have_attribute("data-live", "")
    return found


@pytest.fixture(scope="module")
def desk(browser, address) -> Opened:
    """The page on a wide screen; tests leave it as it was."""
    return opened(browser, address)


def test_nothing_complains_and_nothing_is_fetched(desk, address):
    assert desk.complaints == []
    assert desk.requests == [address]


@pytest.mark.parametrize("scripts", [False, True])
def test_the_number_in_a_coloured_cell_has_the_colour_of_text(browser, address, scripts):
    page = opened(browser, address, width=390, scheme="dark", scripts=scripts).page
    ink = page.evaluate("getComputedStyle(document.body).color")
    picture = page.locator("#order-test-grcf svg:visible")
    of_cell, of_axis = (
        picture.locator("text", has_text=words).first.evaluate("node => getComputedStyle(node).fill")
        for words in ("%", "lower label")
    )
    page.context.close()
    assert of_cell == ink != of_axis


def test_every_section_is_shown(desk, document):
    for section in document.sections:
        box = desk.page.locator(f"#{section.anchor}").bounding_box()
        assert box is not None, section.anchor
        assert box["height"] > 60, section.anchor


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_the_page_is_no_wider_than_the_screen(browser, address, width, scheme, tmp_path):
    found = opened(browser, address, width=width, scheme=scheme)
    wide = found.page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert max(wide) <= width
    for box in (chart.bounding_box() for chart in found.page.locator("figure.picture .live svg").all()):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] > 80
    found.page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 50_000
    assert found.complaints == []


def test_a_dot_tells_its_segment_under_the_pointer(desk, inputs):
    desk.page.locator("#scatter-test-grcf").scroll_into_view_if_needed()
    desk.page.locator(DOTS).first.hover(force=True)
    tip = desk.page.locator(".tip")
    expect(tip).to_contain_text("Error")
    text = tip.inner_text()
    predicted = inputs.predicted("test")
    shown_id = next(id_ for id_ in predicted.ids if id_ in text)
    label = predicted.truth[predicted.ids.index(shown_id)]
    assert f"{abs(label):.2f}" in text
    desk.page.mouse.move(1, 1)


def test_colours_follow_the_screen(desk):
    dot = desk.page.locator(DOTS).first
    expect(dot).to_have_css("fill", "rgb(0, 114, 178)")
    desk.page.emulate_media(color_scheme="dark")
    expect(dot).to_have_css("fill", "rgb(86, 180, 233)")
    desk.page.emulate_media(color_scheme="light")


def column(page, position):
    rows = page.locator("#coverage figure.table").first.locator("tbody tr").all()
    return [row.locator("th, td").nth(position).inner_text() for row in rows]


def test_a_heading_sorts_its_column_up_and_down_and_back(desk):
    before, button = column(desk.page, 2), desk.page.locator("#coverage thead button").nth(2)
    orders = []
    for _ in range(3):
        button.click()
        orders.append([int(text) for text in column(desk.page, 2)])
    assert orders[0] == sorted(orders[0])
    assert orders[1] == sorted(orders[1], reverse=True)
    assert [str(number) for number in orders[2]] == before
    assert len(set(before)) > 1


def test_without_scripts_every_figure_and_table_is_there(browser, address, document):
    found = opened(browser, address, scripts=False)
    pictures = found.page.locator("figure.picture > svg").all()
    assert len(pictures) == len(document.figures)
    assert all(picture.bounding_box()["height"] > 80 for picture in pictures)
    assert found.page.locator("thead button").count() == 0
