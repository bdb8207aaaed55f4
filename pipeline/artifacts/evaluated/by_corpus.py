"""What each model reaches on each corpus of a pool, as CSV: a row per split, corpus, model and metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.artifacts.evaluated.evaluation import Summary
from pipeline.artifacts.formats.files import read_text, write_text
from pipeline.artifacts.formats.tables import Columns, not_a_table, numbers, table_from_csv, table_to_csv

_WHAT, _REMEDY = "table of metrics by corpus", "dvc repro evaluate"
_COLUMNS = (
    "split",
    "corpus",
    "model",
    "metric",
    "mean",
    "sd",
    "ci_low",
    "ci_high",
    "n_seeds",
    "n_segments",
    "unit",
    "n_units",
    "reason",
)


@dataclass(frozen=True, slots=True)
class CorpusMetric:
    """One metric of one model, or of the method minus the baseline, on the segments of one corpus.

    Attributes:
        split: name of the split.
        corpus: name of the corpus.
        model: name of the model, or of both for a difference.
        metric: name of the metric.
        summary: mean and standard deviation over seeds; the interval is over seeds and units.
        n_segments: number of segments of the corpus in the split.
        unit: what the interval draws: segments, or speakers or videos with all of theirs.
        n_units: number of these.
    """

    split: str
    corpus: str
    model: str
    metric: str
    summary: Summary
    n_segments: int
    unit: str
    n_units: int


def write_corpus_metrics(path: Path, rows: Sequence[CorpusMetric]) -> None:
    """Write the table; of a single corpus, whose metrics are those of the whole run, it has no rows."""
    cells = [
        (
            row.split,
            row.corpus,
            row.model,
            row.metric,
            row.summary.mean,
            row.summary.sd,
            row.summary.ci_low,
            row.summary.ci_high,
            row.summary.n,
            row.n_segments,
            row.unit,
            row.n_units,
            row.summary.reason,
        )
        for row in rows
    ]
    columns = zip(*cells, strict=True) if cells else ((),) * len(_COLUMNS)
    write_text(path, table_to_csv(dict(zip(_COLUMNS, columns, strict=True))))


def read_corpus_metrics(path: Path) -> list[CorpusMetric]:
    """Read what `write_corpus_metrics` wrote.

    Raises:
        PipelineError: the file is missing, cut off or another table.
    """
    columns = table_from_csv(read_text(path), source=str(path), what=_WHAT, remedy=_REMEDY)
    try:
        values = {
            name: [None if np.isnan(value) else float(value) for value in numbers(columns[name])]
            for name in ("mean", "sd", "ci_low", "ci_high")
        }
        return [_row(columns, values, row) for row in range(len(columns["split"]))]
    except (KeyError, ValueError) as error:
        raise not_a_table(str(path), _WHAT, _REMEDY, error) from error


def _row(columns: Columns, values: Mapping[str, Sequence[float | None]], row: int) -> CorpusMetric:
    summary = Summary(
        mean=values["mean"][row],
        sd=values["sd"][row],
        ci_low=values["ci_low"][row],
        ci_high=values["ci_high"][row],
        n=int(columns["n_seeds"][row]),
        reason=columns["reason"][row] or None,
    )
    return CorpusMetric(
        split=columns["split"][row],
        corpus=columns["corpus"][row],
        model=columns["model"][row],
        metric=columns["metric"][row],
        summary=summary,
        n_segments=int(columns["n_segments"][row]),
        unit=columns["unit"][row],
        n_units=int(columns["n_units"][row]),
    )
