"""The task for what trains and measures: that of the corpus, with the choices of params.yaml."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.corpus.task import Task, read_task


def load_task(path: Path) -> Task:
    """The task that stage `manifest` wrote, and what params.yaml chooses instead.

    Raises:
        PipelineError: a choice does not fit the labels.
    """
    return read_task(path).chosen(
        groups=params.load(params.Margin).groups,
        protocol=params.load(params.Evaluate).protocol,
        source=str(params.PARAMS_FILE),
    )
