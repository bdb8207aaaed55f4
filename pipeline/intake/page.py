"""What was found in a corpus, for people: tables for a terminal, a page with figures, and JSON for programs."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipeline.artifacts.formats.files import finite
from pipeline.intake.checking import CorpusReport, Part
from pipeline.intake.problems import Level
from pipeline.pages.blocks import (
    Block,
    Cell,
    Document,
    Grid,
    Heading,
    Listing,
    Paragraph,
    Section,
    Table,
    Tone,
    plain_table,
)
from pipeline.pages.charts import column_chart
from pipeline.pages.html import to_html as document_to_html
from pipeline.pages.numbers import fixed, short
from pipeline.pages.text import as_text

_BAR = 30
_UNKNOWN = "?"
_TONES: Mapping[Level, Tone] = {"error": "bad", "warning": "doubtful"}
_STYLES = {"train": "grey", "valid": "green", "test": "purple"}


def to_text(report: CorpusReport) -> str:
    """For a terminal; a problem is a sentence, errors first."""
    blocks: list[Block] = [Heading(_title(report), level=1), Paragraph(_summary(report))]
    if report.parts:
        blocks += [parts_table(report), Heading("Labels"), labels_table(report)]
    blocks += _raters(report)
    blocks.append(Heading("Problems"))
    blocks += [
        Paragraph(f"{problem.level.upper()} {problem.kind} ({problem.n}): {problem.sentence}")
        for problem in report.problems
    ]
    if not report.problems:
        blocks.append(Paragraph("None found."))
    return as_text(blocks)


def to_json(report: CorpusReport) -> dict[str, Any]:
    """Everything, rounded to six digits."""
    rounded: dict[str, Any] = finite(asdict(report) | {"has_errors": report.has_errors})
    return rounded


def to_html(report: CorpusReport) -> str:
    """One page that needs no other file; every text of the corpus is escaped."""
    sections = [Section("problems", "Problems", (_problems(report),))]
    if report.parts:
        sections.append(Section("splits", "Splits", (parts_table(report),)))
        sections.append(Section("labels", "Labels", tuple(_labels(report))))
    return document_to_html(Document(_title(report), _summary(report), tuple(sections)))


def _problems(report: CorpusReport) -> Block:
    if not report.problems:
        return Paragraph("None found.")
    return Listing(
        tuple(
            (
                Cell(f"{problem.level}: {problem.kind} ({problem.n})", tone=_TONES[problem.level]),
                problem.sentence,
            )
            for problem in report.problems
        )
    )


def _labels(report: CorpusReport) -> list[Block]:
    edges = report.label_edges
    charts = tuple(
        column_chart(
            counts,
            _intervals(report),
            ends=(short(edges[0]), short(edges[-1])),
            style=_STYLES.get(split, "same"),
            caption=f"Labels of {split}: how many in each interval.",
        )
        for split, counts in report.label_counts.items()
    )
    return [*_raters(report), Grid(charts, least_width_em=18.0), labels_table(report, with_bars=False)]


def _raters(report: CorpusReport) -> list[Block]:
    """What is known of how far raters agree; nothing where segments have one."""
    if report.agreement is not None:
        return [
            Paragraph(f"Agreement of the raters on classes: Krippendorff's alpha {report.agreement:.2f}.")
        ]
    return [] if report.annotator_spread is None else [Paragraph(_annotators(report))]


def _annotators(report: CorpusReport) -> str:
    """How far annotators differ, and the groups of stage 1 that follow from it."""
    spread = f"The annotators of a segment of train differ by {report.annotator_spread:.3g} (pooled standard deviation)."
    if not report.groups:
        return spread
    cuts = ",".join(f"{cut:g}" for cut in report.groups)
    return f"{spread} Sentiment groups twice as wide as that: -S 'margin.groups=[{cuts}]'"


def parts_table(report: CorpusReport) -> Table:
    """A row per split; a duration with ~ is estimated from the media that were opened."""
    header = (
        "split", "segments", "speakers", "videos", "transcripts", "word times", "media", "mean label", "mean s", "hours",
        "languages",
    )  # fmt: skip
    about = "~" if report.duration_is_estimated else ""
    return plain_table(
        header,
        [_row(split, part, about, with_mean=not report.classes) for split, part in report.parts.items()],
        worded=(10,),
    )


def _row(split: str, part: Part, about: str, *, with_mean: bool) -> tuple[str, ...]:
    mean_s, total_s = part.mean_duration_s, part.total_duration_s
    return (
        split,
        str(part.n_segments),
        str(part.n_speakers) if part.n_speakers else _UNKNOWN,
        str(part.n_videos),
        str(part.n_with_text),
        str(part.n_with_words),
        str(part.n_with_media),
        fixed(part.mean_label, 3) if with_mean else _UNKNOWN,
        _UNKNOWN if mean_s is None else f"{about}{mean_s:.2f}",
        _UNKNOWN if total_s is None else f"{about}{total_s / 3600:.2f}",
        ", ".join(f"{language} {n}" for language, n in part.languages.items()),
    )


def labels_table(report: CorpusReport, *, with_bars: bool = True) -> Table:
    """A row per interval of the labels: counts by split, and for a terminal a bar for all of them."""
    totals = [sum(counts) for counts in zip(*report.label_counts.values(), strict=True)]
    most = max([*totals, 1])
    rows = [
        (
            name,
            *(str(counts[position]) for counts in report.label_counts.values()),
            *(["█" * -(-_BAR * total // most)] if with_bars else []),
        )
        for position, (name, total) in enumerate(zip(_intervals(report), totals, strict=True))
    ]
    header = ("labels", *report.label_counts, *(["all"] if with_bars else []))
    return plain_table(header, rows, worded=(len(report.label_counts) + 1,))


def _intervals(report: CorpusReport) -> list[str]:
    if len(report.classes) == len(report.label_edges) - 1:
        return list(report.classes)
    return [f"{short(low)} to {short(high)}" for low, high in itertools.pairwise(report.label_edges)]


def _title(report: CorpusReport) -> str:
    return f"Corpus {report.folder}, layout {report.layout}"


def _summary(report: CorpusReport) -> str:
    n = sum(part.n_segments for part in report.parts.values())
    errors = sum(problem.level == "error" for problem in report.problems)
    left_out = f", {report.n_excluded} more are not used" if report.n_excluded else ""
    opened = (
        f"{report.n_media_opened} of {report.n_media} media files were opened"
        if report.n_media
        else "there are no media"
    )
    verdict = f"{errors} kinds of problems would end or spoil a run" if errors else "nothing would end a run"
    if errors == 1:
        verdict = "one kind of problem would end or spoil a run"
    return f"{n} segments{left_out}; {opened}; {verdict}."
