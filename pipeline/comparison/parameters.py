"""Which parameters differ between two runs: compared by value, shown as they were written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.errors import PipelineError, written_out
from pipeline.yaml12 import parse_yaml


@dataclass(frozen=True)
class Parameter:
    """One value of params.yaml and the characters that it was written with, those that would move a terminal written out."""

    value: Any
    written: str

    def is_same(self, other: "Parameter | None") -> bool:
        """Whether the values are equal: `1e-05` and `0.00001` are, `true` and `1` are not."""
        return other is not None and same_value(self.value, other.value)


@dataclass(frozen=True)
class ParameterChange:
    """One key with another value; None where a run does not have the key."""

    key: str
    base: Parameter | None
    experiment: Parameter | None


def read_parameters(text: str, *, source: str) -> dict[str, Parameter]:
    """Each value by its dotted key, such as `margin.base`; a list is one value.

    Raises:
        PipelineError: not YAML, or not keys with values.
    """
    values = parse_yaml(text, source=source)
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(values, dict):
        raise PipelineError(f"{source}: expected sections with keys, found {type(values).__name__}")
    return {
        key: Parameter(value, written_out(str(value)) if node is None else _written(node))
        for key, (value, node) in _leaves(values, root).items()
    }


def flattened(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Nested mappings as one, by dotted keys."""
    return {key: value for key, (value, _) in _leaves(values, None).items()}


def parameter_changes(
    base: Mapping[str, Parameter], experiment: Mapping[str, Parameter]
) -> tuple[ParameterChange, ...]:
    """The keys whose values differ, sorted."""
    changes = []
    for key in sorted(base.keys() | experiment.keys()):
        before, after = base.get(key), experiment.get(key)
        if before is None or not before.is_same(after):
            changes.append(ParameterChange(key, before, after))
    return tuple(changes)


def same_value(first: Any, second: Any) -> bool:
    """Equality that keeps booleans and numbers apart, within lists too."""
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same_value, first, second))
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _leaves(
    values: Mapping[Any, Any], node: yaml.Node | None, prefix: str = ""
) -> dict[str, tuple[Any, yaml.Node | None]]:
    nodes: dict[str, yaml.Node] = {}
    if isinstance(node, yaml.MappingNode):
        nodes = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    leaves: dict[str, tuple[Any, yaml.Node | None]] = {}
    for name, value in values.items():
        key, below = f"{prefix}{name}", nodes.get(str(name))
        if isinstance(value, dict):
            leaves |= _leaves(value, below, f"{key}.")
        else:
            leaves[key] = (value, below)
    return leaves


def _written(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return f"[{', '.join(_written(item) for item in node.value)}]"
    if isinstance(node, yaml.MappingNode):
        return f"{{{', '.join(f'{_written(key)}: {_written(value)}' for key, value in node.value)}}}"
    style = getattr(node, "style", None)
    quote = style if style in ("'", '"') else ""
    text = " ".join(written_out(str(node.value)).split())
    return f"{quote}{text}{quote}" if quote or text else "null"
