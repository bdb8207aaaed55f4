"""The stage `evaluate` of a repository, and whether workers measured its splits."""

import sys
from pathlib import Path

from tests.stages.repositories import Repository

_WRITTEN = ("reports", "data/masks", "data/representations")
_CODE = """
from stages import evaluate

asked = evaluate.run_in_workers


def told(*arguments, **named):
    print("by workers")
    return asked(*arguments, **named)


evaluate.run_in_workers = told
evaluate.MOST_SIDE_BY_SIDE = {limit}
evaluate.main()
"""


def measured_by_workers(repository: Repository, *, limit: str = "evaluate.MOST_SIDE_BY_SIDE") -> bool:
    """Run the stage with another limit to what is measured side by side."""
    return "by workers" in repository.run(sys.executable, "-c", _CODE.format(limit=limit)).stdout


def written(repository: Repository) -> dict[Path, bytes]:
    """The files in the folders that the stage writes to."""
    files = (file for folder in _WRITTEN for file in (repository.path / folder).rglob("*") if file.is_file())
    return {file.relative_to(repository.path): file.read_bytes() for file in files}
