"""What a report is made from, as the stages before it left it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.artifacts.aligned.coverage import Coverage
from pipeline.artifacts.evaluated.by_corpus import CorpusMetric
from pipeline.artifacts.evaluated.evaluation import (
    EVALUATED,
    Difference,
    EvaluatedSplit,
    Evaluation,
    SplitComparisons,
    Summary,
)
from pipeline.artifacts.evaluated.models import BASELINE, COMPARED, METHOD, minus
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.artifacts.evaluated.robustness import RobustnessCurve
from pipeline.artifacts.trained.curves import TrainingCurves
from pipeline.artifacts.trained.pair_statistics import GroupPairRow, PairBinRow
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Protocol
from pipeline.evaluation.own_metrics import with_own_metrics
from pipeline.evaluation.protocols import protocol_named, require_measured_by
from pipeline.reporting.budgets import gradient_epochs
from pipeline.reporting.corpus_statement import CorpusTerms
from pipeline.reporting.counted_segments import CountedSegments


@dataclass(frozen=True, eq=False, kw_only=True)
class ReportInputs:
    """The content of every file that the report reads.

    Attributes:
        evaluation: content of `reports/metrics.json` and `reports/comparisons.json`.
        predictions: content of `reports/predictions.csv`.
        by_corpus: rows of `reports/by_corpus.csv`; none where all segments are of one corpus.
        coverage: content of `reports/coverage.json`.
        curves: tables of `reports/curves/` for `rank`, `calibrate` and `pointwise`.
        group_pairs: rows of `reports/group_pairs.csv`, one per seed and pair of groups.
        pair_distributions: rows of `reports/pair_distributions.csv`, one per quantity, distance of groups and bin.
        robustness: content of `reports/robustness.csv`.
        noise: content of `reports/noise.csv`.
        degraded: content of `reports/degraded.csv`; none where no degradation of recordings was asked for.
        segments: what was counted of the manifest.
        parameters: every parameter by its full name, such as `margin.base`.
        digests: SHA-256 in hexadecimal by the name of what was read.
        terms: what the corpus says of its labels, its licence and its citation.

    Raises:
        PipelineError: files are of different runs, or one was cut off.
    """

    evaluation: Evaluation
    predictions: Sequence[SplitPredictions]
    by_corpus: Sequence[CorpusMetric]
    coverage: Coverage
    curves: Mapping[str, TrainingCurves]
    group_pairs: Sequence[GroupPairRow]
    pair_distributions: Sequence[PairBinRow]
    robustness: Sequence[RobustnessCurve]
    noise: Sequence[RobustnessCurve]
    degraded: Sequence[RobustnessCurve]
    segments: CountedSegments
    parameters: Mapping[str, Any]
    digests: Mapping[str, str]
    terms: CorpusTerms = field(default_factory=CorpusTerms)

    def __post_init__(self) -> None:
        require_measured_by(self.protocol, self.evaluation)
        self._require_whole_predictions()
        self._require_whole_corpora()
        self._require_whole_curves()

    def _require_whole_predictions(self) -> None:
        predicted = {found.split: len(found.ids) for found in self.predictions}
        for split in EVALUATED:
            n_segments = len(self.segments.by_split[split])
            if predicted.get(split, 0) != n_segments:
                raise PipelineError(
                    f"reports/predictions.csv has {predicted.get(split, 0)} rows of {split}, but the manifest has {n_segments} "
                    "segments of it; run `dvc repro evaluate` to predict again"
                )
        for name, curves in (("robustness", self.robustness), ("noise", self.noise)):
            missing = sorted(predicted.keys() - {curve.split for curve in curves})
            if curves and missing:
                raise PipelineError(
                    f"reports/{name}.csv has no rows of {' and '.join(missing)}; run `dvc repro evaluate` to measure again"
                )
            for part in predicted if curves else ():
                there = {curve.modality for curve in curves if curve.split == part}
                cut_off = sorted(self._perturbed(part) - there)
                if cut_off:
                    raise PipelineError(
                        f"reports/{name}.csv has no rows of {', '.join(cut_off)} in {part}, as if it was cut off; "
                        "run `dvc repro evaluate` to measure again"
                    )
        self._require_whole_pairs()

    def _perturbed(self, split: str) -> set[str]:
        """What is perturbed in turn in a split, as `perturbations.perturbed_modalities` says: what the split has, and all at once."""
        present = {
            str(row.modality)
            for row in self.coverage.modalities
            if row.split == split and (row.valid_words > 0 or row.segments_without < 1)
        }
        return (present if len(present) > 1 else set()) | {"all"}

    def _require_whole_corpora(self) -> None:
        """Every corpus of a pool has the same rows."""
        corpora = [(found.split, corpus) for found in self.predictions for corpus in found.corpora]
        is_pool = len({corpus for _, corpus in corpora}) > 1
        models = (*COMPARED, minus(BASELINE), self.protocol.constant)
        expected = [
            (*corpus, model, metric)
            for corpus in corpora
            for model in models
            for metric in self.protocol.headline
        ]
        found = [(row.split, row.corpus, row.model, row.metric) for row in self.by_corpus]
        if sorted(found) != (sorted(expected) if is_pool else []):
            raise PipelineError(
                f"reports/by_corpus.csv has {len(found)} rows, which are not those of the corpora in reports/predictions.csv; run "
                "`dvc repro evaluate` to measure again"
            )

    def _require_whole_pairs(self) -> None:
        """Both tables count the same pairs, so that one which was cut off between two rows counts fewer."""
        by_groups = sum(row.n_pairs for row in self.group_pairs)
        for quantity in dict.fromkeys(row.quantity for row in self.pair_distributions):
            n_pairs = sum(row.n_pairs for row in self.pair_distributions if row.quantity == quantity)
            if n_pairs != by_groups:
                raise PipelineError(
                    f"reports/group_pairs.csv counts {by_groups} pairs, but reports/pair_distributions.csv has {n_pairs} by "
                    f"{quantity}, as if one of them was cut off; run `dvc repro rank` to make both anew"
                )

    def _require_whole_curves(self) -> None:
        for stage, n_epochs in gradient_epochs(self.parameters).items():
            epochs = self.curves[stage].epochs
            if len(epochs) and epochs[-1] < n_epochs:
                raise PipelineError(
                    f"reports/curves/{stage}.csv ends at epoch {epochs[-1]:.0f} of {n_epochs}; run `dvc repro {stage}` to train "
                    "again"
                )

    @property
    def protocol(self) -> Protocol:
        """The protocol by which was measured."""
        protocol = with_own_metrics(
            protocol_named(self.parameters["evaluate.protocol"]).of_classes(
                self.parameters.get("task.classes", ())
            ),
            self.parameters["evaluate.metrics"],
        )
        if protocol.finest is not None or protocol.task != "regression":
            return protocol
        # Where the field has agreed on no classes, tables count labels by fifths of the range.
        low, high = (float(self.parameters[key]) for key in ("task.label_min", "task.label_max"))
        return replace(
            protocol, cuts=tuple(round(low + (high - low) * fifth / 5, 6) for fifth in range(1, 5))
        )

    @property
    def baseline(self) -> str:
        """The point-wise model in words."""
        return f"point-wise {'regression' if self.protocol.task == 'regression' else 'classification'}"

    @property
    def confidence(self) -> float:
        """Level of every interval."""
        return float(self.parameters["evaluate.confidence"])

    @property
    def n_seeds(self) -> int:
        """Number of models that were trained of each kind."""
        return len(self.parameters["training.seeds"])

    @property
    def names(self) -> dict[str, str]:
        """The models that are compared, in words."""
        return {METHOD: "GRCF", BASELINE: self.baseline}

    def comparisons(self, split: EvaluatedSplit) -> SplitComparisons:
        """What was compared on one split."""
        return self.evaluation.comparisons[split]

    def metrics_in(self, row: Mapping[str, Any]) -> list[Metric]:
        """The metrics that a row holds, in the order of the protocol; JSON files are sorted by name."""
        return [metric for metric in self.protocol.metrics if metric.name in row]

    def summary(self, split: EvaluatedSplit, model: str, metric: Metric) -> Summary:
        """One metric of one model over its seeds."""
        return self.evaluation.metrics[split][model][metric.name]

    def difference(self, split: EvaluatedSplit, other: str, metric: Metric) -> Difference | None:
        """GRCF minus another model; None where they are not compared by this metric."""
        return self.evaluation.difference(split, other, metric.name)

    def predicted(self, split: EvaluatedSplit) -> SplitPredictions | None:
        """Predictions of one split; None where it has no segments."""
        return next((found for found in self.predictions if found.split == split), None)
