"""What dvc.lock records of two runs: which stages ran on something else, and whether the data is the same."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from pipeline.errors import PipelineError

MANIFEST = "manifest"
"""The stage whose outputs say which data a run is about."""

MACHINE = "made on another class of machine"
LIBRARIES = "made with other libraries or on another class of machine"
"""Why a stage may have written something else although it read the same."""

_MAX_PATHS = 3


@dataclass(frozen=True)
class Stage:
    """What dvc.lock records of one stage: its command, and the digests of what it read and wrote.

    Attributes:
        command: the command line.
        inputs: digest by path.
        parameters: parameters as recorded, nested as in params.yaml.
        outputs: digest by path.
    """

    command: Any
    inputs: Mapping[str, str]
    parameters: Mapping[Any, Any]
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
                parameters=_parameters(recorded.get("params", {})),
                outputs=_digests(recorded.get("outs", [])),
            )
            for name, recorded in lock["stages"].items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise PipelineError(
            f"{source}: not a lock file of DVC; take it from git again, or run `dvc repro` to make it"
        ) from error
    depth: dict[str, int] = {}
    return {
        name: stages[name] for name in sorted(stages, key=lambda name: (_depth(name, stages, depth), name))
    }


def stage_changes(
    base: Mapping[str, Stage], experiment: Mapping[str, Stage], *, same_libraries: bool
) -> tuple[StageChange, ...]:
    """The stages that differ, in the order of the experiment, those that it does not have last.

    Args:
        base: stages of the first run, by name.
        experiment: stages of the second run, by name.
        same_libraries: whether both runs pin the same libraries. A stage that read the same and wrote something else was
            then made on another class of machine, whose arithmetic rounds differently.
    """
    reason = MACHINE if same_libraries else LIBRARIES
    makers = {
        path: name
        for stages in (base, experiment)
        for name, stage in stages.items()
        for path in stage.outputs
    }
    changes: list[StageChange] = []
    elsewhere: set[str] = set()
    for name in [*experiment, *(name for name in base if name not in experiment)]:
        before, after = base.get(name), experiment.get(name)
        if before is None or after is None:
            changes.append(StageChange(name, ("added" if before is None else "removed",)))
        elif before != after:
            differences = _differences(before, after, makers, elsewhere, reason)
            if _began_elsewhere(before, after, makers, elsewhere):
                elsewhere.add(name)
            changes.append(StageChange(name, differences))
    return tuple(changes)


def is_the_machine_alone(changes: Sequence[StageChange]) -> bool:
    """Whether stages differ, and all of them by nothing but the class of machine that made them or those before them."""
    return bool(changes) and all(
        change.differences[0] == f"outputs alone: {MACHINE}"
        or (change.differences[0].startswith("inputs (from ") and _ends_in_machine(change.differences))
        for change in changes
    )


def _ends_in_machine(differences: Sequence[str]) -> bool:
    first, *further = differences
    return first.endswith(f", {MACHINE})") and ";" not in first and further in ([], ["outputs"])


def data_changes(base: Mapping[str, Stage], experiment: Mapping[str, Stage]) -> tuple[str, ...] | None:
    """The outputs of the manifest that differ; None where a run has no manifest to tell by."""
    if MANIFEST not in base or MANIFEST not in experiment:
        return None
    return _changed(base[MANIFEST].outputs, experiment[MANIFEST].outputs)


def _began_elsewhere(before: Stage, after: Stage, makers: Mapping[str, str], elsewhere: Set[str]) -> bool:
    """Whether nothing but the machine or the libraries can have made a stage different, here or in stages before it."""
    if before.command != after.command or before.parameters != after.parameters:
        return False
    return all(makers.get(path) in elsewhere for path in _changed(before.inputs, after.inputs))


def _differences(
    before: Stage, after: Stage, makers: Mapping[str, str], elsewhere: Set[str], reason: str
) -> tuple[str, ...]:
    differences = []
    if before.command != after.command:
        differences.append("command")
    inputs = _changed(before.inputs, after.inputs)
    if inputs:
        differences.append(f"inputs ({_origins(inputs, makers, elsewhere, reason)})")
    parameters = _changed(before.parameters, after.parameters)
    if parameters:
        differences.append(f"parameters ({', '.join(parameters)})")
    if _changed(before.outputs, after.outputs):
        differences.append("outputs" if differences else f"outputs alone: {reason}")
    return tuple(differences)


def _origins(inputs: Sequence[str], makers: Mapping[str, str], elsewhere: Set[str], reason: str) -> str:
    """Where a change began: code and raw data by their paths, or the stages that made the inputs."""
    stages = list(dict.fromkeys(makers[path] for path in inputs if path in makers))
    paths = _some([path for path in inputs if path not in makers])
    origins = paths or _from([stage for stage in stages if stage not in elsewhere])
    rounded = _from([stage for stage in stages if stage in elsewhere])
    return "; ".join(filter(None, (origins, f"{rounded}, {reason}" if rounded else "")))


def _from(stages: Sequence[str]) -> str:
    return f"from {', '.join(stages)}" if stages else ""


def _some(paths: Sequence[str]) -> str:
    """As many paths as fit on a line."""
    more = len(paths) - _MAX_PATHS
    return ", ".join(paths[:_MAX_PATHS]) + (f" and {more} more" if more > 0 else "")


def _changed(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> tuple[str, ...]:
    # A key of params.yaml may be a number.
    keys = sorted(before.keys() | after.keys(), key=str)
    return tuple(str(key) for key in keys if before.get(key) != after.get(key))


def _parameters(files: Mapping[str, Any]) -> Mapping[Any, Any]:
    """What is recorded of params.yaml; raises `TypeError` where that is no mapping."""
    found = files.get("params.yaml", {})
    if not isinstance(found, Mapping):
        raise TypeError("values without keys")
    return found


def _digests(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The digest of each path, empty where none is recorded; raises `TypeError` where one of them is no text."""
    found = {}
    for entry in entries:
        path, digest = entry["path"], entry.get("md5", "")
        if not (isinstance(path, str) and isinstance(digest, str)):
            raise TypeError("a path or a digest that is no text")
        found[path.rstrip("/")] = digest
    return found


def _depth(name: str, stages: Mapping[str, Stage], known: dict[str, int]) -> int:
    """The length of the longest way to a stage from one that reads no other's output."""
    if name not in known:
        known[name] = 0  # a stage cannot come before itself: DVC refuses circles
        read = set(stages[name].inputs)
        makers = [other for other, stage in stages.items() if other != name and read & stage.outputs.keys()]
        known[name] = max((1 + _depth(other, stages, known) for other in makers), default=0)
    return known[name]
