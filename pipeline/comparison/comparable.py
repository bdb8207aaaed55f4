"""Whether two runs can be compared at all, and whether only the machine was another."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite

from pipeline.artifacts.evaluated.run_record import RunRecord
from pipeline.comparison.runs import Run
from pipeline.comparison.stages import MACHINE
from pipeline.errors import PipelineError
from pipeline.evaluation.metrics import Protocol
from pipeline.evaluation.metrics import require_comparable as require_numbers

_SAME_LABEL, _LEAST_KAPPA = 1e-5, 0.5


def require_comparable(base: Run, experiment: Run, *, splits: Sequence[str], protocol: Protocol) -> None:
    """Refuse two runs between which no difference means anything.

    Args:
        base: the run that is compared with.
        experiment: the run that is compared.
        splits: the splits that are compared; the test split has to have segments in common in any case.
        protocol: the protocol by which both are measured.

    Raises:
        PipelineError: the runs learnt other labels, or share no segment of a split; the sentence says what differs.
    """
    reason = why_incomparable(base, experiment, splits=splits, protocol=protocol)
    if reason is not None:
        raise PipelineError(
            f"{base.revision.title} and {experiment.revision.title} cannot be compared, so there is no verdict: {reason}; compare "
            "runs of the same labels"
        )


def require_measurable(run: Run, *, splits: Sequence[str], models: Sequence[str]) -> None:
    """Refuse a run that cannot be measured, and name it.

    Args:
        run: the run.
        splits: the splits that are measured.
        models: the models that are measured.

    Raises:
        PipelineError: the run lacks a split or a model, or a label or prediction of it is not finite.
    """
    for split in splits:
        found = run.predictions.get(split)
        if found is None:
            raise PipelineError(
                f"{run.revision.title}: reports/predictions.csv has no rows of the split {split!r}; run `dvc repro` to make it anew"
            )
        for model in models:
            if model not in found.models:
                raise PipelineError(
                    f"{run.revision.title}: reports/predictions.csv has no predictions of {model}, only of {', '.join(found.models)}; "
                    "compare runs of the same pipeline"
                )
            try:
                require_numbers(found.truth, found.models[model], axis=1)
            except PipelineError as error:
                raise PipelineError(f"{run.revision.title}: {model} on {split}: {error}") from error


def why_incomparable(base: Run, experiment: Run, *, splits: Sequence[str], protocol: Protocol) -> str | None:
    """The first reason why no difference between two runs means anything, without a full stop; None where there is none.

    The arguments are those of `require_comparable`.
    """
    return next(_differences(base, experiment, splits, protocol), None)


def _differences(base: Run, experiment: Run, splits: Sequence[str], protocol: Protocol) -> Iterator[str]:
    """Why the runs cannot be compared, one reason after the other."""
    first, second = base.task, experiment.task
    for what in ("kind", "label", "label_min", "label_max", "protocol", "classes"):
        one, other = first.get(what), second.get(what)
        if one is not None and other is not None and one != other:
            yield f"{_NAMES[what]} is {_written(one)} in the one and {_written(other)} in the other"
    if first.get("kind") and protocol.task != first["kind"]:
        yield f"they are runs of the kind {first['kind']}, but evaluate.protocol in params.yaml is {protocol.name}"
    for split in dict.fromkeys([*splits, "test"]):
        if split in base.predictions and split in experiment.predictions:
            one, other = base.predictions[split], experiment.predictions[split]
            known = dict(zip(one.ids, one.truth.tolist(), strict=True))
            shared = [
                (known[id_], label)
                for id_, label in zip(other.ids, other.truth.tolist(), strict=True)
                if id_ in known
            ]
            if known and other.ids and not shared:
                yield f"they share no segment of {split}"
            elif shared and _are_of_other_corpora(base, experiment) and not _agree(shared):
                yield f"they are of two corpora, whose segments of {split} have names in common, but other labels"


def _agree(labels: Sequence[tuple[float, float]]) -> bool:
    """Whether two labels of the same segments are mostly the same, and not as often as those of strangers are by chance.

    That is half of the way or more from chance to full agreement (Cohen's kappa): of two classes, strangers share every other label.
    """
    n = len(labels)
    same = sum(abs(one - other) < _SAME_LABEL for one, other in labels) / n
    ones, others = (
        Counter(round(label / _SAME_LABEL) if isfinite(label) else label for label in side)
        for side in zip(*labels, strict=True)
    )
    chance = sum(ones[label] * others[label] for label in ones) / n**2
    return same - chance >= _LEAST_KAPPA * (1 - chance)


def _are_of_other_corpora(base: Run, experiment: Run) -> bool:
    records = (base.record, experiment.record)
    return len({record.corpus for record in records if record is not None}) == 2


_NAMES = {
    "kind": "the kind of the label",
    "label": "the label",
    "label_min": "the least label",
    "label_max": "the greatest label",
    "protocol": "the protocol",
    "classes": "the list of classes",
}


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "empty"
    return f"{value:g}" if isinstance(value, float) else str(value)


def other_machine(base: Run, experiment: Run) -> str:
    """That two runs differ by nothing but the class of machine, with what is recorded of the machines."""
    recorded = [_machines(run.record) for run in (base, experiment) if run.record is not None]
    where = f" ({recorded[0]} and {recorded[1]})" if len(set(recorded)) == 2 else ""
    return (
        f"Nothing but the machine differs: {experiment.revision.title} was {MACHINE}{where}, whose arithmetic rounds "
        "differently, and training makes that larger; what follows is no effect of a parameter, of data or of code."
    )


def _machines(record: RunRecord) -> str:
    devices = sorted({*(found.get("device", "?") for found in record.trained_on), record.measured_on})
    return " and ".join(devices)
