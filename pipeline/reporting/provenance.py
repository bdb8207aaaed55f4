"""The sections that say where the numbers come from: parameters, digests, and what the intervals are over."""

from itertools import groupby
from typing import Any

from pipeline.pages.blocks import Cell, Grid, Paragraph, Section, Table
from pipeline.pages.numbers import level, plural
from pipeline.reporting.inputs import ReportInputs

# Enough to tell files apart by eye; a full digest would only be copied wrongly.
_DIGITS_SHOWN = 12


def parameters_section(inputs: ReportInputs) -> Section:
    """Every value that can change a result."""
    tables = []
    for section, names in groupby(inputs.parameters, key=lambda name: name.split(".")[0]):
        rows = tuple(
            (Cell(name.removeprefix(f"{section}.")), Cell(_written(inputs.parameters[name])))
            for name in names
        )
        tables.append(Table(section, ("Parameter", "Value"), rows, frozenset({1})))
    return Section("parameters", "Parameters", (Grid(tuple(tables), least_width_em=16.0),), brief=False)


def inputs_section(inputs: ReportInputs) -> Section:
    """Digests of everything that this report was made from."""
    rows = tuple(
        (Cell(name), Cell(digest[:_DIGITS_SHOWN])) for name, digest in sorted(inputs.digests.items())
    )
    explanation = Paragraph(
        "The report is a rendering of these inputs and of nothing else: the same digests give the same report.",
        "small",
    )
    table = Table("SHA-256, first digits", ("Input", "Digest"), rows, frozenset({1}))
    return Section("inputs", "Inputs", (table, explanation))


def intervals_section(inputs: ReportInputs) -> Section:
    """What an interval here covers, and what it does not."""
    confidence = level(inputs.confidence)
    n_seeds = inputs.n_seeds
    single = Paragraph(
        "With one seed no interval says what training again would change; train at least two seeds, better five.",
        "warning",
    )
    over_segments = Paragraph(
        f"After a difference: the {confidence} percentile bootstrap interval over segments, drawn with replacement, and both "
        "models on the same draws. It covers another sample of segments of the same kind, not training again."
    )
    own = Paragraph(
        f"After a single model's value: ± the standard deviation over {plural(n_seeds, 'seed')} and, in brackets, the "
        f"{confidence} t interval of the mean over seeds. It covers training again on these segments, "
        "not other segments."
    )
    over_both = Paragraph(
        f"After a difference: the {confidence} percentile bootstrap interval over seeds and segments, both drawn with "
        "replacement, and both models on the same draws. It covers training again and another sample "
        "of segments of the same kind. Overlapping intervals of two models do not decide between them; the interval of "
        "their difference does."
    )
    narrow = (
        "A bootstrap over few seeds is somewhat too narrow in its seed part, segments"
        if n_seeds > 1
        else "Segments"
    )
    limits = Paragraph(
        f"{narrow} of one speaker are not independent of each other, and no interval is widened for the number of metrics that are "
        "compared: one of twenty differences without substance is expected to exclude zero at 95 %."
    )
    paragraphs = [own, over_both, limits] if n_seeds > 1 else [single, over_segments, limits]
    return Section("intervals", "What the intervals are over", tuple(paragraphs))


def _written(value: Any) -> str:
    """A parameter as params.yaml has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(item) for item in value)}]"
    return str(value)
