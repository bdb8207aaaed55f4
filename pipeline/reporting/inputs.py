"""What a report is made from, as the stages before it left it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.artifacts.predictions import SplitPredictions
from pipeline.artifacts.segments import Segment
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Protocol
from pipeline.evaluation.protocols import protocol_named
from pipeline.evaluation.robustness import RobustnessCurve
from pipeline.evaluation.statistics import Difference, Summary

EVALUATED = ("valid", "test")
"""The splits that are reported: valid first, since it is what choices go by."""

_COMPARED_MODELS = ("grcf", "pointwise")


@dataclass(frozen=True, eq=False)
class ReportInputs:
    """The content of every file that the report reads.

    Attributes:
        metrics: `reports/metrics.json`: split to model to metric to summary.
        comparisons: `reports/comparisons.json`: split to table to rows, and `parameters` to weights of each stage's network.
        predictions: `reports/predictions.csv`.
        coverage: `reports/coverage.json`.
        curves: A table of `reports/curves/` for `rank`, `calibrate` and `pointwise`.
        group_pairs: `reports/group_pairs.csv`: a row a seed and pair of groups.
        pair_distributions: `reports/pair_distributions.csv`: a row a quantity, distance of groups and bin.
        robustness: `reports/robustness.csv`.
        noise: `reports/noise.csv`.
        segments: The manifest.
        parameters: Every parameter by its full name, such as `margin.base`.
        digests: SHA-256 in hexadecimal by the name of what was read.

    Raises:
        PipelineError: Metrics or comparisons lack a split, or a model that is compared.
    """

    metrics: Mapping[str, Any]
    comparisons: Mapping[str, Any]
    predictions: Sequence[SplitPredictions]
    coverage: Mapping[str, Any]
    curves: Mapping[str, pd.DataFrame]
    group_pairs: pd.DataFrame
    pair_distributions: pd.DataFrame
    robustness: Sequence[RobustnessCurve]
    noise: Sequence[RobustnessCurve]
    segments: Sequence[Segment]
    parameters: Mapping[str, Any]
    digests: Mapping[str, str]

    def __post_init__(self) -> None:
        for split in EVALUATED:
            missing = set(_COMPARED_MODELS) - set(self.metrics.get(split, ()))
            if missing or split not in self.comparisons:
                what = f"model {' and '.join(sorted(missing))}" if missing else "comparisons"
                raise PipelineError(
                    f"the evaluation of {split} holds no {what}; run `dvc repro evaluate` to measure again"
                )

    @property
    def protocol(self) -> Protocol:
        """By which definitions was measured."""
        return protocol_named(self.parameters["evaluate.protocol"])

    @property
    def baseline(self) -> str:
        """The point-wise model in words."""
        return f"point-wise {'classification' if self.protocol.is_binary else 'regression'}"

    @property
    def confidence(self) -> float:
        """Level of every interval."""
        return float(self.parameters["evaluate.confidence"])

    @property
    def n_seeds(self) -> int:
        """Models trained of each kind."""
        return len(self.parameters["training.seeds"])

    def metrics_in(self, row: Mapping[str, Any]) -> list[Metric]:
        """The metrics that a row holds, in the order of the protocol; JSON files are sorted by name."""
        return [metric for metric in self.protocol.metrics if metric.name in row]

    def summary(self, split: str, model: str, metric: Metric) -> Summary:
        """One metric of one model over its seeds."""
        return Summary(**self.metrics[split][model][metric.name])

    def difference(self, split: str, pair: str, metric: Metric) -> Difference | None:
        """One metric of a pair such as `grcf - pointwise`; None where the pair is not compared by it."""
        row = self.comparisons[split]["differences"].get(pair, {}).get(metric.name)
        return None if row is None else Difference(**row)

    def predicted(self, split: str) -> SplitPredictions | None:
        """What the models say of one split; None where it has no segments."""
        return next((found for found in self.predictions if found.split == split), None)
