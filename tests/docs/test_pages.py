"""Every page can be reached from the first, every relative link and anchor leads somewhere, and the README is one page."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
WITH_LINKS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(`{3,})(\S*)[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose_of(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors_of(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and MyST make them: lower case, without punctuation, hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_page_is_reached_from_the_first():
    found: set[Path] = set()
    pending = [DOCS / "index.md"]
    while pending:
        page = pending.pop()
        found.add(page)
        for _, kind, content in FENCE.findall(page.read_text()):
            if kind == "{toctree}":
                entries = [line for line in content.splitlines() if line and not line.startswith(":")]
                pending += [page.parent / f"{entry}.md" for entry in entries]
    assert found == set(PAGES)


@pytest.mark.parametrize("page", WITH_LINKS, ids=name_of)
def test_links_lead_somewhere(page):
    for link in LINK.findall(prose_of(page)):
        if re.match(r"\w+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert file.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors_of(file), link


@pytest.mark.parametrize("page", WITH_LINKS, ids=name_of)
def test_links_have_a_text(page):
    """MyST writes the title of the page into an empty link; GitHub shows nothing."""
    assert "[](" not in prose_of(page)


@pytest.mark.parametrize("page", WITH_LINKS, ids=name_of)
def test_files_that_are_named_exist(page):
    for path in re.findall(r"`((?:pipeline|stages|benchmarks|tests|docs)/[\w./-]+)`", page.read_text()):
        assert path.startswith("docs/_build") or (ROOT / path).exists(), path


def test_every_output_of_a_stage_is_described():
    artifacts = (DOCS / "reference/artifacts.md").read_text()
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        for entry in (entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])):
            path = next(iter(entry)) if isinstance(entry, dict) else entry
            assert f"`{path}`" in artifacts, path


@pytest.mark.parametrize("table", sorted((ROOT / "reports").glob("*.csv")), ids=lambda table: table.name)
def test_every_column_of_a_report_is_described(table):
    artifacts = (DOCS / "reference/artifacts.md").read_text()
    section = artifacts.split(f"### `reports/{table.name}`\n")[1].split("\n#")[0]
    for column in table.open(encoding="utf-8").readline().strip().split(","):
        assert f"`{re.sub(r'_seed_[0-9]+$', '_seed_<n>', column)}`" in section, column
