"""The model card of one run, in the layout that Hugging Face has for it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from huggingface_hub import EvalResult, ModelCardData

from pipeline.artifacts.evaluated.evaluation import EVALUATED, Difference, EvaluatedSplit, Summary
from pipeline.artifacts.evaluated.models import BASELINE, COMPARED, METHOD, ensemble_of
from pipeline.artifacts.trained.checkpoint import VERSION
from pipeline.evaluation.metrics import Metric
from pipeline.pages.templates import templates_beside
from pipeline.reporting.card_inputs import CardInputs
from pipeline.reporting.chosen_on_valid import ChosenOnValid
from pipeline.reporting.corpus_statement import Statement, class_counts, split_rows, statement_of
from pipeline.reporting.licences import Part, encoder, library

_DIRECTIONS = {"higher": "higher", "lower": "lower", "one": "nearer to 1", "zero": "nearer to 0"}
_CONTENT = {"text": "the words", "audio": "the voice", "visual": "the face"}
_ROLES = {"text": "text features", "audio": "audio features", "visual": "facial features"}


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of a table of results, written out; `ensemble` is empty for one seed."""

    name: str
    better: str
    grcf: str
    baseline: str
    difference: str
    ensemble: str


def to_markdown(inputs: CardInputs) -> str:
    """The whole card, a pure function of its inputs."""
    environment = templates_beside(__file__, autoescape=False)
    environment.filters["quoted"] = _quoted
    parameters, protocol = inputs.report.parameters, inputs.report.protocol
    statement = Statement("", "") if inputs.readme is None else statement_of(inputs.readme)
    return environment.get_template("model_card.md.j2").render(
        head=_head(inputs),
        corpus=parameters["corpus.name"],
        present=_joined(
            [_CONTENT[modality] for modality, found in inputs.extractions.items() if found.n_valid.any()]
        ),
        task=protocol.task,
        classes=protocol.classes,
        protocol=protocol.name,
        confidence=f"{100 * parameters['evaluate.confidence']:.4g} %",
        n_seeds=len(inputs.grcf),
        n_segments=len(inputs.report.segments),
        n_rejected=inputs.n_rejected,
        splits=split_rows(inputs.report.segments),
        class_counts=class_counts(inputs.report.segments, protocol.classes),
        statement=statement,
        terms=inputs.report.terms,
        modalities={
            modality: (found.n_columns, float((found.n_valid > 0).mean()) if len(found.ids) else 0.0)
            for modality, found in inputs.extractions.items()
        },
        results={split: metric_rows(inputs, split) for split in EVALUATED},
        parts=parts_of(inputs),
        parameters=[(name, json.dumps(value, ensure_ascii=False)) for name, value in parameters.items()],
        checkpoints=[
            (checkpoint.seed, ranked.selected_epoch, checkpoint.selected_epoch, digest)
            for ranked, checkpoint, digest in zip(inputs.ranked, inputs.grcf, inputs.digests, strict=True)
        ],
        n_weights=inputs.grcf[0].n_parameters,
        objective=inputs.ranked[0].objective,
        scope=parameters["calibrate.scope"],
        chosen_on_valid=ChosenOnValid.of(parameters).for_card,
        environment=inputs.grcf[0].environment,
        version=VERSION,
    )


def metric_rows(inputs: CardInputs, split: EvaluatedSplit) -> list[MetricRow]:
    """Every metric of the protocol on one split, for GRCF, the baseline, and their difference."""
    rows = []
    for metric in inputs.report.protocol.metrics:
        if metric.name in inputs.report.evaluation.metrics[split][METHOD]:
            grcf, baseline = (_summary(inputs.report.summary(split, model, metric)) for model in COMPARED)
            difference = _difference(inputs.report.difference(split, BASELINE, metric))
            ensemble = ""
            if ensemble_of(METHOD) in inputs.report.evaluation.metrics[split]:
                ensemble = _summary(inputs.report.summary(split, ensemble_of(METHOD), metric))
            rows.append(
                MetricRow(metric.name, _DIRECTIONS[metric.better], grcf, baseline, difference, ensemble)
            )
    return rows


def parts_of(inputs: CardInputs) -> list[Part]:
    """The encoders and the libraries that made the features and trained the networks, each once, by what they did."""
    roles: dict[tuple[str, str], list[str]] = {}

    def use(libraries: Mapping[str, str], role: str) -> None:
        for name, version in libraries.items():
            roles.setdefault((name, version), []).append(role)

    for modality, found in inputs.extractions.items():
        use(found.extractor.get("libraries", {}), _ROLES[modality])
    if inputs.report.parameters["words.aligner"] == "pocketsphinx":
        use({"pocketsphinx": ""}, "word times")
    use({name: found for name, found in inputs.grcf[0].environment.items() if name != "device"}, "training")
    libraries = [
        library(name, version, role=", ".join(dict.fromkeys(done)))
        for (name, version), done in sorted(roles.items())
    ]
    return [*_encoders(inputs), *libraries]


def _encoders(inputs: CardInputs) -> Iterator[Part]:
    """The pretrained encoders, by what they read."""
    for modality, found in inputs.extractions.items():
        settings = found.extractor.get("settings", {})
        # A model from the hub has a commit, a bundled or local one the digest of its files; what is no such model has neither.
        revision = settings.get("revision") or f"sha256 {settings.get('sha256', '')[:12]}"
        if settings.keys() & {"revision", "sha256"}:
            name = settings["model"] if modality == "text" else settings["encoder"]
            yield encoder(name, revision=revision, role=f"encoder of {_CONTENT[modality]}")


def _head(inputs: CardInputs) -> str:
    """The YAML that machines read."""
    parameters, protocol = inputs.report.parameters, inputs.report.protocol
    results = [
        _result(inputs, split, metric)
        for split in EVALUATED
        for metric in map(protocol.metric, protocol.headline)
        if inputs.report.summary(split, METHOD, metric).mean is not None
    ]
    data = ModelCardData(
        language=sorted(inputs.report.segments.languages),
        # What the weights may be used for depends on the corpus, whose terms no parameter knows.
        license="other",
        license_name="code-apache-2.0-weights-by-the-terms-of-the-corpus",
        tags=["multimodal", "sentiment-analysis", "learning-to-rank", "calibration", "grcf"],
        library_name="grcf-pipeline",
        datasets=[parameters["corpus.name"]],
        metrics=[metric.hub_name or metric.name for metric in map(protocol.metric, protocol.headline)],
        model_name=f"GRCF on {parameters['corpus.name']}",
        eval_results=results,
    )
    if not results:
        data.pop("model_name")
    written: str = data.to_yaml(line_break="\n")
    return written.rstrip("\n")


def _result(inputs: CardInputs, split: EvaluatedSplit, metric: Metric) -> EvalResult:
    parameters = inputs.report.parameters
    return EvalResult(
        task_type="other",
        task_name=f"multimodal {'sentiment regression' if inputs.report.protocol.task == 'regression' else 'classification'}",
        dataset_type=parameters["corpus.name"],
        dataset_name=parameters["corpus.name"],
        dataset_split=split,
        metric_type=metric.hub_name or metric.name,
        metric_name=f"{metric.name}, mean over {len(inputs.grcf)} seed{'s' if len(inputs.grcf) > 1 else ''}",
        metric_value=inputs.report.summary(split, METHOD, metric).mean,
    )


def _summary(summary: Summary) -> str:
    if summary.mean is None:
        return f"n/a: {summary.reason}"
    if summary.ci_low is None or summary.ci_high is None:
        return f"{summary.mean:.3f}"
    return f"{summary.mean:.3f} [{summary.ci_low:.3f}, {summary.ci_high:.3f}]"


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return ""
    if difference.mean is None:
        return f"n/a: {difference.reason}"
    if difference.ci_low is None or difference.ci_high is None:
        return f"{difference.mean:+.3f}"
    return f"{difference.mean:+.3f} [{difference.ci_low:+.3f}, {difference.ci_high:+.3f}]"


def _joined(words: list[str]) -> str:
    """The words, with commas and an `and`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]])) or "nothing"


def _quoted(text: str) -> str:
    """Somebody else's Markdown, marked as such."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
