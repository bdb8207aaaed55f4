"""The reference of parameters, from the comments of `params.yaml` and the types of `pipeline.params`.

`{parameter-reference}` writes it. Wherever a page names a parameter as code, such as `margin.base`, the name becomes a link to it.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from docutils import nodes
from generated import ROOT, GeneratedDirective, as_sentence, link_pages
from parameter_comments import read_comments
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

from pipeline import params
from pipeline.yaml12 import parse_yaml

PARAMS_YAML = ROOT / "params.yaml"
DVC_YAML = ROOT / "dvc.yaml"

CHOICE = re.compile(r"(?<![\w`-])(?!empty\b)(-?[a-z_0-9]+) = ")
FROM_TO = re.compile(r"(?<![\w`])([a-z_0-9]+) … ([a-z_0-9]+) = ")
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
NAMED = re.compile(r"(?<![\w.`/])([a-z]+\.[a-z_0-9]+)\b(?![.\w/])")


@dataclass(frozen=True)
class Parameter:
    """One line of `params.yaml`.

    Attributes:
        name: section and key, such as `margin.base`.
        value: the committed value.
        meaning: the comment behind the line and below it, as one text.
        kind: allowed values, in Markdown.
        choices: the words that it takes; none if it takes others too.
    """

    name: str
    value: Any
    meaning: str
    kind: str
    choices: Collection[str]


def kind_of(schema: Mapping[str, Any]) -> str:
    """Which values a field takes, from its JSON schema."""
    if "anyOf" in schema:
        options = [kind_of(option) for option in schema["anyOf"] if option.get("type") != "null"]
        empty = any(option.get("type") == "null" for option in schema["anyOf"])
        return " or ".join(options) + (", or empty" if empty else "")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{choice}`" for choice in schema["enum"])
    kind = schema.get("type", "value")
    if kind == "array":
        items = schema.get("items") or {}
        return f"list; each entry a {kind_of(items)}" if items else "list"
    named = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
    pattern = f" that matches `{schema['pattern']}`" if "pattern" in schema else ""
    return f"{named.get(kind, kind)}{_bounds(schema)}{pattern}"


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {_bound(low)} to {_bound(high)}"
    words = [
        f"at least {_bound(low)}" if low is not None else "",
        f"above {_bound(above)}" if above is not None else "",
        f"at most {_bound(high)}" if high is not None else "",
        f"below {_bound(below)}" if below is not None else "",
    ]
    bounds = " and ".join(word for word in words if word)
    return f" {bounds}" if bounds else ""


def _bound(value: float) -> str:
    """A number as a person writes it.

    >>> _bound(2**63), _bound(1e9), _bound(1e-12), _bound(-0.5)
    ('2⁶³', '10⁹', '10⁻¹²', '-0.5')
    """
    if isinstance(value, int) and value >= 2**20 and value & (value - 1) == 0:
        return f"2{str(value.bit_length() - 1).translate(_RAISED)}"
    mantissa, _, power = f"{value:g}".partition("e")
    if not power:
        return mantissa
    factor = "" if mantissa == "1" else f"{mantissa} × "
    return f"{factor}10{str(int(power)).translate(_RAISED)}"


def choices_of(schema: Mapping[str, Any]) -> set[str]:
    """Every word that a field takes, from its JSON schema; none if it takes others too.

    >>> sorted(choices_of({"anyOf": [{"enum": ["mosi", "sims"]}, {"type": "null"}]}))
    ['mosi', 'sims']
    """
    options = schema.get("anyOf", [schema])
    return {choice for option in options for choice in option.get("enum", []) if isinstance(choice, str)}


def mark_choices(meaning: str, choices: Collection[str]) -> str:
    """Write as code what is a value: what an equals sign explains, and each choice that stands in an enumeration.

    >>> mark_choices("which text: best = the best; last, or none (no text); empty = as the corpus says", {"last", "none", "best"})
    'which text: `best` = the best; `last`, or `none` (no text); empty = as the corpus says'
    """
    meaning = CHOICE.sub(r"`\1` = ", FROM_TO.sub(r"`\1` … `\2` = ", meaning))
    if not choices:
        return meaning
    listed = "|".join(sorted(choices, key=len, reverse=True))
    return re.sub(
        rf"(^|[:,;] |\(|\b(?:or|and|one) )({listed})(?=[,;:)]| \(| or | and | only|$)", r"\1`\2`", meaning
    )


def read_parameters() -> dict[str, list[Parameter]]:
    """Every parameter by section, in the order of `params.yaml`; a key without a comment is an error."""
    text = PARAMS_YAML.read_text(encoding="utf-8")
    comments = read_comments(text)
    sections: dict[str, list[Parameter]] = {}
    for section, values in parse_yaml(text).items():
        fields = model_of(section).model_json_schema()["properties"]
        sections[section] = []
        for key, value in values.items():
            name = f"{section}.{key}"
            if not comments.get(name):
                raise ExtensionError(f"params.yaml: {name} has no comment; say what it means behind its line")
            sections[section].append(
                Parameter(name, value, comments[name], kind_of(fields[key]), choices_of(fields[key]))
            )
    return sections


def model_of(section: str) -> type[params.Section]:
    """The type of a section in `pipeline.params`."""
    return next(model for model in params.Section.__subclasses__() if model.__name__.lower() == section)


def stages_that_read(section: str) -> list[str]:
    """The stages of `dvc.yaml` that depend on a section or on a key of it."""
    stages = yaml.safe_load(DVC_YAML.read_text(encoding="utf-8"))["stages"]
    return [
        name
        for name, stage in stages.items()
        if any(str(entry).split(".")[0] == section for entry in stage.get("params", []))
    ]


def _written(value: Any) -> str:
    if value is None:
        return "empty"
    return yaml.safe_dump(value, default_flow_style=True, width=1000).split("\n")[0].strip()


class ParameterReference(GeneratedDirective):
    """A section for each section of `params.yaml`, an entry for each parameter."""

    def markdown(self) -> str:
        """Headings and `{parameter}` entries."""
        for path in (PARAMS_YAML, DVC_YAML, ROOT / "pipeline" / "params.py"):
            self.depends_on(path)
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        sections = read_parameters()
        names = {parameter.name for found in sections.values() for parameter in found}
        for section, found in sections.items():
            stages = ", ".join(f"`{stage}`" for stage in stages_that_read(section))
            yield f"## {section}\n\n{model_of(section).__doc__}\n"
            yield f"Read by {stages}.\n"
            for parameter in found:
                meaning = mark_choices(parameter.meaning, parameter.choices)
                meaning = NAMED.sub(lambda name: f"`{name[1]}`" if name[1] in names else name[0], meaning)
                yield f"````{{parameter}} {parameter.name}: {_written(parameter.value)}\n"
                yield f"{link_pages(as_sentence(meaning))}\n\n*Values:* {parameter.kind}.\n````\n"


def _signature(env: BuildEnvironment, signature: str, node: addnodes.desc_signature) -> str:
    name, _, value = signature.partition(": ")
    node += addnodes.desc_name(name, name)
    node += addnodes.desc_annotation(value, "", nodes.Text(f": {value}"))
    return name


class LinkParameters(SphinxTransform):
    """Code that names a parameter, `margin.base` or `margin.base: 0.3`, links to its entry."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Wrap each such piece of code in a reference."""
        for literal in list(self.document.findall(nodes.literal)):
            name = re.split(r"[:=\s]", literal.astext())[0]
            if name not in _names() or _is_inside(
                literal, (nodes.reference, nodes.title, addnodes.pending_xref)
            ):
                continue
            reference = addnodes.pending_xref(
                "",
                refdomain="std",
                reftype="parameter",
                reftarget=name,
                refexplicit=True,
                refwarn=True,
                refdoc=self.env.docname,
            )
            literal.replace_self(reference)
            reference += literal


def _names() -> set[str]:
    return set(read_comments(PARAMS_YAML.read_text(encoding="utf-8")))


def _is_inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while (node := node.parent) is not None:
        if isinstance(node, kinds):
            return True
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, the object type and the links."""
    app.add_object_type("parameter", "parameter", "%s (parameter)", parse_node=_signature)
    app.add_directive("parameter-reference", ParameterReference)
    app.add_transform(LinkParameters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
