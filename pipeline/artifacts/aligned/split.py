"""One split, ready for training: three modalities on one word axis, with masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pipeline.artifacts.aligned.rows import Rows
from pipeline.artifacts.corpus.segments import OWNERS, Owner, Split
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.tokens import TokenizedText, join_tokens
from pipeline.errors import PipelineError, did_you_mean


@dataclass(frozen=True, eq=False)
class Ratings:
    """The single labels of segments that several raters labelled, in the order of the segments.

    Attributes:
        segment: position of the segment that each rating is of.
        rater: position of its rater in `names`.
        label: the label, label units.
        names: names of the raters, sorted.
    """

    segment: Int64[np.ndarray, "rating"]
    rater: Int64[np.ndarray, "rating"]
    label: Float64[np.ndarray, "rating"]
    names: tuple[str, ...]

    @classmethod
    def of(cls, by_segment: Sequence[Mapping[str, float]]) -> "Ratings":
        """From the labels of each segment by rater; empty for a segment without any."""
        names = sorted({rater for given in by_segment for rater in given})
        number = {rater: position for position, rater in enumerate(names)}
        rows = [
            (position, number[rater], label)
            for position, given in enumerate(by_segment)
            for rater, label in sorted(given.items())
        ]
        segment, rater, label = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.array(segment, np.int64), np.array(rater, np.int64), np.array(label, np.float64), tuple(names)
        )

    def by_segment(self, n_segments: int) -> list[dict[str, float]]:
        """The labels of each segment by rater."""
        given: list[dict[str, float]] = [{} for _ in range(n_segments)]
        for segment, rater, label in zip(
            self.segment.tolist(), self.rater.tolist(), self.label.tolist(), strict=True
        ):
            given[segment][self.names[rater]] = label
        return given


@dataclass(frozen=True, eq=False)
class AlignedSplit:
    """The segments of one split; segment i owns the words `offsets[i]:offsets[i + 1]`, at least one.

    Word w has the row `features[m][w]` in modality m, real where `valid[m][w]` and zeros elsewhere. Words of all segments
    lie end to end: padding is the business of whoever makes a batch.

    Where the text encoder learns with the network, `tokens` holds what it reads, `columns` names the vectors that it makes
    of them, and the rows of text have no columns yet.

    `corpus`, `speaker`, `video` and `rater` say whose each segment is, by one name per segment, empty where nobody says;
    `trusted` marks the labels that are on the scale that all should be on. Each may be left out as a whole: `names_of` and
    `is_trusted` then say so of every segment.

    Raises:
        PipelineError: arrays whose lengths do not fit together, or a segment without a word slot.
    """

    split: Split
    ids: tuple[str, ...]
    labels: Float64[np.ndarray, "segment"]
    offsets: Int64[np.ndarray, "boundary"]
    features: Mapping[Modality, Rows]
    valid: Mapping[Modality, Bool[np.ndarray, "word"]]
    columns: Mapping[Modality, tuple[str, ...]]
    tokens: TokenizedText | None = None
    corpus: tuple[str, ...] = ()
    speaker: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    rater: tuple[str, ...] = ()
    trusted: Bool[np.ndarray, "_"] = field(default_factory=lambda: np.zeros(0, bool))
    ratings: Ratings = field(default_factory=lambda: Ratings.of([]))

    def __post_init__(self) -> None:
        n_words = int(self.offsets[-1]) if len(self.offsets) else -1
        lengths_fit = len(self.ids) == len(self.labels) == len(self.offsets) - 1 and all(
            self.features[modality].shape == (n_words, self._n_columns(modality))
            and self.valid[modality].shape == (n_words,)
            for modality in MODALITIES
        )
        said = (*(getattr(self, owner) for owner in OWNERS), self.trusted)
        lengths_fit &= all(len(of_segments) in (0, len(self.ids)) for of_segments in said)
        lengths_fit &= bool((self.ratings.segment < len(self.ids)).all())
        if self.tokens is not None:
            lengths_fit &= np.array_equal(self.tokens.word_offsets, self.offsets)
        if not lengths_fit or (np.diff(self.offsets) < 1).any():
            raise PipelineError(
                f"the aligned {self.split} split does not fit together: {len(self.ids)} ids, {len(self.labels)} labels, "
                f"{n_words} words; delete it and run `dvc repro`"
            )

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.ids)

    def names_of(self, owner: Owner) -> tuple[str, ...]:
        """Whose each segment is, empty where nobody says."""
        names: tuple[str, ...] = getattr(self, owner)
        return names or ("",) * len(self)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities of which at least one word has a valid row, in the order of `MODALITIES`."""
        return tuple(modality for modality in MODALITIES if self.valid[modality].any())

    @property
    def is_trusted(self) -> Bool[np.ndarray, "segment"]:
        """Whether the label of each segment is trusted."""
        return self.trusted if len(self.trusted) else np.zeros(len(self), bool)

    def of_corpora(self, names: Sequence[str] | None) -> "AlignedSplit":
        """The segments of some corpora of a pool.

        Args:
            names: names of the corpora (`training.corpora`); None = all.

        Raises:
            PipelineError: the split has no segment of one of them.
        """
        if names is None:
            return self
        there = self.names_of("corpus")
        for name in names:
            if name not in there:
                known = sorted(set(there))
                raise PipelineError(
                    f"training.corpora names {name!r}{did_you_mean(name, known)}, but no segment of {self.split} is of that "
                    f"corpus; choose from {', '.join(known)}, or leave it empty for all"
                )
        return self.select(np.array([row for row, name in enumerate(there) if name in names], np.int64))

    def stretch(self, start: int, stop: int) -> "AlignedSplit":
        """The segments from `start` on and before `stop`, of which there is one at least; its rows are not copied, but for those of a split in several shards."""
        first, last = self.offsets[start], self.offsets[min(stop, len(self))]
        given = self.ratings
        inside = (given.segment >= start) & (given.segment < stop)
        owners: dict[str, Any] = {owner: getattr(self, owner)[start:stop] for owner in OWNERS}
        return replace(
            self,
            ids=self.ids[start:stop],
            labels=self.labels[start:stop],
            offsets=self.offsets[start : stop + 1] - first,
            features={modality: rows[first:last] for modality, rows in self.features.items()},
            valid={modality: rows[first:last] for modality, rows in self.valid.items()},
            tokens=None
            if self.tokens is None
            else self.tokens.select(np.arange(start, min(stop, len(self)), dtype=np.int64)),
            trusted=self.trusted[start:stop],
            ratings=Ratings(
                given.segment[inside] - start, given.rater[inside], given.label[inside], given.names
            ),
            **owners,
        )

    def select(self, segments: Int64[np.ndarray, "segment"]) -> "AlignedSplit":
        """The segments at these positions, in this order."""
        words = np.concatenate(
            [np.arange(self.offsets[segment], self.offsets[segment + 1]) for segment in segments]
            or [np.zeros(0, np.int64)]
        )
        ratings = self.ratings.by_segment(len(self))
        owners: dict[str, Any] = {
            owner: tuple(names[segment] for segment in segments)
            for owner in OWNERS
            if (names := self.names_of(owner))
        }
        return replace(
            self,
            ids=tuple(self.ids[segment] for segment in segments),
            labels=self.labels[segments],
            offsets=np.concatenate([[0], np.cumsum(np.diff(self.offsets)[segments])]).astype(np.int64),
            features={modality: rows[words] for modality, rows in self.features.items()},
            valid={modality: rows[words] for modality, rows in self.valid.items()},
            tokens=None if self.tokens is None else self.tokens.select(segments),
            trusted=self.is_trusted[segments],
            ratings=Ratings.of([ratings[segment] for segment in segments]),
            **owners,
        )

    def _n_columns(self, modality: Modality) -> int:
        return 0 if modality == "text" and self.tokens is not None else len(self.columns[modality])


def boundaries_end_to_end(parts: Sequence[Int64[np.ndarray, "_"]]) -> Int64[np.ndarray, "boundary"]:
    """The boundaries of the segments of several parts, in the rows of all, from those in the rows of each."""
    lengths = np.concatenate([np.diff(part) for part in parts])
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def joined(splits: Sequence[AlignedSplit]) -> AlignedSplit:
    """The segments of all splits end to end, under the name of the first; their columns are the same."""
    first = splits[0]
    tokens = [split.tokens for split in splits if split.tokens is not None]
    owners: dict[str, Any] = {
        owner: tuple(name for split in splits for name in split.names_of(owner)) for owner in OWNERS
    }
    return replace(
        first,
        ids=tuple(id_ for split in splits for id_ in split.ids),
        labels=np.concatenate([split.labels for split in splits]),
        offsets=boundaries_end_to_end([split.offsets for split in splits]),
        features={
            modality: np.concatenate([split.features[modality] for split in splits])
            for modality in MODALITIES
        },
        valid={
            modality: np.concatenate([split.valid[modality] for split in splits]) for modality in MODALITIES
        },
        tokens=join_tokens(tokens) if tokens else None,
        trusted=np.concatenate([split.is_trusted for split in splits]),
        ratings=Ratings.of([given for split in splits for given in split.ratings.by_segment(len(split))]),
        **owners,
    )
