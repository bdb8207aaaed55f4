"""The experiments that DVC keeps in this clone, as references of git."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.history.git import answer

# refs/exps/<first two digits of the baseline>/<its others>/<name>; DVC keeps other things under refs/exps too.
_REFERENCE = re.compile(r"refs/exps/(?P<start>[0-9a-f]{2})/(?P<rest>[0-9a-f]+)/(?P<name>[^/]+)")


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: its commit, the commit that it was run on, its name, and the reference that holds it."""

    sha: str
    baseline: str
    name: str
    reference: str


def name_in(reference: str) -> str | None:
    """The name of the experiment that a reference holds; None where it is no reference of one."""
    parts = _REFERENCE.fullmatch(reference)
    return None if parts is None else parts["name"]


def list_experiments() -> Iterator[Experiment]:
    """Every experiment of this clone, by the name of its reference."""
    listed = answer("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or b""
    for sha, reference in (line.split(" ", 1) for line in listed.decode().splitlines()):
        parts = _REFERENCE.fullmatch(reference)
        if parts is not None:
            yield Experiment(sha, parts["start"] + parts["rest"], parts["name"], reference)
