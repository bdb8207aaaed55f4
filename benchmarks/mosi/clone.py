"""A private clone in which the same pipeline runs on MOSI, so that nothing of the corpus comes near the repository."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.mosi.corpus import write_corpus
from benchmarks.mosi.methods import changed_sections, read_rows
from benchmarks.mosi.tables import GRCF
from pipeline.errors import PipelineError
from pipeline.execution.cache import cache_folder


def prepare(data: Path, base: dict[str, Any], seeds: Sequence[int]) -> Path:
    """A private clone with the corpus and the parameters of the GRCF row, its features extracted by the same dvc.yaml."""
    clone = (cache_folder() / "mosi").resolve()
    if not (clone / ".git").is_dir():
        run_in(Path(), "git", "clone", "--quiet", "--no-local", ".", str(clone))
    run_in(clone, "git", "fetch", "--quiet", str(Path().resolve()), "HEAD")
    run_in(clone, "git", "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    write_corpus(data, clone / "data/raw/mosi")
    for_all, rows = read_rows()
    sections = changed_sections(
        base, for_all, rows[GRCF].fixed, rows[GRCF].tuned, {"training.seeds": list(seeds)}
    )
    (clone / "params.yaml").write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
    run_in(clone, sys.executable, "-m", "dvc", "repro", "align")
    return clone


def run_in(folder: Path, *command: str) -> None:
    """Run a command there.

    Raises:
        PipelineError: it failed.
    """
    done = subprocess.run(command, cwd=folder, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise PipelineError(f"`{' '.join(command)}` failed in {folder}; its own words stand above")
