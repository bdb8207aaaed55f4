"""Which of the labels of a corpus is the one to learn."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import LABEL
from pipeline.errors import PipelineError, did_you_mean


def label_chosen(candidates: Sequence[Candidate], name: str) -> list[Candidate]:
    """The rows of a corpus with the label of this name as the one to learn.

    The label that it takes the place of becomes one of the other labels; a row without this label is not used.

    Args:
        candidates: rows as the reader of the layout gives them.
        name: `label` for the label that the layout has for the one to learn, or the name of another.

    Raises:
        PipelineError: no row has such a label.
    """
    if name == LABEL:
        return list(candidates)
    known = {other for candidate in candidates for other in candidate.other_labels}
    if name not in known:
        place = candidates[0].place.split(", ")[0] if candidates else "the corpus"
        raise PipelineError(
            f"{place}: no segment has a label {name!r}{did_you_mean(name, known)}; the labels there are "
            f"{', '.join([LABEL, *sorted(known)])}; choose one by corpus.label"
        )
    return [_with(candidate, name) for candidate in candidates]


def _with(candidate: Candidate, name: str) -> Candidate:
    if name not in candidate.other_labels:
        return replace(
            candidate,
            excluded=candidate.excluded or f"{candidate.place}: {candidate.id!r} has no label {name!r}",
        )
    others = {other: value for other, value in candidate.other_labels.items() if other != name}
    # Ratings and spread are those of the label that is replaced.
    return replace(
        candidate,
        label=candidate.other_labels[name],
        other_labels=others | {LABEL: candidate.label},
        spread=None,
        ratings={},
    )
