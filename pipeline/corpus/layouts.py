"""Which reader understands which corpus layout, and what the layout asks of params.yaml."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cmu import read_mosei, read_mosi
from pipeline.corpus.folder import read_folder
from pipeline.corpus.mustard import read_mustard
from pipeline.corpus.pickled import read_pickled
from pipeline.corpus.sims import read_sims
from pipeline.corpus.urfunny import read_urfunny
from pipeline.pickles.layouts import PICKLE_LAYOUTS

Kind = Literal["speaker", "video"]

_CMU = {
    "corpus.language": "en",
    "corpus.label_min": "-3.0",
    "corpus.label_max": "3.0",
    "task.kind": "regression",
    "evaluate.protocol": "mosi",
    "margin.groups": "integer",
}
_SIMS = _CMU | {
    "corpus.language": "zh",
    "corpus.label_min": "-1.0",
    "corpus.label_max": "1.0",
    "evaluate.protocol": "sims",
    "margin.groups": "[-0.7,-0.1,0.1,0.7]",
}
_BINARY = _CMU | {
    "corpus.label_min": "0.0",
    "corpus.label_max": "1.0",
    "task.kind": "binary",
    "evaluate.protocol": "binary",
}


@dataclass(frozen=True)
class Layout:
    """One way to organise a corpus.

    Attributes:
        read: reads a corpus folder; a folder that is not of this layout is a `PipelineError`.
        settings: what params.yaml has to hold for such a corpus, with values as `-S key=value` takes them; empty where the
            layout does not say.
        standard_mixes: what the published split of this corpus is known to have in two parts at once.
        folds_mix: the same for its published folds.
    """

    read: Callable[[Path], list[Candidate]]
    settings: Mapping[str, str] = field(default_factory=dict)
    standard_mixes: tuple[Kind, ...] = ()
    folds_mix: tuple[Kind, ...] = ()

    def mixes(self, split: str) -> tuple[Kind, ...]:
        """What `manifest.split` of this value may have in two parts, because the field's own split has."""
        return {"standard": self.standard_mixes, "drawn": ()}.get(split, self.folds_mix)


LAYOUTS: dict[str, Layout] = {
    "folder": Layout(read_folder),
    "mosi": Layout(read_mosi, _CMU),
    "mosei": Layout(read_mosei, _CMU),
    # 60/20/20 % of the clips, drawn without regard to the recording that they were cut from.
    "sims": Layout(read_sims, _SIMS, standard_mixes=("video",)),
    "simsv2": Layout(read_sims, _SIMS, standard_mixes=("video",)),
    "urfunny": Layout(read_urfunny, _BINARY),
    # The five folds are stratified by label alone; the standard split tests on one show.
    "mustard": Layout(read_mustard, _BINARY, folds_mix=("speaker",)),
    **{name: Layout(partial(read_pickled, layout=name)) for name in PICKLE_LAYOUTS},
}
