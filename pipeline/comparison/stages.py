"""What dvc.lock records of two runs: which stages ran on something else, and whether the data is the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import PipelineError

MANIFEST = "manifest"
"""The stage whose outputs say which data a run is about."""

_MAX_PATHS = 3


@dataclass(frozen=True)
class Stage:
    """What dvc.lock records of one stage: its command, and the digests of what it read and wrote.

    Attributes:
        command: The command line.
        inputs: Path to digest.
        parameters: Parameters as recorded, nested as in params.yaml.
        outputs: Path to digest.
    """

    command: Any
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class StageChange:
    """A stage that was recorded differently, and how, in words."""

    name: str
    differences: tuple[str, ...]


def read_stages(lock: Any, *, source: str) -> dict[str, Stage]:
    """The stages of a parsed dvc.lock, in the order in which data flows through them.

    Raises:
        PipelineError: not a dvc.lock.
    """
    try:
        stages = {
            str(name): Stage(
                command=recorded.get("cmd"),
                inputs=_digests(recorded.get("deps", [])),
                parameters=recorded.get("params", {}).get("params.yaml", {}),
                outputs=_digests(recorded.get("outs", [])),
            )
            for name, recorded in lock["stages"].items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise PipelineError(f"{source}: not a lock file of DVC; run `dvc repro` to make it") from error
    depth: dict[str, int] = {}
    return {
        name: stages[name] for name in sorted(stages, key=lambda name: (_depth(name, stages, depth), name))
    }


def stage_changes(base: Mapping[str, Stage], experiment: Mapping[str, Stage]) -> tuple[StageChange, ...]:
    """The stages that differ, in the order of the experiment, those that it does not have last."""
    changes = []
    for name in [*experiment, *(name for name in base if name not in experiment)]:
        before, after = base.get(name), experiment.get(name)
        if before is None or after is None:
            changes.append(StageChange(name, ("added" if before is None else "removed",)))
        elif before != after:
            made = {path for stage in (*base.values(), *experiment.values()) for path in stage.outputs}
            changes.append(StageChange(name, _differences(before, after, made)))
    return tuple(changes)


def data_changes(base: Mapping[str, Stage], experiment: Mapping[str, Stage]) -> tuple[str, ...] | None:
    """The outputs of the manifest that differ; None where a run has no manifest to tell by."""
    if MANIFEST not in base or MANIFEST not in experiment:
        return None
    return _changed(base[MANIFEST].outputs, experiment[MANIFEST].outputs)


def _differences(before: Stage, after: Stage, made: set[str]) -> tuple[str, ...]:
    said = []
    if before.command != after.command:
        said.append("command")
    inputs = _changed(before.inputs, after.inputs)
    if inputs:
        # What another stage made follows from that stage; code and raw data are where a change begins.
        first = [path for path in inputs if path.rstrip("/") not in made]
        said.append(f"inputs ({_some(first)})" if first else "inputs")
    parameters = _changed(before.parameters, after.parameters)
    if parameters:
        said.append(f"parameters ({', '.join(parameters)})")
    if _changed(before.outputs, after.outputs):
        said.append("outputs")
    return tuple(said)


def _some(paths: Sequence[str]) -> str:
    """As many paths as fit on a line."""
    more = len(paths) - _MAX_PATHS
    return ", ".join(paths[:_MAX_PATHS]) + (f" and {more} more" if more > 0 else "")


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key))


def _digests(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(entry["path"]).rstrip("/"): str(entry.get("md5", "")) for entry in entries}


def _depth(name: str, stages: Mapping[str, Stage], known: dict[str, int]) -> int:
    """The length of the longest way to a stage from one that reads no other's output."""
    if name not in known:
        known[name] = 0  # a stage cannot come before itself: DVC refuses circles
        read = set(stages[name].inputs)
        makers = [other for other, stage in stages.items() if other != name and read & stage.outputs.keys()]
        known[name] = max((1 + _depth(other, stages, known) for other in makers), default=0)
    return known[name]
