"""What a corpus claims about one of its segments, before anything was checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.artifacts.corpus.words import Cue, Word


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of a corpus table, whatever its layout.

    `place` says where it stands, for error sentences. `media` is relative to the corpus folder. Times, those of `words`
    too, are seconds from the start of the media. What is None, the corpus does not say. `split` is the standard one of
    the field; `fold`, from 1, is the fold of a published cross-validation that tests on this row. `other_labels` are
    labels beside the one to learn, by name. `cues` are stretches of the transcript with times. `spread` is the standard deviation
    of several raters' labels, and `ratings` are these labels by rater, `named_ratings` where they are names of classes; `rater` is the
    one who gave the label alone. `by_ratings` says that the label is what these make of it, for want of one of its own. `trusted` says
    that the label is on the scale that all should be on. `corpus` is the part of a pool that the row is of; None in a corpus that
    is none. `named` are the labels that are names of classes, by label; such a label has no number yet, and `label` is NaN where
    it is the one to learn. A row with `excluded` is known and not used; that is the sentence which says why, and `unlabelled` says
    that the reason is the label alone, so that the row is used where another label is learnt.
    """

    place: str
    id: str
    label: float
    media: str | None
    text: str | None
    split: str | None
    speaker: str | None
    video: str
    language: str | None
    start_s: float | None
    end_s: float | None
    words: tuple[Word, ...]
    fold: int | None = None
    other_labels: Mapping[str, float] = field(default_factory=dict, hash=False)
    spread: float | None = None
    excluded: str | None = None
    unlabelled: bool = False
    corpus: str | None = None
    rater: str | None = None
    ratings: Mapping[str, float] = field(default_factory=dict, hash=False)
    trusted: bool = False
    cues: tuple[Cue, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict, hash=False)
    named_ratings: Mapping[str, str] = field(default_factory=dict, hash=False)
    by_ratings: bool = False
