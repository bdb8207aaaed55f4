"""What a model card is made from, as the stages before it left it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.artifacts.extraction import Extraction
from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import Modality
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Protocol
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.statistics import Difference, Summary

MODELS = ("grcf", "pointwise")


@dataclass(frozen=True, eq=False, kw_only=True)
class CardInputs:
    """The content of every file that the card reads.

    Attributes:
        segments: The manifest.
        n_rejected: Segments of the corpus that could not be used.
        readme: The corpus's own README.md, None where it has none.
        extractions: What made the features, by modality.
        metrics: `reports/metrics.json`.
        comparisons: `reports/comparisons.json`.
        ranked: The checkpoints of stage 1, one a seed.
        grcf: The checkpoints that the card is about, one a seed.
        parameters: Every parameter by its full name.

    Raises:
        PipelineError: the metrics are of another run than the checkpoints.
    """

    segments: Sequence[Segment]
    n_rejected: int
    readme: str | None
    extractions: Mapping[Modality, Extraction]
    metrics: Mapping[str, Any]
    comparisons: Mapping[str, Any]
    ranked: Sequence[Checkpoint]
    grcf: Sequence[Checkpoint]
    parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        for split in ("valid", "test"):
            for model in MODELS:
                if model not in self.metrics.get(split, ()):
                    raise PipelineError(
                        f"the evaluation of {split} holds no {model}; run `dvc repro evaluate` to measure again"
                    )
        seeds = [checkpoint.seed for checkpoint in self.grcf]
        if seeds != sorted(self.parameters["training.seeds"]):
            raise PipelineError(
                f"data/calibrate holds the seeds {seeds}, training.seeds are {list(self.parameters['training.seeds'])}; "
                "run `dvc repro` to train them"
            )

    @property
    def protocol(self) -> Protocol:
        """By which definitions was measured."""
        return protocol_named(self.parameters["evaluate.protocol"])

    def summary(self, split: str, model: str, metric: Metric) -> Summary:
        """One metric of one model over its seeds."""
        return Summary(**self.metrics[split][model][metric.name])

    def difference(self, split: str, metric: Metric) -> Difference | None:
        """One metric of GRCF less that of the baseline; None where they are not compared by it."""
        row = self.comparisons[split]["differences"]["grcf - pointwise"].get(metric.name)
        return None if row is None else Difference(**row)
