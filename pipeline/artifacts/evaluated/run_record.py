"""What a run was of and where it was made, in a small tracked file: what a comparison has to know before it says anything."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts.corpus.task import Task, task_from
from pipeline.artifacts.formats.files import read_json, write_json
from pipeline.errors import PipelineError


@dataclass(frozen=True)
class RunRecord:
    """The task of a run and the machines that made it.

    Attributes:
        corpus: name of the corpus.
        task: what was learnt and by which protocol it was measured.
        trained_on: classes of the devices that trained its models, and versions of the libraries that decide bits; the same
            for every machine of a class.
        measured_on: class of the device that predicted and measured.
    """

    corpus: str
    task: Task
    trained_on: tuple[Mapping[str, str], ...]
    measured_on: str


def write_run_record(path: Path, record: RunRecord) -> None:
    """Write the record as JSON.

    DVC would draw the first list of mappings, and fails on an empty list. So machines stand under their numbers, and classes
    are left out where there are none.
    """
    content = asdict(record)
    if not record.task.classes:
        del content["task"]["classes"]
    content["trained_on"] = {str(number): machine for number, machine in enumerate(record.trained_on, 1)}
    write_json(path, content)


def read_run_record(path: Path) -> RunRecord:
    """Read what `write_run_record` wrote.

    Raises:
        PipelineError: the file is missing or damaged.
    """
    return run_record_from(read_json(path), source=path)


def run_record_from(value: Any, *, source: object) -> RunRecord:
    """A record from JSON values; machines may stand in a list, as earlier versions of this project wrote them.

    Raises:
        PipelineError: the values are no record of a run.
    """
    try:
        machines = value["trained_on"]
        trained_on = tuple(
            dict(machine) for machine in (machines if isinstance(machines, list) else machines.values())
        )
        if not all(isinstance(fact, str) for machine in trained_on for fact in machine.values()):
            raise TypeError("what is recorded of a machine is text")
        return RunRecord(
            corpus=str(value["corpus"]),
            task=task_from(value["task"], source=source),
            trained_on=trained_on,
            measured_on=str(value["measured_on"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, PipelineError) as error:
        raise PipelineError(
            f"{source}: is no record of a run as this version of the project writes it; run `dvc repro evaluate` there, "
            "or read it with the version that wrote it"
        ) from error
