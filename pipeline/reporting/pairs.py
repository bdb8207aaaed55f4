"""The section about what stage 1 made of the pairs: how margins, violations and weights were distributed."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import Float

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
    if pairs.empty:
        empty = Paragraph("No two segments of train lay in different groups within a batch.")
        return Section("group-pairs", "Pairs of groups in stage 1", (empty,), brief=False)
    means = pairs.drop(columns="seed").groupby(["group_above", "group_below"], as_index=False).mean()
    groups = np.unique(means[["group_above", "group_below"]].to_numpy())
    names = group_names(
        groups.tolist(), groups=inputs.parameters["margin.groups"], binary=inputs.protocol.is_binary
    )
    tables = tuple(_pair_table(means, groups, names, measure) for measure in _PAIR_MEASURES)
    n_seeds = pairs["seed"].nunique()
    explanation = Paragraph(
        f"Segments of train, as stage 1 left them: means over the pairs that meet in a batch, then over {plural(n_seeds, 'seed')}. "
        "A row is the group that should score higher, a column the one that should score lower.",
        "small",
    )
    blocks = (*_distributions(inputs), Grid(tables), explanation)
    return Section("group-pairs", "Pairs of groups in stage 1", blocks, brief=False)


def _distributions(inputs: ReportInputs) -> list[Block]:
    bins = inputs.pair_distributions
    if bins.empty:
        return []
    figures = []
    for quantity, words in _QUANTITIES.items():
        rows = bins[bins["quantity"] == quantity]
        figures.append(
            draw_histogram(
                f"distribution-{quantity}",
                rows.to_dict("records"),
                measure=words,
                caption=f"Stage 1: how the {quantity}s of {count(int(rows['n_pairs'].sum()))} pairs of train, of all seeds, "
                f"were distributed.",
            )
        )
    return [Grid(tuple(figures))]


def _pair_table(means: pd.DataFrame, groups: np.ndarray, names: Sequence[str], measure: str) -> Table:
    values: Float[np.ndarray, "above below"] = np.full((len(groups), len(groups)), np.nan)
    above, below = (np.searchsorted(groups, means[side]) for side in ("group_above", "group_below"))
    values[above, below] = means[measure]
    written = _PAIR_FORMATS.get(measure, partial(fixed, digits=2))
    return matrix_table(
        _PAIR_MEASURES[measure],
        # The lowest group stands above no other, the highest below none.
        values[:0:-1, :-1],
        rows=tuple(names)[:0:-1],
        columns=tuple(names)[:-1],
        corner="above ↓ below →",
        written=written,
        # No pair weighs less than 1, so shades from zero would all look alike.
        lightest=1.0 if measure == "weight" else 0.0,
        darkest=1.0 if measure in ("capped", "ordered") else None,
    )
