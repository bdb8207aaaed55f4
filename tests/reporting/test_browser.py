"""The page in a real browser: nothing is fetched, nothing complains, nothing sticks out, and it answers the pointer."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.pages.html import to_html
from pipeline.reporting.report import build_report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine; install one or name it in the variable CHROMIUM"
)
DOTS = "#scatter-test-grcf .live path[transform]"


@dataclass
class Opened:
    """A page and what the browser said of it."""

    page: "sync_api.Page"
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def address(inputs, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of the ordinary run, as a file."""
    file: Path = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(to_html(build_report(inputs)), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        # Without a sandbox, since containers and some distributions allow none; the page is our own.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def opened(browser, address, *, width=1440, scheme="light", scripts=True) -> Opened:
    """The page with all its charts drawn."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
    )
    found = Opened(context.new_page())
    found.page.set_default_timeout(60_000)
    found.page.on("console", lambda message: found.said.append(message.text))
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.goto(address)
    if scripts:
        # Charts are drawn when they come near.
        found.page.evaluate(
            "async () => { for (const figure of document.querySelectorAll('figure.picture')) {"
            " figure.scrollIntoView(); for (let i = 0; i < 500 && !('live' in figure.dataset); i++)"
            " await new Promise((resolve) => setTimeout(resolve, 20)); } }"
        )
        sync_api.expect(found.page.locator("figure.picture:not([data-live])")).to_have_count(
            0, timeout=60_000
        )
    return found


@pytest.fixture(scope="module")
def desk(browser, address) -> Opened:
    """The page on a wide screen; tests leave it as it was."""
    return opened(browser, address)


def test_nothing_complains_and_nothing_is_fetched(desk, address):
    assert desk.said == []
    assert desk.asked == [address]


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
    assert found.said == []


def test_a_dot_tells_its_segment_under_the_pointer(desk, inputs):
    desk.page.locator("#scatter-test-grcf").scroll_into_view_if_needed()
    desk.page.locator(DOTS).first.hover(force=True)
    told = desk.page.locator(".tip").inner_text()
    predicted = inputs.predicted("test")
    id_ = next(each for each in predicted.ids if each in told)
    label = predicted.truth[predicted.ids.index(id_)]
    assert f"{abs(label):.2f}" in told
    assert "Error" in told
    desk.page.mouse.move(1, 1)


def test_colours_follow_the_screen(browser, address, desk):
    def colour(page):
        return page.locator(DOTS).first.evaluate("dot => getComputedStyle(dot).fill")

    assert colour(desk.page) == "rgb(0, 114, 178)"
    desk.page.emulate_media(color_scheme="dark")
    assert colour(desk.page) == "rgb(86, 180, 233)"
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
