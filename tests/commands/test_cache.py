"""`python -m pipeline cache` where others keep their entries in the same folder, and of what the report keeps."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.reporting.page_cache import page_cache
from stages.report import remembered_runtime

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("folder", "shared"),
    [
        (None, False),
        (".cache", False),
        ("{repository}/cache", False),
        ("{elsewhere}", True),
        ("../common", True),
    ],
)
def test_prune_says_that_it_does_not_know_what_other_repositories_need(
    tmp_path, monkeypatch, capsys, folder, shared
):
    repository, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    repository.mkdir()
    monkeypatch.chdir(repository)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, name)
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("GRCF_CACHE", raising=False)
    if folder is not None:
        monkeypatch.setenv("GRCF_CACHE", folder.format(repository=repository, elsewhere=elsewhere))
    assert main(["cache", "prune", "--dry-run", "--workspace-only"]) == 0
    assert ("What other repositories that share" in capsys.readouterr().out) == shared


@pytest.fixture
def repository(tmp_path, monkeypatch, capsys):
    """What `cache` prints with these arguments, in a repository in which nothing but the runtime of charts is kept."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, name)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("GRCF_CACHE", raising=False)
    remembered_runtime()

    def printed(*arguments: str) -> str:
        assert main(["cache", *arguments]) == 0
        return capsys.readouterr().out

    return printed


def unused_for(days):
    for entry in page_cache().entries():
        os.utime(entry.path, (time.time() - days * 86_400,) * 2)


def test_what_the_report_keeps_is_counted(repository):
    assert re.search(r"^pages +1 +1 .* - +- +-$", repository(), re.MULTILINE)
    assert re.search(r"^all +1 +1 ", repository(), re.MULTILINE)


@pytest.mark.parametrize(
    ("days", "options", "n_removed"), [(29, (), 0), (31, (), 1), (31, ("--keep-days", "40"), 0)]
)
def test_what_the_report_keeps_goes_when_it_was_not_used_for_long(repository, days, options, n_removed):
    unused_for(days)
    assert f"{n_removed} entries removed" in repository("prune", "--workspace-only", *options)
    assert len(list(page_cache().entries())) == 1 - n_removed
