"""The report of one run, put together."""

from pipeline.reporting.agreement import confusion_section, reliability_section, scatter_section
from pipeline.reporting.data import corpus_section, coverage_section
from pipeline.reporting.document import Document
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.numbers import plural
from pipeline.reporting.provenance import inputs_section, intervals_section, parameters_section
from pipeline.reporting.results import (
    differences_section,
    modalities_section,
    order_section,
    results_section,
    verdict_section,
)
from pipeline.reporting.training import budgets_section, curves_section, group_pairs_section

_SECTIONS = (
    verdict_section,
    results_section,
    differences_section,
    modalities_section,
    order_section,
    curves_section,
    scatter_section,
    reliability_section,
    confusion_section,
    group_pairs_section,
    coverage_section,
    corpus_section,
    parameters_section,
    budgets_section,
    inputs_section,
    intervals_section,
)


def build_report(inputs: ReportInputs) -> Document:
    """The report of one run, a pure function of its inputs."""
    parameters = inputs.parameters
    # Labels that are 0 or 1 make two lines of dots, which tell less than the reliability.
    sections = [each for each in _SECTIONS if each is not scatter_section or not inputs.protocol.is_binary]
    return Document(
        title=parameters["report.title"],
        subtitle=f"Corpus {parameters['corpus.name']}, {plural(len(inputs.segments), 'segment')}, "
        f"{plural(inputs.n_seeds, 'seed')}, metrics by the protocol {inputs.protocol.name}",
        sections=tuple(section(inputs) for section in sections),
    )
