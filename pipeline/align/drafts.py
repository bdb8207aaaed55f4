"""Splits that are aligned segment by segment: rows go to the disk at once."""

from array import array
from collections.abc import Mapping

import numpy as np

from pipeline.align.splits import AlignedSegment, SegmentColumns, split_of_rows
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import Segment, Split
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.corpus.tokens import TokenizedText
from pipeline.artifacts.sharding.spooled import Spool, Spools


class SplitDraft:
    """One split under way; what stays in memory is whose its segments are, and their labels."""

    def __init__(self, split: Split, columns: Mapping[Modality, tuple[str, ...]], spools: Spools) -> None:
        self._split, self._columns, self._spools = split, columns, spools
        self._rows: dict[Modality, Spool] = {}
        self._valid = {modality: spools.new(np.bool_) for modality in MODALITIES}
        self._n_words = array("q")
        self._segments = SegmentColumns()
        self._tokens: list[TokenizedText] = []

    def append(self, segment: Segment, aligned: AlignedSegment) -> None:
        """Add the next segment of the split."""
        self._segments.append(segment)
        self._n_words.append(len(aligned.valid["text"]))
        for modality in MODALITIES:
            rows = aligned.features[modality]
            if modality not in self._rows:
                self._rows[modality] = self._spools.new(np.float32, rows.shape[1:])
            self._rows[modality].append(rows)
            self._valid[modality].append(aligned.valid[modality])
        if aligned.tokens is not None:
            self._tokens.append(aligned.tokens)

    def finish(self) -> AlignedSplit:
        """The split, not yet normalised; its features stay on the disk until they are looked at."""
        return split_of_rows(
            self._split,
            self._segments,
            n_words=self._n_words,
            features={modality: self._rows[modality].mapped() for modality in MODALITIES},
            valid={modality: self._valid[modality].mapped() for modality in MODALITIES},
            columns=self._columns,
            tokens=self._tokens,
        )
