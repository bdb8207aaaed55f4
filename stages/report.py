"""Stage `report`: what the run found, for people: the report, the ranking inspector and the model card."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from stages.preloading_entry import run

from pipeline import params
from pipeline.artifacts.aligned.coverage import read_coverage
from pipeline.artifacts.corpus.rejections import read_rejections
from pipeline.artifacts.corpus.segments import iterate_segments
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.evaluated.by_corpus import read_corpus_metrics
from pipeline.artifacts.evaluated.evaluation import read_evaluation
from pipeline.artifacts.evaluated.predictions import read_predictions
from pipeline.artifacts.evaluated.robustness import read_robustness
from pipeline.artifacts.features.extraction import read_extractions
from pipeline.artifacts.formats.files import read_text, sha256_of, write_text
from pipeline.artifacts.trained.checkpoint import TrainingStage, checkpoint_path, read_checkpoints
from pipeline.artifacts.trained.curves import read_curves
from pipeline.artifacts.trained.pair_statistics import read_distributions, read_group_pairs
from pipeline.corpus.facts import FACTS_FILE, read_facts
from pipeline.errors import PipelineError
from pipeline.execution.cache import cache_key
from pipeline.execution.pool import Done, run_in_workers
from pipeline.execution.source import source_digest
from pipeline.execution.versions import library_versions
from pipeline.execution.workers import worker_count
from pipeline.inspector.html import to_html as inspector_to_html
from pipeline.inspector.inputs import InspectorFiles
from pipeline.inspector.inputs import read_inputs as read_inspector_inputs
from pipeline.inspector.page import build_page
from pipeline.pages import vega
from pipeline.pages.blocks import Figure
from pipeline.pages.figures import as_lines
from pipeline.pages.html import to_html
from pipeline.pages.latex import to_latex
from pipeline.pages.markdown import as_markdown, to_markdown
from pipeline.reporting.card_inputs import CardInputs
from pipeline.reporting.corpus_statement import CorpusTerms
from pipeline.reporting.counted_segments import count_segments
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.model_card import to_markdown as card_to_markdown
from pipeline.reporting.page_cache import page_cache
from pipeline.reporting.report import build_report
from pipeline.reporting.results import result_tables
from pipeline.settled.task import load_task

METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
PREDICTIONS = Path("reports/predictions.csv")
BY_CORPUS = Path("reports/by_corpus.csv")
COVERAGE = Path("reports/coverage.json")
CURVES: dict[TrainingStage, Path] = {
    "rank": Path("reports/curves/rank.csv"),
    "calibrate": Path("reports/curves/calibrate.csv"),
    "pointwise": Path("reports/curves/pointwise.csv"),
}
GROUP_PAIRS = Path("reports/group_pairs.csv")
DISTRIBUTIONS = Path("reports/pair_distributions.csv")
ROBUSTNESS, NOISE = Path("reports/robustness.csv"), Path("reports/noise.csv")
DEGRADED = Path("reports/degraded.csv")
SEGMENTS, REJECTED = Path("data/manifest/segments.jsonl"), Path("data/manifest/rejected.csv")
TASK = Path("data/manifest/task.json")
WORDS = Path("data/words/words.jsonl")
FEATURES: dict[Modality, Path] = {
    "text": Path("data/text"),
    "audio": Path("data/audio"),
    "visual": Path("data/visual"),
}
RANKED, CALIBRATED = Path("data/rank"), Path("data/calibrate")
HARDEST_PAIRS = Path("data/weights/hardest_pairs.json")
REPRESENTATIONS = Path("data/representations")
MARKDOWN = Path("reports/report.md")
HTML = Path("reports/report.html")
RESULTS_MARKDOWN, RESULTS_LATEX = Path("reports/results.md"), Path("reports/results.tex")
FIGURES = Path("reports/figures.jsonl")
INSPECTOR, CARD = Path("reports/inspector.html"), Path("reports/model_card.md")
INSPECTED = InspectorFiles(
    segments=SEGMENTS,
    words=WORDS,
    features=FEATURES,
    predictions=PREDICTIONS,
    hardest=HARDEST_PAIRS,
    representations=REPRESENTATIONS,
)

READ = (
    METRICS,
    COMPARISONS,
    PREDICTIONS,
    COVERAGE,
    *CURVES.values(),
    GROUP_PAIRS,
    DISTRIBUTIONS,
    ROBUSTNESS,
    NOISE,
    SEGMENTS,
)


def settled_parameters() -> dict[str, Any]:
    """Every parameter by its full name, and instead of those that are as the corpus says, what it says."""
    return params.dump(params.Section.__subclasses__()) | load_task(TASK).parameters


def read_inputs() -> ReportInputs:
    """Everything that the report is made from."""
    parameters, degraded = settled_parameters(), read_robustness(DEGRADED, perturbation="degraded")
    if not degraded:  # then the section decides nothing, and nothing in the report is of it
        parameters = {name: value for name, value in parameters.items() if not name.startswith("degrade.")}
    # Of the values, as DVC sees them: a new comment in params.yaml makes no new report.
    values = json.dumps(parameters, sort_keys=True, ensure_ascii=False).encode()
    by_corpus = read_corpus_metrics(BY_CORPUS)
    # Without a pool the table is empty, and nothing in the report is of it.
    read = (*READ, BY_CORPUS) if by_corpus else READ
    if degraded:
        read = (*read, DEGRADED)
    facts = corpus_folder() / FACTS_FILE
    if facts.is_file():
        read = (*read, facts)
    return ReportInputs(
        evaluation=read_evaluation(metrics=METRICS, comparisons=COMPARISONS),
        predictions=read_predictions(PREDICTIONS),
        by_corpus=by_corpus,
        coverage=read_coverage(COVERAGE),
        curves={stage: read_curves(path, stage=stage) for stage, path in CURVES.items()},
        group_pairs=read_group_pairs(GROUP_PAIRS),
        pair_distributions=read_distributions(DISTRIBUTIONS),
        robustness=read_robustness(ROBUSTNESS, perturbation="missing"),
        noise=read_robustness(NOISE, perturbation="noisy"),
        degraded=degraded,
        segments=count_segments(iterate_segments(SEGMENTS)),
        parameters=parameters,
        digests={path.as_posix(): sha256_of(path) for path in read}
        | {"params.yaml (values)": hashlib.sha256(values).hexdigest()},
        terms=corpus_terms(),
    )


def corpus_folder() -> Path:
    """Folder of the corpus, which may not be here where figures are drawn from finished results."""
    return Path("data/raw") / params.load(params.Corpus).name


def corpus_terms() -> CorpusTerms:
    """What the corpus says of its labels, its licence and its citation; nothing where its folder is not here."""
    if not (corpus_folder() / FACTS_FILE).is_file():
        return CorpusTerms()
    facts = read_facts(corpus_folder())
    return CorpusTerms(rated_by=facts.rated_by, licence=facts.licence, citation=facts.citation)


def read_card_inputs(report: ReportInputs) -> CardInputs:
    """Everything that the model card is made from; the corpus speaks for itself by its README."""
    readme = corpus_folder() / "README.md"
    grcf = read_checkpoints(CALIBRATED, stage="calibrate")
    return CardInputs(
        report=report,
        n_rejected=len(read_rejections(REJECTED)),
        readme=read_text(readme) if readme.is_file() else None,
        extractions=read_extractions(FEATURES),
        ranked=read_checkpoints(RANKED, stage="rank"),
        grcf=grcf,
        digests=[sha256_of(checkpoint_path(CALIBRATED, checkpoint.seed)) for checkpoint in grcf],
    )


def remembered_runtime() -> str:
    """The JavaScript of the charts. A version of its library always makes the same, and takes a second to."""
    key = cache_key(runtime=drawn_by())
    found = page_cache().get(key)
    if found is None:
        found = vega.runtime().encode()
        keep(key, found)
    return found.decode()


def drawn_by() -> dict[str, str]:
    """What drawings and the runtime rest on beside the descriptions: the library, and the code that calls it and goes over what it gives."""
    return library_versions("vl-convert-python") | {"source": source_digest(vega.__name__)}


def keep(key: str, content: bytes) -> None:
    """Keep what was drawn. Where the cache cannot be written to, it is drawn again the next time, which is no reason to stop."""
    with suppress(PipelineError):
        page_cache().put(key, content)


def remembered_drawings(figures: Sequence[Figure]) -> dict[str, str]:
    """The drawing of each figure by its name. Those of a run before are found again; what changed is drawn side by side."""
    cache = page_cache()
    by = drawn_by()
    described = [vega.description(figure) for figure in figures]
    keys = [cache_key(drawn=text, by=by) for text in described]
    found = [cache.get(key) for key in keys]
    drawings = {
        figure.name: drawn.decode() for figure, drawn in zip(figures, found, strict=True) if drawn is not None
    }
    missing = {
        position: text
        for position, (text, drawn) in enumerate(zip(described, found, strict=True))
        if drawn is None
    }
    # Each process takes a second to start Vega's engine, in which it draws a dozen figures.
    n_workers = min(worker_count(), 1 + len(missing) // 12)
    outcomes = run_in_workers(
        vega.draw,
        missing,
        n_workers=n_workers,
        limit_s=None,
        describe=lambda text: "drawing of a figure",
    )
    for position, outcome in outcomes:
        if not isinstance(outcome, Done):
            raise PipelineError(
                f"{figures[position].name}: {outcome.reason}; run the same command again with more memory"
            )
        keep(keys[position], outcome.result.encode())
        drawings[figures[position].name] = outcome.result
    return drawings


def write_report(inputs: ReportInputs) -> None:
    """The report, its tables, and the descriptions of its figures, which `python -m pipeline report` draws as files."""
    report, tables = build_report(inputs), result_tables(inputs)
    write_text(MARKDOWN, to_markdown(report))
    drawings = remembered_drawings(report.figures)
    write_text(HTML, to_html(report, runtime=remembered_runtime(), drawings=drawings))
    write_text(RESULTS_MARKDOWN, as_markdown(tables))
    write_text(RESULTS_LATEX, to_latex(tables))
    write_text(FIGURES, as_lines(report.figures))


def write_report_and_card() -> None:
    """The report and the model card. What they are made from is let go at the end: the inspector reads segments again."""
    inputs = read_inputs()
    write_report(inputs)
    write_text(CARD, card_to_markdown(read_card_inputs(inputs)))


def write_inspector() -> None:
    """The page of pairs and segments that the model gets wrong."""
    inputs = read_inspector_inputs(INSPECTED, parameters=settled_parameters())
    page = build_page(inputs, with_text=params.load(params.Report).transcripts, root="..")
    write_text(INSPECTOR, inspector_to_html(page))


def main() -> None:
    """Render what the stages before left."""
    write_report_and_card()
    write_inspector()


if __name__ == "__main__":
    run(main)
