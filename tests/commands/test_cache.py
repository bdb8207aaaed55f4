"""`python -m pipeline cache prune` where others keep their entries in the same folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.__main__ import main

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
