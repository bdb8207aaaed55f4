"""The command line of benchmarks on a corpus that the user has to bring."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.errors import PipelineError

MOSI = "CMU-MOSI"
MOSI_CONTENT = "folder with MOSI's labels, words and audio rows"

_Result = TypeVar("_Result")


def parser_of(module: str, description: str | None, *, content: str, results: Path) -> ArgumentParser:
    """Arguments that every such benchmark has: the folder of the corpus, and the file of the aggregates.

    Args:
        module: name of the module that is run.
        description: docstring of that module.
        content: description of what the folder holds.
        results: file of the aggregates where none is named.
    """
    parser = ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--data", type=Path, required=True, help=content)
    parser.add_argument(
        "--out", type=Path, default=results, help=f"where the aggregates go, default {results}"
    )
    return parser


def run_on(corpus: str, chosen: Namespace, run: Callable[[], _Result]) -> _Result | None:
    """Run where the corpus is there, and end with one sentence where something goes wrong; None without the corpus."""
    if not chosen.data.is_dir():
        print(f"skipped: {chosen.data} is no folder; name the one that holds {corpus} by --data")
        return None
    try:
        return run()
    except PipelineError as error:
        sys.exit(f"\n{error}")
