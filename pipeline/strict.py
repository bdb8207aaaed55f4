"""Values that a person writes into a YAML file as types: strict, frozen, and refused by a sentence."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.plugins import PATTERN

Plugin = Annotated[str, Field(pattern=PATTERN)]
"""A reference to a part of one's own, see `pipeline.plugins`."""
REFERENCE = "file.py:Name of a file in plugins/, or module:Name of an installed package"
"""What is expected of one, for `sentence`."""


class StrictModel(BaseModel):
    """A mapping with known keys; unknown keys and values of the wrong type are refused, and nothing changes once it is read."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def as_tuple(value: Any) -> Any:
    """YAML has lists; a frozen model holds tuples."""
    return tuple(value) if isinstance(value, list) else value


def as_list(value: Any) -> Any:
    """What a person wrote in YAML for what a model holds."""
    return list(value) if isinstance(value, tuple) else value


def problems(error: ValidationError) -> list[Any]:
    """The problems, of which a value that is neither a choice nor a reference has one, by what it looks like."""
    found = error.errors()
    choices = {problem["loc"][:1] for problem in found if problem["type"] == "literal_error"}

    def is_of_reference(problem: Any) -> bool:
        return problem["loc"][:1] in choices and problem["type"].startswith("string_")

    references = {
        problem["loc"][:1]
        for problem in found
        if is_of_reference(problem) and re.search("[:.]", str(problem["input"]))
    }
    return [
        problem
        for problem in found
        if not (is_of_reference(problem) and problem["loc"][:1] not in references)
        and not (problem["type"] == "literal_error" and problem["loc"][:1] in references)
    ]


def sentence(problem: Any, *, section: str = "", expected: Mapping[str, str]) -> str:
    """What is wrong with one value, by its key.

    Args:
        problem: one of the errors of a pydantic `ValidationError`.
        section: name in front of every key, empty for none.
        expected: what is expected instead of a pattern, by key; a pattern explains nothing to people.
    """
    parts = [part for part in problem["loc"] if isinstance(part, str) and part.isidentifier()]
    key = ".".join([section, *parts] if section else parts)
    explain: dict[str, Callable[[], str]] = {
        "extra_forbidden": lambda: f"{key} is unknown; check its spelling against the commented file",
        "missing": lambda: f"{key} is missing",
        "value_error": lambda: f"{key}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"]),
    }
    explanation = explain.get(problem["type"])
    if explanation is not None:
        return explanation()
    if problem["type"] == "string_pattern_mismatch":
        return f"{key} is {problem['input']!r}; expected {expected[key]}"
    if problem["type"] == "string_type" and isinstance(problem["input"], int | float):
        return f"{key} is {problem['input']!r}, a number or a truth value to YAML; put it in quotes (-S \"{key}='{problem['input']}'\")"
    # YAML knows lists; that a frozen model holds tuples is nobody's business.
    message = problem["msg"].replace("valid tuple", "list in brackets, such as [1, 2]")
    if problem["type"] == "literal_error" and key in expected:
        message = f"{message}, or {expected[key]}"
    return f"{key} is {as_list(problem['input'])!r}: {message[0].lower()}{message[1:]}"
