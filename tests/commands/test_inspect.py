"""The command writes the same page as the stage, or one for sharing, wherever it is asked to."""

import json
from pathlib import Path

import pytest

from pipeline.__main__ import main
from stages import report
from tests.inspector.runs import Run, write_run


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with recordings, entered."""
    folder = tmp_path / "repository"
    write_run(folder, Run(media=lambda split, n: f"data/raw/x/{split}{n}.mp4"))
    monkeypatch.chdir(folder)
    return folder


def content(page: Path) -> dict:
    html = page.read_text(encoding="utf-8")
    start = html.index(">", html.index('id="data"')) + 1
    return json.loads(html[start : html.index("</script>", start)])


def test_it_writes_the_page_of_the_stage(run_folder, capsys):
    report.write_inspector()
    by_stage = (run_folder / "reports/inspector.html").read_bytes()
    (run_folder / "reports/inspector.html").unlink()
    assert main(["inspect"]) == 0
    assert (run_folder / "reports/inspector.html").read_bytes() == by_stage
    assert capsys.readouterr().out == f"reports/inspector.html: {len(by_stage):,} bytes\n"


def test_without_text_it_leaves_the_page_of_the_run_alone(run_folder, capsys):
    assert main(["inspect", "--no-text"]) == 0
    assert not (run_folder / "reports/inspector.html").exists()
    page = content(run_folder / "reports/inspector_shared.html")
    assert not page["withText"]
    assert all("text" not in row and "clip" not in row for row in page["segments"])
    assert "without transcripts and recordings" in capsys.readouterr().out


def test_the_parameter_leaves_out_text_too(run_folder):
    params = run_folder / "params.yaml"
    params.write_text(params.read_text().replace("transcripts: true", "transcripts: false"))
    main(["inspect"])
    assert not content(run_folder / "reports/inspector.html")["withText"]


def test_links_lead_from_wherever_the_page_is(run_folder, tmp_path):
    assert main(["inspect", "--out", str(tmp_path / "elsewhere/deep/page.html")]) == 0
    source = content(tmp_path / "elsewhere/deep/page.html")["segments"][0]["clip"]["source"]
    assert source.startswith("../../repository/data/raw/x/")


def test_before_the_first_run_there_is_a_sentence(run_folder, capsys):
    (run_folder / "data/weights/hardest_pairs.json").unlink()
    assert main(["inspect"]) == 1
    assert (
        capsys.readouterr().err == "data/weights/hardest_pairs.json: not found; run `dvc repro` to make it\n"
    )
