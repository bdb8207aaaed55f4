"""A look at a corpus for people: a table for a terminal, a page with a figure, and JSON for programs."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.artifacts.files import finite
from pipeline.intake.checking import CorpusReport, Part
from pipeline.pages.templates import templates_beside
from pipeline.pages.text import Block, Heading, Paragraph, Table, as_text

_BAR = 30
_UNKNOWN = "?"
_HEIGHT, _GAP = 120.0, 4.0


def to_text(look: CorpusReport) -> str:
    """For a terminal; a problem is a sentence, errors first."""
    blocks: list[Block] = [Heading(_title(look), level=1), Paragraph(_summary(look))]
    if look.parts:
        blocks += [parts_table(look), Heading("Labels"), labels_table(look)]
    if look.annotator_spread is not None:
        blocks.append(Paragraph(_annotators(look)))
    blocks.append(Heading("Problems"))
    blocks += [
        Paragraph(f"{problem.level.upper()} {problem.kind} ({problem.n}): {problem.sentence}")
        for problem in look.problems
    ]
    if not look.problems:
        blocks.append(Paragraph("None found."))
    return as_text(blocks)


def to_json(look: CorpusReport) -> dict[str, Any]:
    """Everything, rounded to six digits."""
    rounded: dict[str, Any] = finite(asdict(look) | {"has_errors": look.has_errors})
    return rounded


def to_html(look: CorpusReport) -> str:
    """One page that needs no other file; every text of the corpus is escaped."""
    return (
        templates_beside(__file__)
        .get_template("check.html.j2")
        .render(
            title=_title(look),
            summary=_summary(look),
            annotators=None if look.annotator_spread is None else _annotators(look),
            look=look,
            tables=[("Splits", parts_table(look)), ("Labels", labels_table(look))] if look.parts else [],
            charts=[
                {"split": split, "bars": _bars(counts), "labels": _intervals(look)}
                for split, counts in look.label_counts.items()
            ],
            height=_HEIGHT,
        )
    )


def _annotators(look: CorpusReport) -> str:
    """What the annotators of train say of the groups of stage 1."""
    said = f"The annotators of a segment of train differ by {look.annotator_spread:.3g} (pooled standard deviation)."
    if not look.groups:
        return said
    cuts = ",".join(f"{cut:g}" for cut in look.groups)
    return f"{said} Sentiment groups twice as wide as that: -S 'margin.groups=[{cuts}]'"


def parts_table(look: CorpusReport) -> Table:
    """A row per split; a duration with ~ is estimated from the media that were opened."""
    header = (
        "split", "segments", "speakers", "videos", "transcripts", "word times", "media", "mean label", "mean s", "hours",
        "languages",
    )  # fmt: skip
    about = "~" if look.duration_is_estimated else ""
    return Table(header, tuple(_row(split, part, about) for split, part in look.parts.items()), words=(10,))


def _row(split: str, part: Part, about: str) -> tuple[str, ...]:
    mean_s, total_s = part.mean_duration_s, part.total_duration_s
    return (
        split,
        str(part.n_segments),
        str(part.n_speakers) if part.n_speakers else _UNKNOWN,
        str(part.n_videos),
        str(part.n_with_text),
        str(part.n_with_words),
        str(part.n_with_media),
        f"{part.mean_label:.3f}",
        _UNKNOWN if mean_s is None else f"{about}{mean_s:.2f}",
        _UNKNOWN if total_s is None else f"{about}{total_s / 3600:.2f}",
        ", ".join(f"{language} {n}" for language, n in part.languages.items()),
    )


def labels_table(look: CorpusReport) -> Table:
    """A row per interval of the labels: counts by split, and a bar for all of them."""
    totals = [sum(counts) for counts in zip(*look.label_counts.values(), strict=True)]
    most = max([*totals, 1])
    rows = tuple(
        (
            name,
            *(str(counts[position]) for counts in look.label_counts.values()),
            "█" * -(-_BAR * total // most),
        )
        for position, (name, total) in enumerate(zip(_intervals(look), totals, strict=True))
    )
    return Table(("labels", *look.label_counts, "all"), rows, words=(len(look.label_counts) + 1,))


def _intervals(look: CorpusReport) -> list[str]:
    edges = look.label_edges
    return [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)]


def _bars(counts: Sequence[int]) -> list[Mapping[str, float]]:
    """Places in a picture whose width is 100 per cent of its own."""
    width, most = 300.0 / max(1, len(counts)), max([*counts, 1])
    return [
        {
            "x": round(position * width + _GAP / 2, 2),
            "y": round(_HEIGHT * (1 - n / most), 2),
            "width": round(width - _GAP, 2),
            "height": round(_HEIGHT * n / most, 2),
            "n": n,
        }
        for position, n in enumerate(counts)
    ]


def _title(look: CorpusReport) -> str:
    return f"Corpus {look.folder}, layout {look.layout}"


def _summary(look: CorpusReport) -> str:
    n = sum(part.n_segments for part in look.parts.values())
    errors = sum(problem.level == "error" for problem in look.problems)
    left_out = f", {look.n_excluded} more are not used" if look.n_excluded else ""
    opened = (
        f"{look.n_media_opened} of {look.n_media} media files were opened"
        if look.n_media
        else "there are no media"
    )
    verdict = f"{errors} kinds of problems would end or spoil a run" if errors else "nothing would end a run"
    if errors == 1:
        verdict = "one kind of problem would end or spoil a run"
    return f"{n} segments{left_out}; {opened}; {verdict}."
