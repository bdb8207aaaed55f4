"""The rows of a benchmark, each a set of parameters of the same pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.errors import PipelineError
from pipeline.yaml12 import parse_yaml


@dataclass(frozen=True)
class Method:
    """One row: whether it is the baseline or has two stages, and what it is trained with."""

    name: str
    two_stages: bool
    network: params.Network
    training: params.Training
    finetuning: params.Finetuning
    margin: params.Margin
    advantage: params.Advantage
    rank: params.Rank
    calibrate: params.Calibrate
    pointwise: params.Pointwise

    def settings(self) -> dict[str, Any]:
        """Every value that the row's models depend on, for cache keys."""
        sections = (self.network, self.training, self.finetuning, self.margin, self.advantage)
        own = (self.rank, self.calibrate) if self.two_stages else (self.pointwise,)
        values = {type(section).__name__: section.model_dump(mode="json") for section in (*sections, *own)}
        return {"two_stages": self.two_stages, **values}


@dataclass(frozen=True)
class Row:
    """A row as methods.yaml has it: what it is, what makes it so, and what tuning chose for it.

    Rows of a family are variants of one method; the best of each family in tuning stands for it.
    """

    what: str
    family: str | None
    two_stages: bool
    fixed: dict[str, Any]
    tuned: dict[str, Any]


def read_rows(file: Path) -> tuple[dict[str, Any], dict[str, Row]]:
    """What all rows change in params.yaml, and each row; changes are `{"section.key": value}`."""
    content = parse_yaml(file.read_text(encoding="utf-8"))
    rows: dict[str, Row] = {}
    for name, row in content["rows"].items():
        like = rows.get(row.get("like"))
        rows[name] = Row(
            what=row["what"],
            family=row.get("family"),
            two_stages=like.two_stages if like else row["stages"] == 2,
            fixed=(like.fixed if like else {}) | row.get("fixed", {}),
            tuned=row.get("tuned", {}),
        )
    return content["all"], rows


def read_compared(file: Path) -> tuple[str, str]:
    """The rows that stand for GRCF and for absolute error alone."""
    compared = parse_yaml(file.read_text(encoding="utf-8"))["compared"]
    return compared["grcf"], compared["mae"]


def changed_sections(base: Mapping[str, Any], *changes: Mapping[str, Any]) -> dict[str, Any]:
    """The content of params.yaml with some values changed.

    Raises:
        PipelineError: a change names no key that params.yaml has.
    """
    sections = {name: dict(values) for name, values in base.items()}
    for change in changes:
        for key, value in change.items():
            section, _, name = key.partition(".")
            if name not in sections.get(section, {}):
                raise PipelineError(f"{key}: params.yaml has no such key")
            sections[section][name] = value
    return sections


def make_method(name: str, sections: Mapping[str, Any], *, two_stages: bool) -> Method:
    """Check the sections as the stages do, and make a row of them."""
    names = ("network", "training", "finetuning", "margin", "advantage", "rank", "calibrate", "pointwise")
    types = {name: getattr(params, name.capitalize()) for name in names}
    return Method(
        name,
        two_stages,
        **{name: params.check(types[name], sections[name], source=name) for name in names},
    )


def read_methods(base: Mapping[str, Any], file: Path) -> dict[str, Method]:
    """All rows of a file over the values of params.yaml."""
    for_all, rows = read_rows(file)
    return {
        name: make_method(
            name, changed_sections(base, for_all, row.fixed, row.tuned), two_stages=row.two_stages
        )
        for name, row in rows.items()
    }
