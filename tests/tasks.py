"""Tasks for tests, and the task of a run that a test describes by changes of dotted names."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.artifacts.corpus.task import Task
from pipeline.corpus.facts import facts_from, facts_to_yaml

MOSI = Task(
    kind="regression", label="label", label_min=-3.0, label_max=3.0, protocol="mosi", groups="integer"
)
SIMS = replace(MOSI, label_min=-1.0, label_max=1.0, protocol="sims", groups=(-0.7, -0.1, 0.1, 0.7))
BINARY = replace(MOSI, kind="binary", label_min=0.0, label_max=1.0, protocol="binary")

_FIELDS = {"margin.groups": "groups", "evaluate.protocol": "protocol"}


def task_of(changes: Mapping[str, Any]) -> Task:
    """MOSI's task with what `task.kind`, `margin.groups` and the like change; what is a choice of params.yaml stands here, too."""
    fields: dict[str, Any] = {
        _FIELDS.get(key, key.removeprefix("task.")): tuple(value) if isinstance(value, list) else value
        for key, value in changes.items()
        if key in _FIELDS or key.startswith("task.")
    }
    return replace(MOSI, **fields)


def others(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that are of params.yaml alone."""
    return {
        key: value for key, value in changes.items() if key not in _FIELDS and not key.startswith("task.")
    }


def write_facts(folder: Path, layout: str = "folder", **label: Any) -> None:
    """The facts of a corpus in English whose label is MOSI's, or as `label` says."""
    values = {
        "layout": layout,
        "language": "en",
        "labels": {"label": label or {"kind": "regression", "min": -3.0, "max": 3.0, "protocol": "mosi"}},
    }
    (folder / "corpus.yaml").write_text(facts_to_yaml(facts_from(values, source="test")), encoding="utf-8")
