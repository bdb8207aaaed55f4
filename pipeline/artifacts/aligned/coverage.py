"""How much of a corpus each modality really covers, as `reports/coverage.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import with_config

from pipeline.artifacts.corpus.segments import Split
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.formats.files import write_json
from pipeline.artifacts.formats.records import STRICT, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityCoverage:
    """What one modality has of one split.

    Attributes:
        split: name of the split.
        modality: name of the modality.
        segments: number of segments of the split.
        words: number of words of the split; a segment without words counts as one.
        valid_words: share of the words in which the modality is valid, 0 to 1.
        segments_without: share of the segments without a valid word, 0 to 1.
        valid_rows: share of the rows that the extractor looked at (frames or words) that are valid, 0 to 1.
    """

    split: Split
    modality: Modality
    segments: int
    words: int
    valid_words: float
    segments_without: float
    valid_rows: float


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What a corpus has and what of it failed.

    Attributes:
        segments: number of segments of all splits.
        rejected: number of segments of the corpus that could not be used.
        duration_s: length of all segments in seconds.
        words: number of words of all segments.
        words_cut_off: number of words that are left out because their segment has too many.
        align_methods: number of segments by the source of their word times.
        modalities: coverage, one row per split and modality.
        failures: reason of each failure of extraction, by modality and segment id.
        given_rows: counts of the rows in files of features made elsewhere, by modality, over all splits
            (how many are padding, zeros alone, or not finite); None where none were.
        notes: sentence on each segment that was extracted in spite of a fault, such as pictures that could not be
            decoded, by modality and segment id; None where nothing was.
    """

    segments: int
    rejected: int
    duration_s: float
    words: int
    words_cut_off: int
    align_methods: Mapping[str, int]
    modalities: tuple[ModalityCoverage, ...]
    failures: Mapping[Modality, Mapping[str, str]]
    given_rows: Mapping[Modality, Any] | None = None
    notes: Mapping[Modality, Mapping[str, tuple[str, ...]]] | None = None


def write_coverage(path: Path, coverage: Coverage) -> None:
    """Write a JSON file that git tracks."""
    write_json(path, {name: value for name, value in asdict(coverage).items() if value is not None})


def read_coverage(path: Path) -> Coverage:
    """Read what `write_coverage` wrote.

    Raises:
        PipelineError: no such file, or another content.
    """
    return read_record(path, Coverage, what="the coverage of a corpus", remedy="dvc repro align")
