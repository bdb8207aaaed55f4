"""A private clone in which the same pipeline runs on a corpus of others, so that nothing of it comes near the repository."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.facts import write_facts
from pipeline.errors import PipelineError
from pipeline.execution.cache import cache_folder


def prepare(corpus: str, write_corpus: Callable[[Path], None], sections: Mapping[str, Any]) -> Path:
    """The clone, at the commit of the repository, its features extracted and aligned by its own dvc.yaml.

    Args:
        corpus: name of the corpus and of the clone.
        write_corpus: writes the corpus into a folder.
        sections: the content of params.yaml.
    """
    clone = (cache_folder() / corpus).resolve()
    if not (clone / ".git").is_dir():
        _run(Path(), "git", "clone", "--quiet", "--no-local", ".", str(clone))
    _run(clone, "git", "fetch", "--quiet", str(Path().resolve()), "HEAD")
    _run(clone, "git", "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    write_corpus(clone / "data/raw" / corpus)
    write_facts(clone / "data/raw" / corpus)
    reproduce(clone, sections, "align")
    return clone


def reproduce(clone: Path, sections: Mapping[str, Any], *stages: str) -> None:
    """Run these stages, or all, with other parameters.

    Raises:
        PipelineError: one of them failed.
    """
    (clone / "params.yaml").write_text(yaml.safe_dump(dict(sections), sort_keys=False), encoding="utf-8")
    _run(clone, sys.executable, "-m", "dvc", "repro", *stages)


def _run(folder: Path, *command: str) -> None:
    quiet = {"OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, check=False, env=os.environ | quiet)
    if done.returncode:
        raise PipelineError(f"`{' '.join(command)}` failed in {folder}; its own words stand above")
