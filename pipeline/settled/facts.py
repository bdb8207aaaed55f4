"""The facts of the corpus for what reads its folder, held against the choices of params.yaml before anything heavy runs."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.corpus.task import Task
from pipeline.corpus.facts import Facts, read_facts

RAW = Path("data/raw")


def load_facts() -> Facts:
    """The facts of the corpus that params.yaml names.

    Raises:
        PipelineError: there are none, they are wrong, or a choice of params.yaml does not fit them.
    """
    facts = read_facts(RAW / params.load(params.Corpus).name)
    chosen_task(facts)
    return facts


def chosen_task(facts: Facts) -> Task:
    """The task that the facts and params.yaml describe together.

    Raises:
        PipelineError: a choice does not fit the labels.
    """
    source = str(params.PARAMS_FILE)
    # The sections are looked at to refuse them. What a stage writes that declares none of them does not depend on them.
    return facts.task(params.load(params.Corpus).label, source=source).chosen(
        groups=params.load(params.Margin).groups,
        protocol=params.load(params.Evaluate).protocol,
        source=source,
    )
