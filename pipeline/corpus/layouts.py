"""Which reader understands which corpus layout, and what the layout asks of params.yaml."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cmu import read_mosei, read_mosi
from pipeline.corpus.folder import read_folder
from pipeline.corpus.media_index import is_medium
from pipeline.corpus.mustard import read_mustard
from pipeline.corpus.pickled import read_pickled
from pipeline.corpus.sims import read_sims
from pipeline.corpus.urfunny import read_urfunny
from pipeline.errors import PipelineError
from pipeline.history.links import outside_target
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


def _refuse_links_out(folder: Path) -> None:
    """Refuse tables and features that are links to somewhere else; links of media are refused one by one, with a reason.

    Raises:
        PipelineError: there is such a link.
    """
    for above, _, names in os.walk(folder):
        for name in names:
            path = Path(above, name)
            if not path.is_symlink() or is_medium(name):
                continue
            try:
                target = outside_target(path, folder=folder)
            except (OSError, ValueError) as error:
                raise PipelineError(
                    f"{path}: is a link to nothing ({error}); repair it or remove it"
                ) from error
            if target is not None:
                raise PipelineError(
                    f"{path}: is a link to {target}, outside of the corpus folder; put the file itself there, or let "
                    "`python -m pipeline import` do so"
                )


def _within(read: Callable[[Path], list[Candidate]]) -> Callable[[Path], list[Candidate]]:
    """The reader, for folders that hold everything they are read from."""

    def read_whole(folder: Path) -> list[Candidate]:
        _refuse_links_out(folder)
        return read(folder)

    return read_whole


@dataclass(frozen=True)
class Layout:
    """One way to organise a corpus.

    Attributes:
        read: reads a corpus folder; a folder that is not of this layout is a `PipelineError`.
        settings: settings of params.yaml that such a corpus needs, with values as `-S key=value` takes them; empty where the
            layout does not say.
        standard_mixes: groupings (such as the video) that the published split of this corpus is known to mix between parts.
        folds_mix: groupings that its published folds are known to mix.
    """

    read: Callable[[Path], list[Candidate]]
    settings: Mapping[str, str] = field(default_factory=dict)
    standard_mixes: tuple[Kind, ...] = ()
    folds_mix: tuple[Kind, ...] = ()

    def mixes(self, split: str) -> tuple[Kind, ...]:
        """What `manifest.split` of this value may have in two parts, because the field's own split has."""
        return {"standard": self.standard_mixes, "drawn": ()}.get(split, self.folds_mix)


LAYOUTS: dict[str, Layout] = {
    "folder": Layout(_within(read_folder)),
    "mosi": Layout(_within(read_mosi), _CMU),
    "mosei": Layout(_within(read_mosei), _CMU),
    # 60/20/20 % of the clips, drawn without regard to the recording that they were cut from.
    "sims": Layout(_within(read_sims), _SIMS, standard_mixes=("video",)),
    "simsv2": Layout(_within(read_sims), _SIMS, standard_mixes=("video",)),
    "urfunny": Layout(_within(read_urfunny), _BINARY),
    # The five folds are stratified by label alone; the standard split tests on one show.
    "mustard": Layout(_within(read_mustard), _BINARY, folds_mix=("speaker",)),
    **{name: Layout(_within(partial(read_pickled, layout=name))) for name in PICKLE_LAYOUTS},
}
