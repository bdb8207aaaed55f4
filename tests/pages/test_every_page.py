"""Whatever makes a page: one head, one policy that allows no more than the page needs, one style sheet, tables that scroll."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.pages.palette import PALETTE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CODE = [
    path
    for folder in ("pipeline", "stages")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".js", ".css", ".j2")
]
PAGES = ("report", "comparison", "leaderboard", "history", "check", "inspector", "preview", "prediction")
WRITES_MINUS = re.compile(r"""replace\(["']-["'], ?(["']−|_?MINUS)|sub\(r?["']-[^\n]*−""")
SOURCES = ("src", "href", "poster", "srcset", "data", "action")


class Head(HTMLParser):
    """The head of a page, its inline scripts, and how each table and each source stands in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.policy: dict[str, str] = {}
        self.meta: list[dict[str, str | None]] = []
        self.scripts: list[str] = []
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.loose_tables = self.n_styles = 0
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "meta":
            self.meta.append(attributes)
            if attributes.get("http-equiv") == "Content-Security-Policy":
                self.policy = dict(part.strip().split(" ", 1) for part in attributes["content"].split(";"))
        self.n_styles += tag == "style"
        self.handlers += [name for name in attributes if name.startswith("on")]
        self.sources += [attributes[name] for name in SOURCES if attributes.get(name)]
        if tag == "table" and self._open[-1][1].get("class") != "scroll":
            self.loose_tables += 1
        if tag in ("div", "figure", "script", "section", "main"):
            self._open.append((tag, attributes))

    def handle_endtag(self, tag):
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data):
        if self._open and self._open[-1][0] == "script" and "type" not in self._open[-1][1]:
            self.scripts.append(data)


@pytest.mark.parametrize("name", PAGES)
class TestEveryPage:
    def test_loads_nothing_that_its_policy_does_not_name(self, pages, name):
        head = Head(pages[name])
        assert head.policy["default-src"] == "'none'"
        assert head.policy["base-uri"] == head.policy["form-action"] == "'none'"
        assert set(head.policy) - {
            "default-src",
            "style-src",
            "img-src",
            "script-src",
            "base-uri",
            "form-action",
        } == ({"media-src"} if name == "inspector" else set())
        assert not re.search(r"\*|https?:|unsafe-eval", str(head.policy))
        beside = {"inspector.html"} if name == "report" else set()
        assert {source for source in head.sources if not source.startswith(("#", "data:"))} == beside

    def test_runs_the_scripts_whose_digests_it_names_and_no_other(self, pages, name):
        head = Head(pages[name])
        digests = [hashlib.sha256(script.encode()).digest() for script in head.scripts]
        allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
        assert head.policy.get("script-src", "").split() == allowed
        assert head.handlers == []

    def test_has_one_style_sheet_for_light_and_dark_and_the_width_of_the_screen(self, pages, name):
        head = Head(pages[name])
        assert head.n_styles == 1
        assert {"name": "color-scheme", "content": "light dark"} in head.meta
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in head.meta
        for colour, (light, dark) in PALETTE.items():
            assert f" --{colour}: {light};" in pages[name]
            assert f" --{colour}: {dark};" in pages[name]

    def test_scrolls_a_wide_table_inside_its_own_box(self, pages, name):
        assert Head(pages[name]).loose_tables == 0

    def test_uses_no_colour_that_the_palette_lacks(self, pages, name):
        used = set(
            re.findall(r"var\(--([a-z-]+)", re.sub(r"<script.*?</script>", "", pages[name], flags=re.DOTALL))
        )
        assert used <= set(PALETTE) | {"shade", "least", "colour"}


def test_colours_are_written_in_one_file():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in CODE
        if re.search(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b(?=[;\"' ])", path.read_text(encoding="utf-8"))
    }
    assert found == {"pipeline/pages/palette.py"}


def test_a_hyphen_becomes_a_minus_sign_in_one_file():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in CODE
        if path.suffix == ".py" and WRITES_MINUS.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"pipeline/pages/numbers.py"}


def test_only_a_part_of_several_runs_has_a_chart(pages):
    whole, single = re.findall(r'<section id="part-[12]".*?</section>', pages["history"], flags=re.DOTALL)
    assert "Part 1 of 2" in single
    assert ("<svg" in whole, "<svg" in single) == (True, False)
