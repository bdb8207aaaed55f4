"""DVC's own plots of the results in this repository: each with a title, two curves in one where that is the point."""

import json
import subprocess

import pytest

from pipeline.yaml12 import parse_yaml
from tests.sweeping.repositories import ROOT, Repository

pytestmark = pytest.mark.slow
PIPELINE = parse_yaml((ROOT / "dvc.yaml").read_text())
OVERLAYS = {name: plot for entry in PIPELINE["plots"] for name, plot in entry.items()}


def title(plot: dict) -> str:
    return plot["anchor_definitions"]["<DVC_METRIC_TITLE>"]


@pytest.fixture(scope="module")
def two_commits(tmp_path_factory) -> Repository:
    """This repository and, on top, a commit with another curve."""
    repository = Repository(tmp_path_factory.mktemp("views") / "repository")
    cloned = subprocess.run(
        ["git", "clone", "--quiet", "--shared", str(ROOT), str(repository.path)],
        capture_output=True,
        check=False,
    )
    if cloned.returncode:
        pytest.skip("the repository is not under git here")
    # The declarations under test, committed or not.
    (repository.path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    repository.run("git", "config", "user.name", "test")
    repository.run("git", "config", "user.email", "test@example.org")
    repository.run("git", "commit", "--quiet", "--allow-empty", "--all", "--message", "declarations")
    curve = repository.path / "reports/curves/rank.csv"
    header, *rows = curve.read_text().splitlines()
    curve.write_text("\n".join([header, *reversed(rows)]) + "\n")
    repository.run("git", "commit", "--quiet", "--all", "--message", "another curve")
    return repository


@pytest.fixture(scope="module")
def plots(two_commits) -> dict[str, dict]:
    shown = json.loads(two_commits.run("dvc", "plots", "diff", "HEAD~1", "HEAD", "--json", "--split").stdout)
    assert "errors" not in shown
    return {name: drawn[0] for name, drawn in shown["data"].items() if drawn}


def test_every_plot_has_a_title_of_its_own_and_both_revisions(plots):
    titles = [title(plot) for plot in plots.values()]
    assert len(set(titles)) == len(titles)
    assert not any("/" in one for one in titles), "a path is no title"
    assert all(plot["revisions"] == ["HEAD~1", "HEAD"] for plot in plots.values())


@pytest.mark.parametrize("name", OVERLAYS)
def test_two_curves_are_in_one_plot(plots, name):
    points = plots[name]["anchor_definitions"]["<DVC_METRIC_DATA>"]
    for file, column in OVERLAYS[name]["y"].items():
        found = [point for point in points if file.endswith(point["filename"])]
        assert {point["rev"] for point in found} == {"HEAD~1", "HEAD"}
        assert all(float(point[column]) >= 0 for point in found)


def test_no_column_of_a_file_is_drawn_twice():
    drawn = [
        (file, plot["y"])
        for stage in PIPELINE["stages"].values()
        for entry in stage.get("plots", [])
        for file, plot in entry.items()
        if "y" in plot
    ]
    drawn += [pair for plot in OVERLAYS.values() for pair in plot["y"].items()]
    assert len(set(drawn)) == len(drawn)


def test_the_page_of_all_plots_is_written(two_commits):
    shown = two_commits.run("dvc", "plots", "show", "--out", "plots")
    assert "index.html" in shown.stdout
    page = (two_commits.path / "plots/index.html").read_text()
    for plot in OVERLAYS.values():
        assert plot["title"] in page
