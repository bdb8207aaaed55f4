"""A feature pickle as a corpus: what was said and felt, without media; the features come in by the feature stages."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.artifacts.corpus.words import Word
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import LABEL
from pipeline.pickles.layouts import (
    GivenSplit,
    PickleLayout,
    class_names,
    find_pickle,
    read_feature_pickle_and_rest,
)
from pipeline.pickles.rows import GivenWindows

# The pickles have no times. English is read aloud at about 150 words a minute.
_NOMINAL_WORD_S = 0.4


def read_pickled(folder: Path, *, layout: PickleLayout) -> list[Candidate]:
    """Read the one pickle of a folder.

    A sample has as many words as its text has rows. They bear the words of the transcript where it has as many (or two less,
    between [CLS] and [SEP]) and numbers otherwise, and lie evenly in the sample's span in its video; where no span is given,
    in a nominal one of 0.4 s per word. Splits are taken as they are, also where a video is in more than one of them
    (`splits_mix`). Samples of other parts, such as `train_extra`, are excluded, each by its name.

    Raises:
        PipelineError: no pickle of that layout.
    """
    path = find_pickle(folder)
    splits, rest = read_feature_pickle_and_rest(path, layout=layout)
    names = class_names(splits)
    return [
        *(candidate for given in splits for candidate in _candidates(path, given, names)),
        # Of a part without ids it is its name that is left out.
        *(_left_out(path, part, id_) for part, ids in rest.items() for id_ in ids or (part,)),
    ]


def _left_out(path: Path, part: str, id_: str) -> Candidate:
    place = f"{path}, {part}"
    return Candidate(
        place=place,
        id=id_,
        label=math.nan,
        media=None,
        text=None,
        split=None,
        speaker=None,
        video=id_,
        language=None,
        start_s=None,
        end_s=None,
        words=(),
        excluded=f"{place}: is none of train, valid and test, which alone are read; put its samples into one of them",
    )


def _candidates(path: Path, given: GivenSplit, names: Mapping[float, str]) -> list[Candidate]:
    windows = GivenWindows(given)
    candidates = []
    for sample, (id_, video, span_s, label, transcript) in enumerate(
        zip(given.ids, given.videos, given.spans_s, given.labels, given.transcripts, strict=True)
    ):
        n_words = windows.length("text", sample)
        start_s, end_s = span_s or (0.0, _NOMINAL_WORD_S * max(1, n_words))
        bounds_s = np.linspace(start_s, end_s, n_words + 1).tolist()
        candidates.append(
            Candidate(
                place=f"{path}, {given.split}, sample {sample}",
                id=id_,
                label=label,
                media=None,
                # A transcript without rows would be cut into words that no text feature belongs to.
                text=(transcript or "") if n_words else "",
                split=given.split,
                speaker=video,
                video=video,
                language=None,
                start_s=start_s,
                end_s=end_s,
                words=tuple(map(Word, _names(transcript, n_words), bounds_s[:-1], bounds_s[1:])),
                other_labels={
                    name: labels[sample]
                    for name, labels in given.other_labels.items()
                    if math.isfinite(labels[sample])
                },
                named={LABEL: names[label]} if label in names else {},
            )
        )
    return candidates


def _names(transcript: str | None, n_words: int) -> list[str]:
    spoken = (transcript or "").split()
    if len(spoken) == n_words:
        return spoken
    if len(spoken) == n_words - 2:
        return ["[CLS]", *spoken, "[SEP]"]
    return [f"[{position + 1}]" for position in range(n_words)]
