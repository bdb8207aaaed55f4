"""YAML as DVC reads it, by the rules of version 1.2, from files that anybody may have written."""

import re
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import PipelineError

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 32
_MAX_VALUES = 100_000  # with every alias written out: ten lines of aliases can stand for billions of values
_MAX_DIGITS = 400  # more than the largest float has


class _Loader(yaml.CSafeLoader):
    """libyaml with the scalars of YAML 1.2, which DVC writes: `1e-05` is a number and `yes` is a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping of which each key stands once; PyYAML alone would keep the last one silently."""
        first: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                continue  # PyYAML says so itself
            if key in first:
                raise _Refused(
                    f"line {line}: the key {key!r} stands already in line {first[key]}; remove one of them"
                )
            first[key] = line
        return super().construct_mapping(node, deep=deep)


class _Refused(Exception):
    """What is wrong with a text that is YAML."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _integer(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> int:
    """YAML 1.2 knows no octal by a leading zero: 010 is ten."""
    return int(_digits(loader, node))


def _number(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> float:
    text = _digits(loader, node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _digits(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    text: str = loader.construct_scalar(node)
    if len(text) > _MAX_DIGITS:
        raise _Refused(
            f"line {node.start_mark.line + 1}: a number of {len(text)} characters; expected at most {_MAX_DIGITS}"
        )
    return text


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def parse_yaml(text: str, *, source: str | Path = "YAML") -> Any:
    """Read YAML by the rules of version 1.2, as DVC does.

    Args:
        text: the content; aliases, merge keys and tags of plain values are understood.
        source: name of the text in error sentences.

    Raises:
        PipelineError: the text is not YAML, has a key twice, a number without end, deeper nesting or more values (aliases
            written out) than any file of parameters has.
    """
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)
    except _Refused as error:
        raise PipelineError(f"{source}: {error}") from None
    except yaml.YAMLError as error:
        raise PipelineError(f"{source}: not YAML: {' '.join(str(error).split())}") from error
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:  # what PyYAML's constructors of tags raise
        raise PipelineError(
            f"{source}: a value does not fit its tag ({error}); remove the tag or mend the value"
        ) from error


def read_yaml(file: Path) -> Any:
    """Read a file of YAML, see `parse_yaml`.

    Raises:
        FileNotFoundError: there is no such file; only the caller knows what would make it.
        PipelineError: it cannot be read, is no text in UTF-8, too large, or `parse_yaml` refuses its content.
    """
    return parse_yaml(read_yaml_text(file), source=file)


def read_yaml_text(file: Path) -> str:
    """The text of a small file that a person wrote, its byte order mark removed; raises as `read_yaml` does."""
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):  # a pipe would be waited for without end
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise PipelineError(f"{file}: is {kind}; expected a text file")
        if file.stat().st_size > _MAX_BYTES:
            raise PipelineError(f"{file}: has {file.stat().st_size:,} bytes; expected at most {_MAX_BYTES:,}")
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise PipelineError(f"{file}: line {line} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise PipelineError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error


def _check_size(text: str) -> None:
    """Bound nesting and values by the events alone: libyaml's composer crashes on deep nesting, and aliases multiply."""
    if len(text) > _MAX_BYTES:
        raise _Refused(f"has {len(text):,} characters; expected at most {_MAX_BYTES:,}")
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]  # anchor and number of values so far
    sizes: dict[str, int] = {}
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        n_values = 0
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            open_nodes.append((event.anchor, 1))
            if len(open_nodes) > _MAX_DEPTH:
                raise _Refused(f"line {line}: nested more than {_MAX_DEPTH} deep")
            continue
        if isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            anchor, n_values = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = n_values
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in open_nodes}:
                raise _Refused(
                    f"line {line}: *{event.anchor} stands inside of &{event.anchor}, which would never end"
                )
            n_values = sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            n_values = 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        anchor, total = open_nodes[-1]
        open_nodes[-1] = (anchor, total + n_values)
        if total + n_values > _MAX_VALUES:
            raise _Refused(f"line {line}: more than {_MAX_VALUES:,} values, aliases written out")
