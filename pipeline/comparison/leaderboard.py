"""Many experiments against one base, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.artifacts.evaluated.models import METHOD
from pipeline.comparison.bootstrap import Bootstrap
from pipeline.comparison.company import adjusted_p_values
from pipeline.comparison.comparable import require_measurable
from pipeline.comparison.comparing import JUDGED_ON, Comparison, compare_runs, measured_models
from pipeline.comparison.measured import verdict_cell
from pipeline.comparison.page import experiment_cells, value, written
from pipeline.comparison.runs import LeftOut, Run
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Metric, Protocol
from pipeline.pages.blocks import Block, Cell, Heading, Paragraph, plain_table
from pipeline.pages.numbers import NOT_AVAILABLE, fixed, level, plural

_MAX_COLUMNS = 4
"""Parameters that have a column each; more of them share one, or the table is wider than a terminal."""


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Experiments sorted by the first headline metric of the method on valid.

    Attributes:
        base: the run that all experiments are compared with.
        metric: the metric that the rows are sorted by.
        protocol: the protocol whose headline decides the verdicts.
        confidence: level of the intervals and verdicts.
        n_resamples: number of bootstrap resamples.
        rows: the comparisons, best first; those of equal value in the order given, those without a value last.
        keys: the parameters that any of them changed, sorted.
        left_out: experiments that could not be read or compared.
    """

    base: Run
    metric: Metric
    protocol: Protocol
    confidence: float
    n_resamples: int
    rows: tuple[Comparison, ...]
    keys: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    @cached_property
    def p_values(self) -> list[list[float | None]]:
        """The p-value of each headline metric of each row, corrected for all of them."""
        return adjusted_p_values([row.headline for row in self.rows])

    @property
    def best(self) -> Comparison | None:
        """The first row that has a value; None where none has."""
        return next((row for row in self.rows if row.headline[0].experiment is not None), None)


def leaderboard(
    base: Run,
    experiments: Sequence[Run],
    *,
    protocol: Protocol,
    confidence: float,
    n_resamples: int,
    left_out: Sequence[LeftOut] = (),
) -> Leaderboard:
    """Compare each experiment with the base on valid, by the headline metrics alone, and sort them.

    Args:
        base: the run that all experiments are compared with.
        experiments: the runs to sort, at least one.
        protocol: the protocol of the metrics; the rows are sorted by the first of its headline.
        confidence: level of the intervals and verdicts, in (0, 1).
        n_resamples: number of bootstrap resamples, at least 1.
        left_out: experiments that could not be read; those that cannot be compared are added.

    Raises:
        PipelineError: the base cannot be measured, or no experiment can be compared with it.
    """
    comparisons, strange = compare_all(
        base,
        experiments,
        splits=(JUDGED_ON,),
        protocol=protocol,
        confidence=confidence,
        bootstrap=Bootstrap(n_resamples=n_resamples),
        headline_only=True,
    )
    return sorted_by_metric(
        comparisons, protocol=protocol, n_resamples=n_resamples, left_out=[*left_out, *strange]
    )


def compare_all(
    base: Run,
    experiments: Sequence[Run],
    *,
    splits: Sequence[str],
    protocol: Protocol,
    confidence: float,
    bootstrap: Bootstrap,
    headline_only: bool,
) -> tuple[list[Comparison], list[LeftOut]]:
    """Compare what can be compared with the base, and say what stands against the others; see `compare_runs`.

    Raises:
        PipelineError: the base itself cannot be measured.
    """
    require_measurable(base, splits=splits, models=measured_models(headline_only=headline_only))
    comparisons, left_out = [], []
    for experiment in experiments:
        try:
            comparisons.append(
                compare_runs(
                    base,
                    experiment,
                    splits=splits,
                    protocol=protocol,
                    confidence=confidence,
                    bootstrap=bootstrap,
                    headline_only=headline_only,
                )
            )
        except PipelineError as error:
            left_out.append(LeftOut.because(experiment.revision, error))
    return comparisons, left_out


def sorted_by_metric(
    comparisons: Sequence[Comparison],
    *,
    protocol: Protocol,
    n_resamples: int,
    left_out: Sequence[LeftOut] = (),
) -> Leaderboard:
    """The leaderboard of comparisons with one base that are there already, and what was left out of it.

    Raises:
        PipelineError: all was left out.
    """
    if not comparisons:
        raise PipelineError(f"no experiment can be compared; {left_out[-1].sentence}")
    metric = protocol.metric(protocol.headline[0])

    def place(comparison: Comparison) -> float:
        value = comparison.headline[0].experiment
        return float("inf") if value is None else metric.distance(value)

    return Leaderboard(
        base=comparisons[0].base,
        metric=metric,
        protocol=protocol,
        confidence=comparisons[0].confidence,
        n_resamples=n_resamples,
        rows=tuple(sorted(comparisons, key=place)),
        left_out=tuple(left_out),
        keys=tuple(sorted({change.key for row in comparisons for change in row.parameters})),
    )


def leaderboard_page(board: Leaderboard) -> list[Block]:
    """The leaderboard as blocks for `as_text`, `as_markdown` and `as_html`."""
    name = board.metric.name
    in_columns = len(board.keys) <= _MAX_COLUMNS
    header = (
        "experiment",
        name,
        "difference",
        f"{level(board.confidence)} interval",
        "P(better)",
        "p among all",
        "verdict",
        *(board.keys if in_columns else ("changed",)),
    )
    adjusted = [_decisive(row, p_values) for row, p_values in zip(board.rows, board.p_values, strict=True)]
    rows: list[tuple[str | Cell, ...]] = [
        (
            row.experiment.revision.label,
            *experiment_cells(row.headline[0]),
            _fixed(row.headline[0].probability, 2),
            _fixed(p_value, 3),
            verdict_cell(row.judgement.verdict, remark=_remark(row, p_value, board)),
            *(_values(row, board.keys) if in_columns else (_changed(row),)),
        )
        for row, p_value in zip(board.rows, adjusted, strict=True)
    ]
    # Each row measures the base by the seeds that both have, so that it may have several values.
    measured = sorted(row.headline[0].base for row in board.rows if row.headline[0].base is not None)
    bases = list(dict.fromkeys(map(value, measured)))
    base = " to ".join(bases[:1] + bases[1:][-1:]) or value(None)
    if len(bases) > 1:
        base += ", by the seeds and segments that it is compared on in each row, so that rows are of different ones"
    doubts: dict[str, None] = {}
    for row in board.rows:
        titles = (board.base.revision.title, row.experiment.revision.title)
        for doubt in row.doubts:
            doubts[doubt if doubt.startswith(titles) else f"{titles[1]}: {doubt}"] = None
    return [
        Heading(f"{plural(len(rows), 'experiment')} against {board.base.revision.title}", level=1),
        Paragraph(
            f"Sorted by {name} of {METHOD} on {JUDGED_ON}, best first; the base has {base}. Verdicts go by "
            f"{', '.join(board.protocol.headline)} together and are corrected for looking at all of them, so the interval of one "
            "of them may exclude zero and yet not be enough."
        ),
        plain_table(header, rows, worded=range(6, len(header))),
        Paragraph(
            f"Intervals by bootstrap, {board.n_resamples} resamples, and verdicts are each experiment's own. The best of many looks "
            "better than it is: p among all says how likely chance alone gives any of these experiments so clear a difference in any "
            f"of {', '.join(board.protocol.headline)} (Westfall and Young's maximum). P(better) is the share of pairs of trainings "
            f"and samples of segments in which the experiment has the better {name}. {_best_of_all(board, adjusted)}",
            "small",
        ),
        *(Paragraph(doubt, "warning") for doubt in doubts),
        *(Paragraph(f"Left out: {each.sentence}", "warning") for each in board.left_out),
    ]


def _decisive(row: Comparison, p_values: Sequence[float | None]) -> float | None:
    """The p-value of the metric that the verdict is most likely to rest on: the least of those that went its way."""
    way = {"better": "better", "regression": "worse"}.get(row.judgement.verdict or "")
    found = [
        p_value
        for metric, p_value in zip(row.headline, p_values, strict=True)
        if p_value is not None and way in (None, metric.direction)
    ]
    return min(found, default=None)


def _remark(row: Comparison, p_value: float | None, board: Leaderboard) -> str:
    remarks = []
    if any(model.paired == "nothing" for model in row.models):
        remarks.append("unpaired")
    is_claim = row.judgement.verdict in ("better", "regression")
    if is_claim and len(board.rows) > 1 and p_value is not None and p_value > 1.0 - board.confidence:
        remarks.append(f"not among {len(board.rows)}")
    return f" ({', '.join(remarks)})" if remarks else ""


def _best_of_all(board: Leaderboard, adjusted: Sequence[float | None]) -> str:
    """Which experiments are better than the base even as one of so many."""
    names = [
        row.experiment.revision.label
        for row, p_value in zip(board.rows, adjusted, strict=True)
        if row.judgement.verdict == "better" and p_value is not None and p_value <= 1.0 - board.confidence
    ]
    if not names:
        return f"As one of {len(board.rows)}, none is better beyond chance."
    return f"As one of {len(board.rows)}, better beyond chance: {', '.join(names)}."


def _fixed(number: float | None, digits: int) -> str:
    return NOT_AVAILABLE if number is None else fixed(number, digits)


def _values(row: Comparison, keys: Sequence[str]) -> tuple[str, ...]:
    """The parameters of a row; those of the base where it did not change them."""
    return tuple(written(row.experiment.parameters.get(key)) for key in keys)


def _changed(row: Comparison) -> str:
    """What a row changed, in one cell."""
    return ", ".join(f"{change.key}={written(change.experiment)}" for change in row.parameters) or "nothing"
