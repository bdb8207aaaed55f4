"""The section about what stage 1 made of the pairs: how margins, violations and weights were distributed."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from pipeline.artifacts.trained.pair_statistics import MOST_PAIRS, GroupPairRow
from pipeline.pages.blocks import Block, Grid, Paragraph, Section, Table
from pipeline.pages.numbers import count, fixed, group_names, plural, share
from pipeline.reporting.figures.bars import draw_histogram
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.matrices import matrix_table

_PAIR_MEASURES = {
    "n_pairs": "Pairs compared",
    "margin": "Mean margin, score units",
    "violation": "Mean violation, score units",
    "weight": "Mean weight",
    "capped": "Pairs whose weight meets the cap, %",
    "ordered": "Pairs in the right order, %",
}
_PAIR_FORMATS: dict[str, Callable[[float], str]] = {
    "n_pairs": partial(fixed, digits=0),
    "capped": share,
    "ordered": lambda number: fixed(100 * number, 0),
}
_QUANTITIES = {
    "margin": "margin, score units",
    "violation": "violation, score units",
    "weight": "weight",
}


def group_pairs_section(inputs: ReportInputs) -> Section:
    """Margins, violations and weights of stage 1 by pair of sentiment groups."""
    pairs = inputs.group_pairs
    if not pairs:
        empty = Paragraph("No two segments of train lay in different groups within a batch.")
        return Section("group-pairs", "Pairs of groups in stage 1", (empty,), brief=False)
    groups = np.unique([(row.group_above, row.group_below) for row in pairs])
    names = _names(inputs, groups.tolist())
    bounded = inputs.parameters["advantage.direction"] == "bounded"
    is_whole = inputs.protocol.is_classes
    tables = tuple(
        _pair_table(pairs, groups, names, measure, bounded=bounded, is_whole=is_whole)
        for measure in _PAIR_MEASURES
    )
    n_seeds = len({row.seed for row in pairs})
    explanation = Paragraph(
        f"Segments of train, as stage 1 left them: means over the pairs that meet in a batch, then over {plural(n_seeds, 'seed')}. "
        "A row is the group that should score higher, a column the one that should score lower."
        + (
            " A class should score higher than all others by its own score."
            if inputs.protocol.is_classes
            else ""
        )
        + (
            f" Of a train this large, each seed has the batches that come first in a random order, until they hold {count(MOST_PAIRS)} "
            "pairs."
            if _is_sample(pairs)
            else ""
        ),
        "small",
    )
    blocks = (*_distributions(inputs), Grid(tables), explanation)
    return Section("group-pairs", "Pairs of groups in stage 1", blocks, brief=False)


def _is_sample(pairs: Sequence[GroupPairRow]) -> bool:
    n_of_seed: Counter[int] = Counter()
    for row in pairs:
        n_of_seed[row.seed] += row.n_pairs
    return max(n_of_seed.values()) >= MOST_PAIRS


def _names(inputs: ReportInputs, groups: Sequence[int]) -> tuple[str, ...]:
    """Groups in words; classes are groups of their own."""
    if inputs.protocol.is_classes:
        return tuple(inputs.protocol.classes[group] for group in groups)
    return group_names(groups, groups=inputs.parameters["margin.groups"], binary=inputs.protocol.is_binary)


def _distributions(inputs: ReportInputs) -> list[Block]:
    bins = inputs.pair_distributions
    if not bins:
        return []
    figures = []
    for quantity, words in _QUANTITIES.items():
        rows = [row for row in bins if row.quantity == quantity]
        figures.append(
            draw_histogram(
                f"distribution-{quantity}",
                rows,
                measure=words,
                caption=f"Stage 1: how the {quantity}s of {count(sum(row.n_pairs for row in rows))} pairs of train, of all seeds, "
                f"were distributed.",
            )
        )
    return [Grid(tuple(figures))]


def _pair_table(
    pairs: Sequence[GroupPairRow],
    groups: np.ndarray,
    names: Sequence[str],
    measure: str,
    *,
    bounded: bool,
    is_whole: bool,
) -> Table:
    values = _means(pairs, groups, measure)
    written = _PAIR_FORMATS.get(measure, partial(fixed, digits=2))
    # The lowest group stands above no other, the highest below none; of classes each stands above all others.
    above, below = slice(None, None if is_whole else 0, -1), slice(None, None if is_whole else -1)
    return matrix_table(
        "Pairs that weigh at most one half, %"
        if bounded and measure == "capped"
        else _PAIR_MEASURES[measure],
        values[above, below],
        rows=tuple(names)[above],
        columns=tuple(names)[below],
        corner="above ↓ below →",
        written=written,
        # Unless weights are bounded, no pair weighs less than 1, so shades from zero would all look alike.
        lightest=1.0 if measure == "weight" and not bounded else 0.0,
        darkest=1.0 if measure in ("capped", "ordered") else None,
    )


def _means(
    pairs: Sequence[GroupPairRow], groups: np.ndarray, measure: str
) -> Float[np.ndarray, "above below"]:
    """Mean of a measure over seeds by pair of groups; NaN where a pair does not occur."""
    by_pair: dict[tuple[int, int], list[float]] = {}
    for row in pairs:
        by_pair.setdefault((row.group_above, row.group_below), []).append(getattr(row, measure))
    values = np.full((len(groups), len(groups)), np.nan)
    for (above, below), found in by_pair.items():
        values[np.searchsorted(groups, above), np.searchsorted(groups, below)] = np.mean(found)
    return values
