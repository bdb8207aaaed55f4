"""Which reader understands which corpus layout."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.folder import read_folder
from pipeline.corpus.pickled import read_pickled
from pipeline.pickles.layouts import PICKLE_LAYOUTS

LAYOUTS: dict[str, Callable[[Path], list[Candidate]]] = {
    "folder": read_folder,
    **{layout: partial(read_pickled, layout=layout) for layout in PICKLE_LAYOUTS},
}
