"""The table of A × B for other programs: JSON and CSV, a row per run, corpus, model and metric."""

import json
from typing import Any

from pipeline.artifacts.formats.tables import table_to_csv
from pipeline.crossing.table import CALIBRATED_ON, Contrast, Crossed, Crossing, Settings
from pipeline.errors import written_out_in_json

SCHEMA_VERSION = 1
"""Rises when a key changes its meaning or goes; a new key does not raise it."""

_DIGITS = 6


def cross_to_json(crossed: Crossed, settings: Settings, *, pool: str) -> str:
    """All that the tables show, and how it was measured."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "pool": pool,
        "split": settings.split,
        "protocol": settings.protocol.name,
        "confidence": settings.confidence,
        "n_resamples": settings.n_resamples,
        "calibrated_on": None if settings.n_labels is None else CALIBRATED_ON,
        "cells": [
            {key: _rounded(value) for key, value in _fields(row, settings).items()}
            | {"trained_on": list(row.trained_on)}
            for row in crossed.cells
        ],
        "differences": [_difference(each) for each in crossed.contrasts],
    }
    return written_out_in_json(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def cross_to_csv(crossed: Crossed, settings: Settings) -> str:
    """The cells as rows; what a run was trained on is joined by `+`."""
    rows = [
        _fields(row, settings) | {"needs_calibration": "yes" if _needs(row, settings) else "no"}
        for row in crossed.cells
    ]
    columns: dict[str, list[Any]] = {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
    return table_to_csv(columns)


def _fields(row: Crossing, settings: Settings) -> dict[str, Any]:
    summary = row.summary
    return {
        "trained_on": "+".join(row.trained_on),
        "measured_on": row.measured_on,
        "model": row.model,
        "metric": row.metric.name,
        "better": row.metric.better,
        "needs_calibration": _needs(row, settings),
        "n_labels": row.n_labels,
        "mean": summary.mean,
        "sd": summary.sd,
        "ci_low": summary.ci_low,
        "ci_high": summary.ci_high,
        "n_seeds": summary.n,
        "n_segments": row.n_segments,
        "unit": row.unit,
        "n_units": row.n_units,
        "reason": summary.reason,
    }


def _difference(contrast: Contrast) -> dict[str, Any]:
    one, other, summary = contrast.one, contrast.other, contrast.summary
    values = {
        "measured_on": one.measured_on,
        "model": one.model,
        "minus_model": other.model,
        "metric": one.metric.name,
        "n_labels": one.n_labels,
        "mean": summary.mean,
        "sd": summary.sd,
        "ci_low": summary.ci_low,
        "ci_high": summary.ci_high,
        "n_seeds": summary.n,
        "unit": one.unit,
        "n_units": one.n_units,
        "reason": summary.reason,
    }
    trained = {"trained_on": list(one.trained_on), "minus_trained_on": list(other.trained_on)}
    return trained | {key: _rounded(value) for key, value in values.items()}


def _needs(row: Crossing, settings: Settings) -> bool:
    """Whether the figure is not comparable with another row's before a calibration."""
    return row.n_labels is None and row.metric.name not in settings.protocol.scale_free


def _rounded(value: Any) -> Any:
    return round(value, _DIGITS) + 0.0 if isinstance(value, float) else value
