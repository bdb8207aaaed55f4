"""`dvc plots show` draws without a network, on the page that `.dvc/config` names."""

import subprocess
from pathlib import Path

import pytest
from dvc_render import render_html
from dvc_render.vega import VegaRenderer

from pipeline.pages.dvc_page import PAGE, dvc_page
from tests.browsers import chromium, expect, needs_browser, open_page

ROOT = Path(__file__).parents[2]


def test_the_page_is_that_of_this_version_of_the_library():
    assert (ROOT / PAGE).read_text(encoding="utf-8") == dvc_page(), (
        "write it anew with `python -m pipeline.pages.dvc_page`"
    )


def test_dvc_is_told_of_the_page():
    found = subprocess.run(
        ["dvc", "config", "plots.html_template"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert Path(".dvc") / found.stdout.strip() == PAGE


@needs_browser
@pytest.mark.slow
def test_a_chart_of_dvc_is_drawn_without_a_request_or_an_error(tmp_path):
    rows = [{"epoch": str(epoch), "loss": str(1 / epoch), "rev": "workspace"} for epoch in range(1, 9)]
    charts = [
        VegaRenderer(rows, f"loss {template}", x="epoch", y="loss", template=template, title="Loss")
        for template in ("linear", "scatter")
    ]
    file = Path(render_html(charts, tmp_path / "index.html", html_template=ROOT / PAGE))
    with chromium() as browser:
        opened = open_page(browser, file.as_uri(), width=1440)
        expect(opened.page.locator(".vega-embed canvas, .vega-embed svg.marks")).to_have_count(2)
        opened.page.context.close()
    # DVC's templates are of an earlier version of Vega, which warns of that; an error would be another sentence.
    assert [text for text in opened.complaints if "WARN" not in text and "current version" not in text] == []
    assert {url for url in opened.requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
