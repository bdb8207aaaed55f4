"""The report of one run, put together."""

from pipeline.pages.blocks import Document
from pipeline.pages.numbers import plural
from pipeline.reporting.agreement import confusion_section, reliability_section, scatter_section
from pipeline.reporting.classes import per_class_section
from pipeline.reporting.corpora import corpora_section
from pipeline.reporting.data import corpus_section, coverage_section
from pipeline.reporting.degraded import degraded_section
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.order import group_order_section
from pipeline.reporting.pairs import group_pairs_section
from pipeline.reporting.provenance import inputs_section, intervals_section, parameters_section
from pipeline.reporting.results import (
    differences_section,
    modalities_section,
    order_section,
    results_section,
)
from pipeline.reporting.robustness import noise_section, robustness_section
from pipeline.reporting.training import budgets_section, curves_section
from pipeline.reporting.verdict_section import verdict_section

_SECTIONS = (
    verdict_section,
    results_section,
    differences_section,
    corpora_section,
    modalities_section,
    robustness_section,
    noise_section,
    degraded_section,
    order_section,
    group_order_section,
    curves_section,
    scatter_section,
    reliability_section,
    per_class_section,
    confusion_section,
    group_pairs_section,
    coverage_section,
    corpus_section,
    parameters_section,
    budgets_section,
    inputs_section,
    intervals_section,
)
# Labels that are 0 or 1 make two lines of dots, which tell less than the reliability, and one pair of classes, whose order
# is the AUROC. Several classes have a probability each, and no place on a line.
_OF_REGRESSION = (scatter_section, group_order_section)
_OF_CLASSES = (per_class_section,)
INSPECTOR = ("inspector.html", "Ranking inspector")


def build_report(inputs: ReportInputs) -> Document:
    """The report of one run, a pure function of its inputs."""
    parameters = inputs.parameters
    sections = [
        section
        for section in _SECTIONS
        if (section not in _OF_REGRESSION or inputs.protocol.task == "regression")
        and (section not in _OF_CLASSES or inputs.protocol.task == "classes")
        and (section is not corpora_section or inputs.by_corpus)
        and (section is not degraded_section or inputs.degraded)
        and (section is not confusion_section or inputs.protocol.finest is not None)
    ]
    return Document(
        title=parameters["report.title"],
        subtitle=f"Corpus {parameters['corpus.name']}, {plural(len(inputs.segments), 'segment')}, "
        f"{plural(inputs.n_seeds, 'seed')}, metrics by the protocol {inputs.protocol.name}",
        sections=tuple(section(inputs) for section in sections),
        links=(INSPECTOR,),
    )
