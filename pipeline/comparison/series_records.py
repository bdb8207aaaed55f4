"""A series of runs as JSON for other programs: a stable order, finite numbers or null, and a version of the schema."""

from typing import Any

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.comparing import JUDGED_ON
from pipeline.comparison.records import to_json
from pipeline.comparison.series import Part, Series, TrackedRun
from pipeline.comparison.series_page import verdict_of
from pipeline.comparison.steps import Step

SCHEMA_VERSION = 1
"""Rises when a key changes its meaning or goes; a new key does not raise it."""


def as_json(series: Series) -> str:
    """The runs and steps of each part, the oldest first; `start`, `end` and `at` are positions among the runs of a part."""
    return to_json(
        {
            "schema_version": SCHEMA_VERSION,
            "branch": series.name,
            "model": METHOD,
            "split": JUDGED_ON,
            "metric": series.metric,
            "confidence": series.confidence,
            "n_resamples": series.n_resamples,
            "n_steps": len(series.steps),
            "parts": [_part(part) for part in series.parts],
            "skipped": list(series.skipped),
        }
    )


def _part(part: Part) -> dict[str, Any]:
    found = part.segmentation
    detectable = None if found is None else found.detectable
    return {
        "begins_because": part.reason or None,
        "better": part.metric.better,
        "unit": part.metric.unit,
        "protocol": part.runs[0].protocol.name,
        "p_value": None if found is None else found.p_value,
        "detectable": None if detectable is None else {"middle": detectable[0], "newest": detectable[1]},
        "remarks": list(part.remarks),
        "runs": [_run(run) for run in part.runs],
        "levels": [
            {
                "start": stretch.start,
                "end": stretch.end,
                "level": stretch.level,
                "noise": stretch.half_width,
            }
            for stretch in (() if found is None else found.stretches)
        ],
        "steps": [_step(part, step) for step in part.steps],
    }


def _run(run: TrackedRun) -> dict[str, Any]:
    return {
        "name": run.entry.revision.name,
        "commit": run.entry.revision.sha,
        "date": run.entry.date or None,
        "subject": run.entry.subject or None,
        "value": run.mean,
        "by_seed": run.values.tolist(),
        "doubts": list(run.run.doubts),
    }


def _step(part: Part, step: Step) -> dict[str, Any]:
    return {
        "at": step.at,
        "commit": part.runs[step.at].entry.revision.sha,
        "verdict": verdict_of(part, step),
        "before": step.before,
        "after": step.after,
        "difference": step.difference,
        "ci_low": step.low,
        "ci_high": step.high,
        "gain": part.gain(step),
        "p_value": step.p_value,
        "level": step.level,
        "changed": part.causes(step),
    }
