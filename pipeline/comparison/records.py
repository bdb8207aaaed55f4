"""Comparisons as JSON for other programs: a stable order, finite numbers or null, and a version of the schema."""

import json
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.company import adjusted_p_values
from pipeline.comparison.comparing import JUDGED_ON, Comparison
from pipeline.comparison.leaderboard import Leaderboard
from pipeline.comparison.measured import Measured, ModelComparison
from pipeline.comparison.parameters import Parameter
from pipeline.comparison.seen import seen
from pipeline.errors import written_out_in_json
from pipeline.history.revisions import Revision
from pipeline.pages.numbers import digits_beside_zero

SCHEMA_VERSION = 1
"""Rises when a key changes its meaning or goes; a new key does not raise it."""

_DIGITS = 6
"""As many as the predictions have; what lies behind them differs between mathematical libraries.

A smaller number has as many as tell it from zero, so that the end of an interval agrees with the verdict.
"""


def as_json(board: Leaderboard, comparisons: Sequence[Comparison]) -> str:
    """Comparisons with one base, in the order given; `leaderboard` has their places in that order, best first."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "base": _revision(board.base.revision),
        "protocol": board.protocol.name,
        "confidence": board.confidence,
        "n_resamples": board.n_resamples,
        "judged_by": {"model": METHOD, "split": JUDGED_ON, "metrics": list(board.protocol.headline)},
        "experiments": [_experiment(comparison) for comparison in comparisons],
        "leaderboard": [comparisons.index(row) for row in board.rows],
        "p_values_among_all": [
            _least(row) for row in adjusted_p_values([each.headline for each in comparisons])
        ],
        "left_out": [{**_revision(each.revision), "reason": each.sentence} for each in board.left_out],
    }
    return to_json(record)


def to_json(record: Mapping[str, Any]) -> str:
    """Values as JSON, numbers rounded to as many digits as predictions have (more where they would be zero), and null for what is no finite number."""
    text = json.dumps(_finite(record), indent=2, ensure_ascii=False, allow_nan=False)
    return written_out_in_json(text) + "\n"


def _least(p_values: Sequence[float | None]) -> float | None:
    return min((value for value in p_values if value is not None), default=None)


def _experiment(comparison: Comparison) -> dict[str, Any]:
    return {
        **_revision(comparison.experiment.revision),
        "verdict": comparison.judgement.verdict,
        "reason": comparison.judgement.reason,
        "doubts": list(dict.fromkeys(comparison.doubts)),
        "parameters": {
            change.key: {"base": _value(change.base), "experiment": _value(change.experiment)}
            for change in comparison.parameters
        },
        "data_changed": None if comparison.data is None else list(comparison.data),
        "stages_changed": {change.name: list(change.differences) for change in comparison.stages},
        "could_have_seen": comparison.seen,
        "models": [_model(model, alpha=1.0 - comparison.confidence) for model in comparison.models],
    }


def _model(model: ModelComparison, *, alpha: float) -> dict[str, Any]:
    return {
        "model": model.model,
        "split": model.split,
        "paired": model.paired,
        "basis": model.basis,
        "over": {"unit": model.units[0], "n_units": model.units[1], "n_seeds": model.n_seeds},
        "metrics": {row.metric.name: _row(row, alpha=alpha) for row in model.measured},
    }


def _row(row: Measured, *, alpha: float) -> dict[str, Any]:
    found = seen(row, alpha=alpha)
    return {
        "better": row.metric.better,
        "unit": row.metric.unit,
        "base": row.base,
        "experiment": row.experiment,
        "difference": row.difference,
        "ci_low": row.ci_low,
        "ci_high": row.ci_high,
        "gain": row.gain,
        "gain_low": row.gain_low,
        "gain_high": row.gain_high,
        "segments_low": row.segments_low,
        "segments_high": row.segments_high,
        "p_value": row.p_value,
        "probability_of_improvement": row.probability,
        "detectable": None if found is None else found.detectable,
        "seeds_needed": None if found is None else found.seeds,
        "units_needed": None if found is None else found.units,
        "verdict": row.verdict,
        "reason": row.reason,
    }


def _revision(revision: Revision) -> dict[str, str | None]:
    return {"name": revision.name, "commit": revision.sha}


def _value(parameter: Parameter | None) -> dict[str, Any] | None:
    """None for an absent key, to tell it from one that is null."""
    return None if parameter is None else {"value": parameter.value, "written": parameter.written}


def _finite(value: Any) -> Any:
    """Rounded, and null for what is no number in JSON: a parameter may be `.nan`; its `written` says so.

    A tag may have made a set, a date or bytes of a parameter: a list, and texts.
    """
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return round(value, digits_beside_zero(value, _DIGITS)) + 0.0 if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
