"""Tables whose cells are shaded by their value, and the names of label classes."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int64

from pipeline.evaluation.class_formulas import predicted_class
from pipeline.evaluation.groups import interval_of
from pipeline.evaluation.metrics import Protocol
from pipeline.pages.blocks import Cell, Table
from pipeline.pages.numbers import interval_names, signed


def classes_of(
    values: Float[np.ndarray, "segment *class"], protocol: Protocol
) -> Int64[np.ndarray, "segment"]:
    """The class of each label or prediction, from 0 for the most negative; of probabilities the most probable one.

    MOSI's seven (clipped to ±3 and rounded, halves to even), CH-SIMS v2's five or the two of binary labels; the
    diagonal of their confusion is the protocol's finest accuracy.
    """
    if protocol.is_classes:
        return predicted_class(values) if values.ndim == 2 else values.astype(np.int64)
    if protocol.cuts is not None:
        return interval_of(values, protocol.cuts)
    rounded = np.round(np.clip(values, protocol.label_min, protocol.label_max))
    return np.asarray(rounded - protocol.label_min, np.int64)


def class_names(protocol: Protocol) -> tuple[str, ...]:
    """The names of the classes of `classes_of`."""
    if protocol.is_classes:
        return protocol.classes
    if protocol.cuts is not None:
        return interval_names(protocol.cuts)
    if protocol.is_binary:
        return ("0", "1")
    n_classes = int(protocol.label_max - protocol.label_min) + 1
    return tuple(signed(protocol.label_min + position, 0) for position in range(n_classes))


def matrix_table(
    caption: str,
    values: Float[np.ndarray, "row column"],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    corner: str,
    written: Callable[[float], str],
    lightest: float = 0.0,
    darkest: float | None = None,
) -> Table:
    """A table of numbers, the darker the larger.

    Args:
        caption: text that says what the table shows.
        values: numbers of the cells; NaN leaves a cell empty.
        rows: headings of the rows.
        columns: headings of the columns.
        corner: heading of the corner, which says what rows and columns stand for.
        written: function that formats a number.
        lightest: number of a cell without shade.
        darkest: number of a cell with the darkest shade; None for the largest number of the table.
    """
    top = float(np.max(values[np.isfinite(values)], initial=lightest)) if darkest is None else darkest
    body = [
        (
            Cell(name),
            *(
                Cell(written(number), shade=_shade(number, lightest, top))
                if np.isfinite(number)
                else Cell("")
                for number in map(float, row)
            ),
        )
        for name, row in zip(rows, values, strict=True)
    ]
    return Table(caption, (corner, *columns), tuple(body), compact=True)


def _shade(number: float, lightest: float, darkest: float) -> float:
    if darkest <= lightest:
        return 0.0
    return round(min(max((number - lightest) / (darkest - lightest), 0.0), 1.0), 3)
