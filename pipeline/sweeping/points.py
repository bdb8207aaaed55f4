"""The grid of a sweep: from `margin.base=0.1,0.3` to named points."""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import PipelineError
from pipeline.yaml12 import parse_yaml

Check = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Values by dotted key to the same values as params.yaml would hold them; refuses what params.yaml may not hold."""

_NAME_MAX = 60  # more is no name but a burden, in a leaderboard and on a command line
_NAME_DIGITS = 8


@dataclass(frozen=True)
class Point:
    """One experiment: the parameters that it changes.

    Attributes:
        values: value by dotted key, sorted by key; a tuple stands for a list.
    """

    values: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Point":
        """A point of values in any order."""
        return cls(tuple((key, _frozen(values[key])) for key in sorted(values)))

    @property
    def assignments(self) -> tuple[str, ...]:
        """What `dvc exp run --set-param` takes, one argument each."""
        return tuple(f"{key}={written(value)}" for key, value in self.values)

    def name(self, prefix: str, *, changes: str | None = None) -> str:
        """The name of its experiment: one point always has one name, and git and DVC accept it as a reference.

        It spells the values out where the name stays short, and has a digest of them otherwise.

        Args:
            prefix: first part of the name, which says who asks for the point.
            changes: digest of uncommitted changes that go into it, None where there are none.

        >>> Point.of({"rank.learning_rate": 1e-3, "margin.base": 0.1}).name("sweep")
        'sweep-margin.base=0.1-rank.learning_rate=0.001'
        """
        plain = "-".join((prefix, *self.assignments))
        safe = re.sub(r"\.{2,}", "_", re.sub(r"[^\w.,=+-]", "_", plain, flags=re.ASCII)).rstrip(".")
        digest = hashlib.sha256(json.dumps(self.assignments).encode()).hexdigest()[:_NAME_DIGITS]
        if len(safe) > _NAME_MAX:
            safe = f"{prefix}-{digest}"
        elif safe != plain or safe.endswith(".lock"):
            safe = f"{safe}-{digest}"
        return safe if changes is None else f"{safe}-with-{changes}"


def grid(axes: Sequence[str], *, check: Check) -> list[Point]:
    """Every combination of the values of `key=value,value` arguments, the last key changing fastest.

    Raises:
        PipelineError: an argument is not of this form, a key comes twice, or a combination is not one that `check` takes.
    """
    values: dict[str, list[Any]] = {}
    for axis in axes:
        key, texts = split_axis(axis)
        if key in values:
            raise PipelineError(
                f"{key} is given twice; write all of its values in one argument: {key}={','.join(texts)},…"
            )
        values[key] = [parse_value(text, axis=axis) for text in texts]
    points = [
        Point.of(check(dict(zip(values, row, strict=True)))) for row in itertools.product(*values.values())
    ]
    return list(dict.fromkeys(points))


def split_axis(axis: str) -> tuple[str, list[str]]:
    """Key and values of an argument, cut at the commas outside of brackets and quotes.

    >>> split_axis("training.seeds=[1,2],[3]")
    ('training.seeds', ['[1,2]', '[3]'])

    Raises:
        PipelineError: there is no key, or a value is empty.
    """
    key, equals, text = axis.partition("=")
    texts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "," and depth == 0:
            texts.append("")
            continue
        texts[-1] += character
    texts = [one.strip() for one in texts]
    if not equals or not key.strip() or not all(texts):
        raise PipelineError(
            f"{axis!r} is not a parameter with values; expected for example margin.base=0.1,0.3,0.5"
        )
    return key.strip(), texts


def parse_value(text: str, *, axis: str) -> Any:
    """The value that is written.

    Raises:
        PipelineError: not YAML.
    """
    try:
        return parse_yaml(text)
    except PipelineError as error:
        raise PipelineError(f"{axis!r}: {text!r} is no value of YAML; quote it if it is a word") from error


def written(value: Any) -> str:
    """A value in the grammar of overrides that DVC takes (Hydra's), which YAML 1.2 reads back as the same value.

    >>> written(1e-5), written(None), written((1, 2)), written("a b")
    ('1e-05', 'null', '[1,2]', "'a b'")
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if re.fullmatch(r"[A-Za-z_][\w.-]*", value, re.ASCII) and value.lower() not in (
            "true",
            "false",
            "null",
            "nan",
            "inf",
        ):
            return value
        # A backslash means itself, unless a quote comes after it.
        escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + (found[2] and "\\'"), value)
        return f"'{escaped}'"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(written, value))}]"
    return repr(value)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value
