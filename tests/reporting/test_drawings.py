"""Drawings of figures that a run before made are found again; what changed is drawn by workers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts.formats.files import write_text
from pipeline.pages import vega
from pipeline.pages.figures import as_lines
from pipeline.reporting.figures.agreement import draw_scatter
from stages.report import remembered_drawings, remembered_runtime

ROOT = Path(__file__).parents[2]
AGAIN = """
import json, sys
from pathlib import Path
from pipeline.pages.blocks import Document, Section
from pipeline.pages.figures import from_line
from pipeline.pages.html import to_html
from stages.report import remembered_drawings, remembered_runtime
figure = from_line(json.loads(Path(sys.argv[1]).read_text()))
drawings = remembered_drawings([figure])
page = to_html(Document("t", "s", (Section("a", "A", (figure,)),)), runtime="//", drawings=drawings)
print("<svg" in page, "vl_convert" in sys.modules)
"""


def figure(name, scale):
    labels = np.linspace(-3, 3, 5)
    return draw_scatter(
        name,
        [f"segment {n}" for n in range(5)],
        labels,
        np.stack([labels * scale, labels * scale]),
        limits=(-3.0, 3.0),
        colour="grcf",
        caption="c",
    )


@pytest.fixture
def pages(tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    return lambda: {file for file in (tmp_path / "pages").rglob("*") if file.is_file()}


def test_only_what_changed_is_drawn_and_a_drawing_is_what_the_page_would_draw(pages):
    one, other, changed = figure("one", 0.5), figure("other", 0.25), figure("other", 0.75)
    before = remembered_drawings([one, other])
    first = pages()
    after = remembered_drawings([one, changed])
    assert len(first) == 2
    assert first < pages()
    assert len(pages()) == 3
    assert before["one"] == after["one"]
    assert before["other"] != after["other"]
    for found, drawn in ((one, after), (other, before), (changed, after)):
        assert vega.page_svg(found, drawn[found.name]) == vega.page_svg(found)


def test_a_page_of_figures_that_did_not_change_does_without_the_library_that_draws(pages, tmp_path):
    one = figure("one", 0.5)
    remembered_drawings([one])
    write_text(tmp_path / "one.json", as_lines([one]))
    printed = subprocess.run(
        [sys.executable, "-c", AGAIN, str(tmp_path / "one.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.split() == ["True", "False"]


def test_a_drawing_by_other_code_is_none(pages, monkeypatch):
    one = figure("one", 0.5)
    remembered_drawings([one])
    remembered_runtime()
    first = pages()
    monkeypatch.setattr("stages.report.source_digest", {"pipeline.pages.vega": "edited"}.get)
    remembered_drawings([one])
    remembered_runtime()
    assert len(pages()) == 2 * len(first) == 4


def test_a_report_is_made_where_nothing_can_be_kept(tmp_path, monkeypatch):
    (tmp_path / "pages").touch()
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    one = figure("one", 0.5)
    assert remembered_drawings([one])["one"] == vega.draw(vega.description(one))
    assert "vegaEmbed" in remembered_runtime()
