"""Splits that are aligned segment by segment: rows go to the disk at once, and are normalised while they are written."""

from array import array
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pipeline.align.splits import AlignedSegment, SegmentColumns, normalised_rows, split_of_rows
from pipeline.artifacts.aligned import AlignedSplit, Normalisation, write_aligned
from pipeline.artifacts.segments import Segment, Split
from pipeline.artifacts.sequences import MODALITIES, Modality
from pipeline.artifacts.spooled import Spool, Spools, Streamed
from pipeline.artifacts.tokens import TokenizedText


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

    def write(self, path: Path, finished: AlignedSplit, normalisation: Normalisation) -> None:
        """Write what `finish` gave, normalised."""

        def normalised(modality: Modality) -> Iterator[Float32[np.ndarray, "word dim"]]:
            first = 0
            for block in self._rows[modality].blocks():
                valid = finished.valid[modality][first : first + len(block)]
                yield normalised_rows(block, valid, normalisation, modality)
                first += len(block)

        rows = {
            modality: Streamed(
                np.dtype(np.float32), self._rows[modality].shape, partial(normalised, modality)
            )
            for modality in MODALITIES
        }
        write_aligned(path, finished, rows=rows)
