"""Every page in a real browser, on a telephone and on a desk: nothing complains, nothing is fetched, nothing sticks out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import chromium, needs_browser, open_page
from tests.pages.test_every_page import PAGES

pytestmark = [needs_browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def addresses(pages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each page as a file."""
    folder: Path = tmp_path_factory.mktemp("pages")
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_screen_and_complains_of_nothing(browser, addresses, name, width, scheme):
    opened = open_page(browser, addresses[name], width=width, scheme=scheme)
    widths = opened.page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    opened.page.context.close()
    assert max(widths) <= width
    assert opened.complaints == []
    beside = {addresses[name]}
    assert {address for address in opened.requests if not address.startswith("data:")} == beside


# Words of the page itself whose colour is too near to that of what lies behind them, by WCAG's contrast of 4.5.
FAINT = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map((part) => part * (colour.startsWith("color(") ? 255 : 1));
  const light = (colour) => colour.slice(0, 3)
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = channels(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((node) => !node.closest("svg") && node.checkVisibility())
    .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()))
    .filter((node) => {
      const [high, low] = [channels(getComputedStyle(node).color), behind(node)].map(light).sort((a, b) => b - a);
      return (high + 0.05) / (low + 0.05) < 4.5;
    })
    .map((node) => `${node.tagName}.${node.className}: ${node.textContent.trim()}`);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_the_words_of_a_page_stand_out_from_what_lies_behind_them(browser, addresses, name, scheme):
    opened = open_page(browser, addresses[name], width=1440, scheme=scheme)
    faint = opened.page.evaluate(FAINT)
    opened.page.context.close()
    assert faint == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_that_goes_on_beyond_the_edge_has_a_shadow_there_until_its_end(browser, addresses, scheme):
    page = open_page(browser, addresses["leaderboard"], width=390, scheme=scheme).page
    box = "[...document.querySelectorAll('.scroll')].find(box => box.scrollWidth > box.clientWidth + 40)"
    page.evaluate(f"{box}.scrollIntoView({{ block: 'center' }})")
    # What is written in the table goes, and what lies behind it stays.
    page.evaluate(f"{box}.firstElementChild.style.visibility = 'hidden'")
    right, middle = page.evaluate(
        f"(box => [box.right, box.top + box.height / 2])({box}.getBoundingClientRect())"
    )

    def edge() -> bytes:
        return page.screenshot(clip={"x": right - 11, "y": middle, "width": 9, "height": 4})

    at_start = edge()
    page.evaluate(f"{box}.scrollLeft = 100000")
    at_end = edge()
    page.evaluate(f"{box}.style.background = 'none'")
    plain = edge()
    page.context.close()
    assert at_start != plain
    assert at_end == plain
