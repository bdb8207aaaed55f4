"""How stage 1 left the pairs of train: means by pair of groups, and histograms, as CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pipeline.artifacts.formats.files import read_text, write_text
from pipeline.artifacts.formats.tables import not_a_table, table_from_csv, table_to_csv

_REMEDY = "dvc repro rank"
# Shares are written with six digits each.
_MOST_ROUNDING = 1e-3

MOST_PAIRS = 1 << 20
"""The number of pairs of a seed after which no further batch of train is described."""


@dataclass(frozen=True, slots=True)
class GroupPairRow:
    """How stage 1 left the pairs between two groups of train: means over pairs compared within a batch.

    `margin` and `violation` are in score units; `capped` (the weight meets `advantage.cap`, or is at most one half where
    weights are bounded) and `ordered` are shares from 0 to 1.
    """

    seed: int
    group_above: int
    group_below: int
    n_pairs: int
    margin: float
    violation: float
    weight: float
    capped: float
    ordered: float


@dataclass(frozen=True, slots=True)
class PairBinRow:
    """How many pairs of all seeds have a margin, a violation or a weight from `low` to `high`.

    `distance` is how many groups the two segments are apart, those counted too that train has no segment of; `share` is of
    the pairs of all distances, 0 to 1. Margins and violations are in score units.
    """

    quantity: str
    distance: int
    low: float
    high: float
    n_pairs: int
    share: float


_Row = TypeVar("_Row", GroupPairRow, PairBinRow)


def write_group_pairs(path: Path, rows: Sequence[GroupPairRow]) -> None:
    """Write a CSV with a row per seed and pair of groups."""
    _write(path, rows, GroupPairRow)


def read_group_pairs(path: Path) -> list[GroupPairRow]:
    """Read what `write_group_pairs` wrote.

    Raises:
        PipelineError: not such a table, or one that was cut off.
    """
    return _read(path, GroupPairRow, "table of pairs of groups")


def write_distributions(path: Path, rows: Sequence[PairBinRow]) -> None:
    """Write a CSV with a row per quantity, distance of groups and bin."""
    _write(path, rows, PairBinRow)


def read_distributions(path: Path) -> list[PairBinRow]:
    """Read what `write_distributions` wrote.

    Raises:
        PipelineError: not such a table, or one that was cut off: the shares of a quantity add up to 1.
    """
    what = "table of pair distributions"
    rows = _read(path, PairBinRow, what)
    for quantity in dict.fromkeys(row.quantity for row in rows):
        total = sum(row.share for row in rows if row.quantity == quantity)
        if abs(total - 1) > _MOST_ROUNDING:
            reason = f"the shares of {quantity} add up to {total:.3f}, as if rows were missing"
            raise not_a_table(str(path), what, _REMEDY, reason)
    return rows


def _write(path: Path, rows: Sequence[_Row], kind: type[_Row]) -> None:
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}
    write_text(path, table_to_csv(columns))


def _read(path: Path, kind: type[_Row], what: str) -> list[_Row]:
    columns = table_from_csv(read_text(path), source=str(path), what=what, remedy=_REMEDY)
    convert: Mapping[str, Any] = {field.name: field.type for field in fields(kind)}
    try:
        if list(columns) != list(convert):
            raise ValueError(f"its columns are {', '.join(columns)}")
        return [
            kind(**{name: convert[name](cell) for name, cell in zip(columns, cells, strict=True)})
            for cells in zip(*columns.values(), strict=True)
        ]
    except ValueError as error:
        raise not_a_table(str(path), what, _REMEDY, error) from error
