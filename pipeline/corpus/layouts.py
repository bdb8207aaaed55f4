"""Which reader understands which corpus layout."""

from collections.abc import Callable
from pathlib import Path

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.folder import read_folder

LAYOUTS: dict[str, Callable[[Path], list[Candidate]]] = {"folder": read_folder}
