import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main as pipeline_main
from pipeline.artifacts.formats.files import read_json, write_json
from pipeline.errors import PipelineError
from pipeline.pages.figures import as_lines
from pipeline.pages.html import to_html
from pipeline.pages.markdown import to_markdown
from pipeline.pages.vega import file_svg
from pipeline.reporting.report import build_report
from stages import report

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ANCHORS = [
    "verdict", "results", "differences", "modalities", "robustness", "noise", "order", "group-order", "curves", "scatter",
    "reliability", "confusion", "group-pairs", "coverage", "corpus", "parameters", "budgets", "inputs", "intervals",
]  # fmt: skip
SIMS = {
    "evaluate.protocol": "sims",
    "task.label_min": -1.0,
    "task.label_max": 1.0,
    "margin.groups": [-0.7, -0.1, 0.1, 0.7],
}
HOSTILE = "<script>alert(1)</script>|`*"


def test_the_sections_come_in_their_order(document):
    assert [section.anchor for section in document.sections] == ANCHORS


@pytest.mark.parametrize(
    "fields",
    [
        {"seeds": (7,)},
        {"modalities": ("text",)},
        {"modalities": ()},
        {"transcript": None},
        {"constant_grcf": True},
        {"n_segments": {"train": 1, "valid": 1, "test": 1}},
        {"n_segments": {"train": 5, "valid": 5, "test": 0}},
        {"params": SIMS, "grcf_sd": 0.2},
        {"params": {"calibrate.scope": "monotone"}},
        {"grcf_sd": 0.0, "pointwise_sd": 0.0},
        {"ids": lambda split, n: f"{'x' * 5000}{split}{n}"},
    ],
    ids=lambda fields: " ".join(fields),
)
def test_an_unusual_run_has_a_whole_report(read_run, fields):
    document = build_report(read_run(**fields))
    assert [section.anchor for section in document.sections] == ANCHORS
    # The charting library speaks of such numbers; the page must not.
    page = re.sub(r"<script>.*?</script>", "", to_html(document), flags=re.DOTALL)
    for text in (page, to_markdown(document)):
        assert re.search(r"\b(nan|NaN|None|inf|Infinity)\b", text) is None


def test_text_of_the_corpus_never_becomes_markup(read_run):
    document = build_report(
        read_run(
            params={"report.title": HOSTILE},
            ids=lambda split, n: f"{HOSTILE} {split} {n}",
            speakers=lambda split, n: HOSTILE,
            failures={"audio": {HOSTILE: HOSTILE}},
        )
    )
    html, markdown = to_html(document), to_markdown(document)
    assert html.count("<script>") == 2
    assert "<script>alert" not in html
    assert "<script" not in markdown
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5
    assert markdown.count(r"&lt;script&gt;alert(1)&lt;/script&gt;\|\`\*") >= 4


def test_the_stage_writes_the_same_bytes_in_every_process(read_run, tmp_path):
    read_run()
    written = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        write = [sys.executable, "-c", "from stages import report; report.write_report(report.read_inputs())"]
        subprocess.run(write, cwd=tmp_path, env=environment, check=True)
        names = (report.HTML, report.MARKDOWN, report.RESULTS_MARKDOWN, report.RESULTS_LATEX, report.FIGURES)
        written.append([(tmp_path / name).read_bytes() for name in names])
    assert written[0] == written[1]


def test_figures_are_drawn_when_asked_for_and_none_of_a_run_before_is_left(
    read_run, tmp_path, monkeypatch, capsys
):
    document = build_report(read_run())
    described = tmp_path / report.FIGURES
    described.parent.mkdir(exist_ok=True)
    few = document.figures[:3]
    described.write_text(as_lines(few), encoding="utf-8")
    folder = tmp_path / "reports/figures"
    folder.mkdir()
    (folder / "stale.svg").touch()
    (folder / "drawn.txt").write_text("stale.svg\n../report.md\n")
    (folder / "mine.png").write_text("of a paper")
    monkeypatch.chdir(tmp_path)

    assert pipeline_main(["report", "--figures"]) == 0

    assert "3 figures" in capsys.readouterr().out
    assert {file.name for file in folder.iterdir()} == {
        "drawn.txt",
        "mine.png",
        *(f"{figure.name}{end}" for figure in few for end in (".png", ".svg")),
    }
    for figure in few:
        assert (folder / f"{figure.name}.svg").read_text(encoding="utf-8") == file_svg(figure)


@pytest.mark.parametrize(
    "line",
    ["[]", "{}", '{"name": "../a", "caption": "", "spec": {}}', '{"name": 1, "caption": "", "spec": {}}'],
)
def test_descriptions_that_are_none_are_a_sentence(line, tmp_path, monkeypatch, capsys):
    (tmp_path / report.FIGURES).parent.mkdir()
    (tmp_path / report.FIGURES).write_text(line + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert pipeline_main(["report", "--figures"]) == 1

    assert capsys.readouterr().err.startswith("reports/figures.jsonl, line 1: ")
    assert not (tmp_path / "reports/figures").exists()


def test_the_stage_knows_neither_the_folder_it_runs_in_nor_the_time(read_run, tmp_path):
    text = to_html(build_report(read_run()))
    assert str(tmp_path) not in text
    assert "202" not in text.split("<main>")[0].split("</style>")[1]


def test_a_comment_in_the_parameters_makes_no_new_report(read_run, tmp_path):
    before = read_run().digests
    file = tmp_path / "params.yaml"
    file.write_text("# a comment\n" + file.read_text())
    assert report.read_inputs().digests == before


def test_another_value_of_a_parameter_changes_its_digest_alone(read_run, tmp_path):
    before = read_run().digests
    file = tmp_path / "params.yaml"
    file.write_text(file.read_text().replace("n_knots: 4", "n_knots: 5"))
    after = report.read_inputs().digests
    assert {name for name in before if before[name] != after[name]} == {"params.yaml (values)"}


@pytest.mark.parametrize("path", report.READ, ids=str)
def test_a_missing_input_is_a_sentence_with_its_name(read_run, tmp_path, path):
    read_run()
    (tmp_path / path).unlink()
    with pytest.raises(PipelineError, match=path.name):
        report.read_inputs()


def test_an_evaluation_without_the_baseline_is_a_sentence(read_run):
    read_run()
    metrics = read_json(report.METRICS)
    del metrics["valid"]["pointwise"]
    write_json(report.METRICS, metrics)
    with pytest.raises(
        PipelineError, match="evaluation of valid holds no model pointwise; run `dvc repro evaluate`"
    ):
        report.read_inputs()


def test_reporting_needs_no_deep_learning():
    code = "import sys, stages.report; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout.replace("'", '"')) == []


@pytest.mark.parametrize("path", [path for path in report.READ if path != report.SEGMENTS], ids=str)
def test_no_report_is_made_from_half_a_file(read_run, tmp_path, path):
    read_run()
    file = tmp_path / path
    content = file.read_bytes()
    file.write_bytes(content[: 6 * len(content) // 10])
    with pytest.raises(PipelineError, match=rf"{path.name}: .*run `dvc repro"):
        report.read_inputs()


@pytest.mark.parametrize(
    "path",
    [
        report.PREDICTIONS,
        report.CURVES["rank"],
        report.CURVES["pointwise"],
        report.ROBUSTNESS,
        report.NOISE,
        report.DISTRIBUTIONS,
    ],
    ids=str,
)
def test_rows_that_are_missing_at_the_end_are_noticed(read_run, tmp_path, path):
    read_run()
    file = tmp_path / path
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(PipelineError, match=rf"{path.name}.*run `dvc repro"):
        report.read_inputs()


def test_labels_of_any_range_have_a_whole_report(read_run):
    changes = {"task.label_min": 1.0, "task.label_max": 5.0, "evaluate.protocol": "regression"}
    document = build_report(read_run(params=changes))
    assert "confusion" not in {section.anchor for section in document.sections}
    assert "inf" not in to_markdown(document).split()
