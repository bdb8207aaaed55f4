"""MUStARD's utterances as a corpus of our own layout, and folds in which no speaker is in two parts."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int64

from pipeline.artifacts.corpus.segments import Split
from pipeline.errors import PipelineError

N_FOLDS = 5
_SOURCE = "utterances.csv"
_COLUMNS = ("utterance_id", "text", "speaker", "show", "sarcasm")


def write_corpus(source: Path, folder: Path) -> None:
    """Bring the utterances of MUStARD into the layout of docs/reference/data.md, as text alone.

    The context (what was said before) is left out. The split column is that of fold 0.

    Args:
        source: folder with `utterances.csv` (utterance_id, text, speaker, show, sarcasm as 0 or 1).
        folder: the corpus folder to write `segments.csv` into.

    Raises:
        PipelineError: `source` does not hold this table.
    """
    if not (source / _SOURCE).is_file():
        raise PipelineError(f"{source}: {_SOURCE} is missing; name the folder that holds MUStARD by DATA=…")
    utterances = pd.read_csv(source / _SOURCE)
    missing = [name for name in _COLUMNS if name not in utterances]
    if missing:
        raise PipelineError(
            f"{source / _SOURCE}: the column {missing[0]!r} is missing; is this MUStARD's table?"
        )
    speaker = speaker_groups(utterances["speaker"], utterances["show"])
    table = pd.DataFrame(
        {
            "id": utterances["utterance_id"],
            "label": utterances["sarcasm"],
            "text": utterances["text"],
            "speaker": speaker,
            "video": utterances["utterance_id"],
        }
    )
    folds = assign_folds(speaker.to_numpy(), table["label"].to_numpy())
    table["split"] = [split_of(fold, 0) for fold in folds]
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "segments.csv", index=False)


def speaker_groups(speaker: "pd.Series[str]", show: "pd.Series[str]") -> "pd.Series[str]":
    """Who may not be in two parts: a named speaker, or all that a show calls PERSON, who may be one and the same."""
    unnamed = speaker.str.fullmatch(r"PERSON\d*")
    return speaker.where(~unnamed, "unnamed of " + show)


def assign_folds(
    speaker: np.ndarray, label: np.ndarray, *, n_folds: int = N_FOLDS
) -> Int64[np.ndarray, "segment"]:
    """The fold of each segment, whole speakers at a time, so that folds have nearly as many zeros and ones each.

    The largest speakers come first, each into the fold where the sum of the squared numbers of zeros and of ones grows
    least; names break ties.
    """
    names, member = np.unique(speaker.astype(str), return_inverse=True)
    counts = np.stack([np.bincount(member, label == value, len(names)) for value in (0, 1)], axis=1)
    totals = np.zeros((n_folds, 2))
    fold_of = np.zeros(len(names), np.int64)
    for position in sorted(
        range(len(names)), key=lambda position: (-counts[position].sum(), names[position])
    ):
        growth = ((totals + counts[position]) ** 2 - totals**2).sum(axis=1)
        fold_of[position] = int(growth.argmin())
        totals[fold_of[position]] += counts[position]
    return fold_of[member]


def split_of(fold: int, tested: int, *, n_folds: int = N_FOLDS) -> Split:
    """What the segments of a fold are for where another is tested: the next one is valid, the rest train."""
    if fold == tested:
        return "test"
    return "valid" if fold == (tested + 1) % n_folds else "train"
