"""README and documentation say what is true: figures of committed reports, commands and parameters that exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from pipeline.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "docs/explanation/results.md").read_text()
FILE_ENDINGS = ("csv", "html", "md", "npz", "yaml")
DOCS = sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]


def committed(path: str) -> str:
    """From git, because a run on another processor may have rewritten the file in the last digits."""
    finished = subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        pytest.skip(f"{path} is not in git here")
    return finished.stdout


@pytest.mark.parametrize("split", ["valid", "test"])
@pytest.mark.parametrize(
    ("model", "name"), [("grcf", "GRCF"), ("pointwise", "point-wise"), ("median", "median")]
)
def test_the_table_of_results_is_that_of_the_reports(split, model, name):
    metrics = json.loads(committed("reports/metrics.json"))[split][model]

    def cell(metric: str) -> str:
        found = metrics[metric]
        if found["mean"] is None:
            return "n/a"
        return f"{found['mean']:.3f}" + (f" ± {found['sd']:.3f}" if found["sd"] is not None else "")

    row = " | ".join(cell(metric) for metric in ("mae", "pearson", "ordered_pair_accuracy"))
    for page in (README, RESULTS):
        assert f"| {split} | {name} | {row} |" in page


def test_the_difference_that_is_quoted_is_that_of_the_reports():
    comparisons = json.loads(committed("reports/comparisons.json"))
    for split in ("valid", "test"):
        found = comparisons[split]["differences"]["grcf - pointwise"]["mae"]
        quoted = f"{found['mean']:+.3f} (95 % interval {found['ci_low']:+.3f} to {found['ci_high']:+.3f}) on {split}"
        for page in (README, RESULTS):
            assert quoted.replace("-", "−") in page.replace("\n", " ")


@pytest.mark.parametrize("modality", ["text", "audio", "visual"])
def test_what_hiding_a_modality_costs_is_that_of_the_reports(modality):
    comparisons = json.loads(committed("reports/comparisons.json"))

    def cell(split: str) -> str:
        found = comparisons[split]["modality_differences"][f"without {modality}"]["mae"]
        return f"{found['mean']:+.3f} [{found['ci_low']:+.3f}, {found['ci_high']:+.3f}]".replace("-", "−")

    assert f"| {modality} | {cell('valid')} | {cell('test')} |" in RESULTS


@pytest.mark.parametrize(
    ("page", "heading"),
    [(README, "## GRCF on CMU-MOSI"), (RESULTS, "## CMU-MOSI")],
    ids=["README", "results"],
)
def test_the_rows_of_mosi_are_those_of_the_benchmark(page, heading):
    result = json.loads(committed("benchmarks/results/mosi.json"))
    section = page.split(f"{heading}\n")[1].split("\n##")[0]
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", section, re.MULTILINE)
    assert {"mae", *result["compared"].values()} <= {name for name, _ in rows}
    for name, cells in rows:
        found = result["standard"][name]["test"]
        metrics = (found[metric] for metric in ("mae", "pearson", "ordered_pair_accuracy"))
        assert cells == " | ".join(f"{metric['mean']:.3f} ± {metric['sd']:.3f}" for metric in metrics), name


@pytest.mark.parametrize("page", [README, RESULTS], ids=["README", "results"])
def test_the_difference_on_mosi_that_is_quoted_is_that_of_the_benchmark(page):
    result = json.loads(committed("benchmarks/results/mosi.json"))
    pair = "{grcf} - {mae}".format(**result["compared"])
    for metric, found in result["comparisons"][pair]["test"]["both"].items():
        quoted = f"{found['mean']:+.3f} [{found['ci_low']:+.3f}, {found['ci_high']:+.3f}]".replace("-", "−")
        if metric in ("mae", "pearson", "ordered_pair_accuracy"):
            assert quoted in page.replace("\n", " "), metric


def test_the_differences_that_are_quoted_of_the_map_are_on_its_page():
    """Every difference with an interval behind the sentence that begins with the raters, until the figure."""
    paragraph = README.split("**Raters with scales of their own**")[1].split("![")[0].replace("\n", " ")
    quoted = re.findall(r"[+−]\d\.\d{3} \[[+−]?\d\.\d{3}, [+−]?\d\.\d{3}\]", paragraph)
    assert quoted
    page = committed("benchmarks/results/evidence.md")
    for difference in quoted:
        assert f"| {difference} |" in page, difference


def test_the_results_with_a_text_encoder_that_learns_are_those_of_the_benchmark():
    result = json.loads(committed("benchmarks/results/mosi_finetuned.json"))["standard"]
    section = RESULTS.split("### With a text encoder that learns\n")[1].split("\n##")[0]
    for name, row in (("mae", "`mae`"), ("grcf", "GRCF")):
        cells = (result[name]["test"][metric] for metric in ("mae", "pearson", "ordered_pair_accuracy"))
        assert f"| {row} | " + " | ".join(f"{c['mean']:.3f} ± {c['sd']:.3f}" for c in cells) + " |" in section


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page):
    for command in re.findall(r"python -m pipeline (\w+)", page.read_text()):
        assert command in COMMANDS


def test_parameters_that_are_named_exist():
    params = (ROOT / "params.yaml").read_text()
    sections = set(re.findall(r"^(\w+):", params, re.MULTILINE))
    for page in PAGES:
        for section, key in re.findall(r"`(\w+)\.(\w+)[`:]", page.read_text()):
            if section in sections and key not in FILE_ENDINGS:
                assert re.search(rf"^{section}:\n(?:  .*\n)*?  {key}:", params, re.MULTILINE), (
                    f"{section}.{key}"
                )
