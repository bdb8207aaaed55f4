"""The file of results: what a run measures takes the place of the same cell, and everything else stays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import READERS
from benchmarks.evidence.methods import METHODS
from benchmarks.evidence.setups import SETUPS
from benchmarks.evidence.tables import METRICS
from benchmarks.evidence.trial import STANDARD

RESULTS = Path("benchmarks/results/evidence.json")
PAGE = Path("benchmarks/results/evidence.md")

Found = dict[str, Any]

_PLACE = ("corpus", "split", "condition", "setup")
_CELL = {"rows": (*_PLACE, "method", "metric"), "comparisons": (*_PLACE, "a", "b", "metric")}


def merged(
    result: Mapping[str, Sequence[Found]], rows: Sequence[Found], comparisons: Sequence[Found]
) -> dict[str, Any]:
    """The results with new rows and comparisons.

    A row is replaced by one of the same corpus, split, condition, set-up, method and metric, a comparison by one of the same two
    methods. So a run of some methods leaves the others. Where it trained other models of a method, though, an older comparison
    with that method is of models that no row shows any more, and goes.

    Args:
        result: `rows` and `comparisons` so far, empty at first; what else it has stays.
        rows: rows that were measured.
        comparisons: comparisons that were measured.
    """
    together = {
        name: {_key(found, _CELL[name]): found for found in (*result.get(name, ()), *new)}
        for name, new in (("rows", rows), ("comparisons", comparisons))
    }
    models = {key: _models(row) for key, row in together["rows"].items()}

    def is_current(comparison: Found) -> bool:
        place, metric = _key(comparison, _PLACE), comparison["metric"]
        return all(
            models.get((*place, comparison[side], metric)) == _models(comparison) for side in ("a", "b")
        )

    return {
        **result,
        "rows": sorted(together["rows"].values(), key=_order),
        "comparisons": sorted(filter(is_current, together["comparisons"].values()), key=_order),
    }


def _models(found: Found) -> tuple[Any, Any]:
    return found.get("seeds"), found.get("draws")


def _key(found: Found, fields: Sequence[str]) -> tuple[Any, ...]:
    return tuple(found[field] for field in fields)


def _order(found: Found) -> tuple[Any, ...]:
    """Corpora and conditions in their order, the published split before others, methods in theirs."""
    methods = list(METHODS)
    return (
        list(READERS).index(found["corpus"]),
        list(CONDITIONS).index(found["condition"]),
        found["split"] != STANDARD,
        found["split"],
        list(SETUPS).index(found["setup"]),
        *(methods.index(found[side]) for side in ("method", "a", "b") if side in found),
        METRICS.index(found["metric"]),
    )
