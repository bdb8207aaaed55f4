"""The sections about what the models were given: coverage of the modalities and the corpus itself."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64

from pipeline.artifacts.aligned.coverage import ModalityCoverage
from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.evaluation.metrics import Protocol
from pipeline.pages.blocks import Block, Cell, Grid, Paragraph, Section, Table, shortened
from pipeline.pages.numbers import count, fixed, plural, share
from pipeline.reporting.counted_segments import SplitCounts
from pipeline.reporting.figures.bars import draw_shares
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.matrices import class_names, classes_of

MOST_LISTED = 20
"""Failures and speakers that are named; the others are counted."""

_METHODS = {
    "given": "timed by the corpus",
    "forced": "aligned with their transcript",
    "proportional": "spread over the voiced part",
    "recognised": "recognised without a transcript",
    "none": "without words",
}


def coverage_section(inputs: ReportInputs) -> Section:
    """How much of the corpus each modality really covers, and what failed."""
    coverage = inputs.coverage
    rows = tuple(
        (
            Cell(row.split),
            Cell(row.modality),
            Cell(count(row.segments)),
            Cell(count(row.words)),
            Cell(share(row.valid_words)),
            Cell(share(row.segments_without)),
            Cell(share(row.valid_rows)),
        )
        for row in sorted(coverage.modalities, key=_place)
    )
    header = (
        "Split",
        "Modality",
        "Segments",
        "Words",
        "Valid words, %",
        "Segments without, %",
        "Valid rows, %",
    )
    table = Table("Coverage of each modality, by split", header, rows, frozenset({1}))
    methods = ", ".join(
        f"{plural(n, 'segment')} {_METHODS.get(method, method)}"
        for method, n in coverage.align_methods.items()
    )
    summary = Paragraph(
        f"{plural(coverage.segments, 'segment')} with {plural(coverage.words, 'word')}, of which "
        f"{count(coverage.words_cut_off)} were cut off; {plural(coverage.rejected, 'segment')} rejected. "
        f"How words were timed: {methods or 'there are none'}."
    )
    explanation = Paragraph(
        "A word is valid in a modality that measured something during it. A segment is without a modality if no word of it is "
        "valid there. A segment without words counts as one word. Rows are the items that the extractor processed: words for "
        "text, frames for audio and visual.",
        "small",
    )
    return Section("coverage", "Coverage", (summary, table, explanation, *_failures(inputs), *_notes(inputs)))


def corpus_section(inputs: ReportInputs) -> Section:
    """Segments, speakers, time and labels by split."""
    by_split = inputs.segments.by_split
    # Numbers of classes have no mean.
    of_label = () if inputs.protocol.is_classes else ("Mean label",)
    header = (
        "Split",
        "Segments",
        "Speakers",
        "Videos",
        "Minutes",
        *of_label,
        "Without transcript",
        "Without sound",
        "Without picture",
    )
    rows = tuple(_split_row(split, found, with_label=bool(of_label)) for split, found in by_split.items())
    names, counts = class_names(inputs.protocol), _label_counts(by_split.values(), inputs.protocol)
    n_segments = counts.sum(axis=0)
    histogram = tuple(
        (
            Cell(name),
            *(
                Cell(count(n), f"{share(n / total)} %" if total else "")
                for n, total in zip(row, n_segments.tolist(), strict=True)
            ),
        )
        for name, row in zip(names, counts.tolist(), strict=True)
    )
    shares: dict[str, Any] = {
        split: counts[:, position] / max(n_segments[position], 1) for position, split in enumerate(SPLITS)
    }
    blocks: list[Block] = [
        Table(f"The corpus “{inputs.parameters['corpus.name']}” by split", header, rows),
        *_terms(inputs),
        *_speakers_in_two_splits(by_split),
        Grid(
            (
                Table("Labels by class and split", ("Label", *SPLITS), histogram),
                draw_shares(
                    "labels", names, shares, caption="Labels: share of each split's segments by class."
                ),
            )
        ),
    ]
    return Section("corpus", "Corpus", tuple(blocks))


def _terms(inputs: ReportInputs) -> list[Block]:
    """Who gave the labels, what the corpus may be used for, and what to cite."""
    terms = inputs.terms
    licence = terms.licence or "the corpus names none; ask its owner before you pass on the data or a model"
    found = (("Labels by", terms.rated_by), ("Licence", licence), ("To cite", terms.citation))
    return [Paragraph(f"{name}: {text.rstrip('.')}.", "small") for name, text in found if text is not None]


def _place(row: ModalityCoverage) -> tuple[int, int]:
    return SPLITS.index(row.split), MODALITIES.index(row.modality)


def _failures(inputs: ReportInputs) -> list[Block]:
    failures = [
        (modality, id_, reason)
        for modality in MODALITIES
        for id_, reason in inputs.coverage.failures.get(modality, {}).items()
    ]
    if not failures:
        return [Paragraph("No segment failed in any modality.")]
    rows = tuple(
        (Cell(shortened(id_)), Cell(modality), Cell(shortened(reason, at_most=240)))
        for modality, id_, reason in failures[:MOST_LISTED]
    )
    caption = f"{plural(len(failures), 'failure')} of extraction"
    if len(failures) > MOST_LISTED:
        caption += f"; the first {MOST_LISTED}, and {count(len(failures) - MOST_LISTED)} more"
    return [Table(caption, ("Segment", "Modality", "Reason"), rows, frozenset({1, 2}))]


def _notes(inputs: ReportInputs) -> list[Block]:
    notes = [
        (modality, id_, note)
        for modality in MODALITIES
        for id_, found in (inputs.coverage.notes or {}).get(modality, {}).items()
        for note in found
    ]
    if not notes:
        return []
    rows = tuple(
        (Cell(shortened(id_)), Cell(modality), Cell(shortened(note, at_most=240)))
        for modality, id_, note in notes[:MOST_LISTED]
    )
    caption = f"{plural(len(notes), 'note')} on segments that were extracted, but not as usual"
    if len(notes) > MOST_LISTED:
        caption += f"; the first {MOST_LISTED}, and {count(len(notes) - MOST_LISTED)} more"
    return [Table(caption, ("Segment", "Modality", "Note"), rows, frozenset({1, 2}))]


def _split_row(split: str, found: SplitCounts, *, with_label: bool) -> tuple[Cell, ...]:
    mean = (Cell(fixed(float(np.mean(found.labels)), 2) if len(found) else "–"),) if with_label else ()
    return (
        Cell(split),
        Cell(count(len(found))),
        Cell(count(len(found.speakers))),
        Cell(count(len(found.videos))),
        Cell(fixed(found.duration_min, 1)),
        *mean,
        Cell(count(found.n_without_transcript)),
        Cell(count(found.n_without_sound)),
        Cell(count(found.n_without_picture)),
    )


def _label_counts(splits: Iterable[SplitCounts], protocol: Protocol) -> Int64[np.ndarray, "class split"]:
    n_classes = len(class_names(protocol))
    columns = [np.bincount(classes_of(found.labels, protocol), minlength=n_classes) for found in splits]
    return np.stack(columns, axis=1).astype(np.int64)


def _speakers_in_two_splits(by_split: Mapping[Split, SplitCounts]) -> list[Block]:
    """A warning where a model may know a speaker of valid or test from train."""
    splits = Counter(speaker for found in by_split.values() for speaker in found.speakers)
    shared = sorted(speaker for speaker, n_splits in splits.items() if n_splits > 1)
    if not shared:
        return [Paragraph("No speaker is in two splits.")]
    named = ", ".join(shortened(speaker, at_most=40) for speaker in shared[:MOST_LISTED])
    more = f" and {count(len(shared) - MOST_LISTED)} more" if len(shared) > MOST_LISTED else ""
    return [
        Paragraph(
            f"In more than one split: {plural(len(shared), 'speaker')} ({named}{more}), whom the models may know from train.",
            "warning",
        )
    ]
