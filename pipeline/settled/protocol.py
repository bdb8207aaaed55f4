"""The protocol by which commands measure: that of params.yaml, or else that of the run in the workspace."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.corpus.task import read_task
from pipeline.artifacts.evaluated.run_record import read_run_record
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.own_metrics import with_own_metrics
from pipeline.evaluation.protocols import protocol_named

RECORD = Path("reports/run.json")
TASK = Path("data/manifest/task.json")


def workspace_protocol() -> Protocol:
    """The protocol of the run in the workspace.

    Raises:
        PipelineError: params.yaml names none, and there is no run.
    """
    chosen = params.load(params.Evaluate).protocol
    if chosen is None:
        chosen = (
            read_run_record(RECORD).task if RECORD.is_file() or not TASK.is_file() else read_task(TASK)
        ).protocol
    return measured_by(chosen)


def measured_by(name: str) -> Protocol:
    """The protocol of this name, with the metrics that params.yaml adds to it.

    Raises:
        PipelineError: there is no such protocol, or a metric cannot be loaded.
    """
    return with_own_metrics(protocol_named(name), params.load(params.Evaluate).metrics)
