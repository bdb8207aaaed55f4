"""What a label of the corpus is and how it is measured: all that training and evaluation know of the corpus' facts."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.artifacts.formats.files import read_json, rebuilding, write_json
from pipeline.errors import PipelineError

Kind = Literal["regression", "binary", "classes"]
ProtocolName = Literal["mosi", "sims", "regression", "binary", "classes", "ordered_classes"]
Groups = Literal["integer"] | tuple[float, ...]
"""`integer` for labels rounded to whole numbers, or the rising cuts between groups."""

PROTOCOLS_OF: Mapping[Kind, tuple[ProtocolName, ...]] = {
    "regression": ("mosi", "sims", "regression"),
    "binary": ("binary",),
    "classes": ("classes", "ordered_classes"),
}
"""The protocols that measure each kind of label."""

PROTOCOL_RANGES: Mapping[str, tuple[float, float]] = {"mosi": (-3.0, 3.0), "sims": (-1.0, 1.0)}
"""The labels that a protocol measures; it would cut others off. The other protocols measure labels of any range."""

_N_GROUPS = 5
_INTEGER_WIDTHS = (4.0, 10.0)


@dataclass(frozen=True)
class Task:
    """The label that is learnt.

    Attributes:
        kind: `regression` = a number, `binary` = 0 or 1, `classes` = one of several.
        label: name of the label in the corpus.
        label_min: least label that the corpus may hold; 0 for binary and classes.
        label_max: greatest label; 1 for binary, one less than the number of classes for classes.
        protocol: name of the protocol by which predictions are measured.
        groups: cuts between the sentiment groups whose order stage 1 learns, or `integer` for rounded labels.
        classes: names of the classes, the label 0 first; empty for regression.
        ordered: whether the classes have an order, that of their numbers.

    Raises:
        PipelineError: kind, range, classes, groups and protocol do not go together.
    """

    kind: Kind
    label: str
    label_min: float
    label_max: float
    protocol: ProtocolName
    groups: Groups
    classes: tuple[str, ...] = ()
    ordered: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise PipelineError(
                f"kind is {self.kind!r}; expected {', '.join(get_args(Kind)[:-1])} or {get_args(Kind)[-1]}"
            )
        if not self.label_min < self.label_max:
            raise PipelineError(
                f"the labels reach from {self.label_min:g} to {self.label_max:g}; expected a least label below the greatest"
            )
        if self.kind == "binary" and (self.label_min, self.label_max) != (0, 1):
            raise PipelineError(
                f"kind is binary, but the labels reach from {self.label_min:g} to {self.label_max:g}; expected 0 to 1"
            )
        if self.kind == "classes" and (self.label_min, self.label_max) != (0, len(self.classes) - 1):
            raise PipelineError(
                f"kind is classes with {len(self.classes)} names, but the labels reach from {self.label_min:g} to "
                f"{self.label_max:g}; expected 0 to one less than the number of names"
            )
        if self.kind == "classes" and self.groups != "integer":
            raise PipelineError(
                f"groups is {list(self.groups)}, but classes are their own groups; expected integer"
            )
        if self.groups != "integer" and (
            not self.groups or any(low >= high for low, high in itertools.pairwise(self.groups))
        ):
            raise PipelineError(
                f"groups is {list(self.groups)}; expected integer, or a list of increasing cuts"
            )
        self._check_protocol()

    def _check_protocol(self) -> None:
        fitting = PROTOCOLS_OF[self.kind]
        if self.protocol not in fitting:
            raise PipelineError(
                f"protocol is {self.protocol!r}, but the labels are of the kind {self.kind}; choose {' or '.join(fitting)}"
            )
        if self.protocol == "ordered_classes" and not self.ordered:
            raise PipelineError(
                "protocol is 'ordered_classes', but the classes have no order; choose classes, or say ordered: true"
            )
        low, high = PROTOCOL_RANGES.get(self.protocol, (self.label_min, self.label_max))
        if not low <= self.label_min < self.label_max <= high:
            raise PipelineError(
                f"protocol is {self.protocol!r}, which measures labels from {low:g} to {high:g} and cuts others off, but those "
                f"of {self.label!r} reach from {self.label_min:g} to {self.label_max:g}; choose regression, which cuts nothing off, "
                "or correct the range"
            )

    def chosen(self, *, groups: Groups | None, protocol: ProtocolName | None, source: str) -> "Task":
        """The same task with what an experiment chooses.

        Args:
            groups: `margin.groups`; None = as the corpus says.
            protocol: `evaluate.protocol`; None = as the corpus says.
            source: where the choices stand, for error sentences.

        Raises:
            PipelineError: a choice does not fit the labels.
        """
        try:
            return replace(self, groups=groups or self.groups, protocol=protocol or self.protocol)
        except PipelineError as error:
            raise PipelineError(
                f"{source}: evaluate.{error}, or set evaluate.protocol to null, which is as the corpus says"
            ) from None

    def settle(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of a stage that trains with what the task decides of them, for cache keys.

        The same model has the same key, whether a value stands in params.yaml or is what the corpus says.
        """
        decided = self.parameters
        return {key: decided.get(key, value) for key, value in settings.items()} | {
            "task.kind": self.kind,
            "task.classes": len(self.classes),
            "task.ordered": self.ordered,
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """The task as parameters by dotted names, for reports: with those of params.yaml that it settles."""
        groups = self.groups if self.groups == "integer" else list(self.groups)
        return {
            "task.kind": self.kind,
            "task.label": self.label,
            "task.label_min": self.label_min,
            "task.label_max": self.label_max,
            "task.classes": list(self.classes),
            "task.ordered": self.ordered,
            "corpus.label": self.label,
            "margin.groups": groups,
            "evaluate.protocol": self.protocol,
        }


def groups_of_range(label_min: float, label_max: float) -> Groups:
    """Sentiment groups where nobody names any: five of equal width, or whole numbers where these are five to eleven.

    By the range alone, not by the labels, so that they stay as they are when a segment is added.

    >>> groups_of_range(-3.0, 3.0)
    'integer'
    >>> groups_of_range(0.0, 1.0)
    (0.2, 0.4, 0.6, 0.8)
    """
    width = label_max - label_min
    whole = float(label_min).is_integer() and float(label_max).is_integer()
    if whole and _INTEGER_WIDTHS[0] <= width <= _INTEGER_WIDTHS[1]:
        return "integer"
    digits = 6 - math.floor(math.log10(width))
    return tuple(round(label_min + width * step / _N_GROUPS, digits) for step in range(1, _N_GROUPS))


def write_task(path: Path, task: Task) -> None:
    """Write the task as JSON."""
    write_json(path, asdict(task))


def read_task(path: Path) -> Task:
    """Read what `write_task` wrote.

    Raises:
        PipelineError: the file is missing or damaged.
    """
    return task_from(read_json(path), source=path)


def task_from(value: Any, *, source: object) -> Task:
    """A task from JSON values; raises PipelineError where they are none."""
    with rebuilding(source, "task"):
        groups, classes = value["groups"], value.get("classes", ())
        groups = groups if groups == "integer" else tuple(groups)
        return Task(**value | {"groups": groups, "classes": tuple(classes)})
