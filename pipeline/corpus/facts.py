"""What a corpus says of itself: `corpus.yaml` in its folder, read by every run that names the corpus.

A fact stands there once. What a later stage needs of it to train and to measure travels as a `Task`; a change of anything else,
such as a licence, trains nothing.
"""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.corpus.task import Groups, Kind, ProtocolName, Task, groups_of_range
from pipeline.errors import PipelineError, did_you_mean
from pipeline.strict import Plugin, StrictModel, as_tuple, problems, sentence
from pipeline.yaml12 import read_yaml

FACTS_FILE = "corpus.yaml"
MOST_CLASSES = 1000
"""More names than this are no classes but a column of something else."""
LABEL = "label"
"""Name of the label that a layout's reader takes for the one to learn; others have the names that the corpus gives them."""
EXTRACT = "extract"
"""A choice of `*.precomputed`: extract, although the corpus brings features."""
NAME = r"\w[\w.-]*"
"""What the name of a corpus looks like."""
POOL = "pool"
"""The layout of several corpora that are one."""
_ONLY_OF_POOLS = "parts"
# Of a range of numbers: less is lost among six decimals, and more is out of the reach of a network that starts near 0.
_LEAST_SPAN, _GREATEST_SPAN = 0.01, 1e5

LayoutName = Literal[
    "folder",
    "mosi",
    "mosei",
    "sims",
    "simsv2",
    "urfunny",
    "mustard",
    "meld",
    "iemocap",
    "mer2023",
    "cremad",
    "ravdess",
    "mmsa",
    "mult",
    "multibench",
    "pool",
]
Owner = Literal["speaker", "video"]
_Owners = Annotated[tuple[Owner, ...], BeforeValidator(as_tuple)]
_Text = Annotated[str, Field(min_length=1)]
_EXPECTED = {
    "language": "an ISO 639 code of two or three small letters, such as en",
}


class LabelFacts(StrictModel):
    """One label of the corpus: what it is, and how it is measured."""

    kind: Kind = Field(
        description="what the label is: regression = a number, binary = 0 or 1, classes = one of several"
    )
    min: float | None = Field(
        default=None, description="least label that the corpus may hold; regression only"
    )
    max: float | None = Field(
        default=None, description="greatest label that the corpus may hold; regression only"
    )
    classes: Annotated[tuple[_Text, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="names of the classes, the label 0 first; classes only"
    )
    ordered: bool = Field(
        default=False, description="whether the classes have an order, that of their numbers; classes only"
    )
    protocol: ProtocolName | None = Field(
        default=None,
        description="how predictions are measured: mosi (labels in [-3, 3]), sims ([-1, 1]), regression (any range), binary, classes or ordered_classes",
    )
    groups: Annotated[Groups | None, BeforeValidator(as_tuple)] = Field(
        default=None,
        description="sentiment groups whose order is learnt: integer = rounded labels, or a list of cuts; empty = five of equal width",
    )
    meaning: _Text | None = Field(
        default=None, description="what the label says, and what its least and greatest values mean"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "LabelFacts":
        if self.kind == "regression" and (self.min is None or self.max is None):
            raise ValueError("the kind is regression, which needs min and max, the range of the label")
        if self.min is not None and self.max is not None and self.min < self.max:
            span = self.max - self.min
            if not _LEAST_SPAN <= span <= _GREATEST_SPAN:
                raise ValueError(
                    f"min and max are {span:g} apart; expected {_LEAST_SPAN:g} to {_GREATEST_SPAN:g}, because predictions are written "
                    "with six decimals and networks start near 0: write the labels in another unit"
                )
        if self.kind != "regression" and not {self.min, self.max} <= {None, *self._numbers_of_classes()}:
            raise ValueError(
                f"the kind is {self.kind}, so the labels reach from 0 to {self._numbers_of_classes()[1]:g}; leave min and max out"
            )
        if self.kind == "classes" and (len(self.classes) < 2 or len(set(self.classes)) < len(self.classes)):
            raise ValueError(f"classes has to name at least two that differ, found {list(self.classes)}")
        if len(self.classes) > MOST_CLASSES:
            raise ValueError(f"classes names {len(self.classes)}; expected at most {MOST_CLASSES}")
        if self.kind != "classes" and (self.classes or self.ordered):
            raise ValueError(f"the kind is {self.kind}, so classes and ordered have to be left out")
        try:
            self.task(LABEL)
        except PipelineError as error:
            raise ValueError(str(error)) from None
        return self

    def _numbers_of_classes(self) -> tuple[float, float]:
        return 0.0, 1.0 if self.kind == "binary" else float(len(self.classes) - 1)

    def task(self, name: str) -> Task:
        """The task of learning this label.

        Raises:
            PipelineError: protocol and label do not go together.
        """
        low, high = (
            (self.min, self.max)
            if self.min is not None and self.max is not None and self.kind == "regression"
            else self._numbers_of_classes()
        )
        default: ProtocolName = "ordered_classes" if self.ordered else self.kind
        groups = self.groups
        if groups is None:
            groups = groups_of_range(low, high) if self.kind == "regression" and low < high else "integer"
        return Task(
            kind=self.kind,
            label=name,
            label_min=low,
            label_max=high,
            protocol=self.protocol or default,
            groups=groups,
            classes=self.classes,
            ordered=self.ordered,
        )


class Features(StrictModel):
    """Features that the corpus brings."""

    text: _Text | None = Field(default=None, description="one row per word; empty = the words are encoded")
    audio: _Text | None = Field(default=None, description="rows with times; empty = the sound is described")
    visual: _Text | None = Field(default=None, description="likewise; empty = the face is described")


class Splits(StrictModel):
    """The split that is published with the corpus."""

    origin: _Text | None = Field(default=None, description="where it comes from; empty = the corpus has none")
    standard_mixes: _Owners = Field(
        default=(),
        description="what it is known to have in two parts at once (speaker, video); anything else in two parts is refused",
    )
    folds_mix: _Owners = Field(
        default=(), description="the same of the folds of its published cross-validation"
    )

    def mixes(self, split: str) -> tuple[Owner, ...]:
        """What `manifest.split` of this value may have in two parts, because the field's own split has; see `splits_mix`."""
        return {"standard": self.standard_mixes, "drawn": ()}.get(split, self.folds_mix)


class Facts(StrictModel):
    """What a corpus says of itself."""

    layout: LayoutName | Plugin = Field(description="how the folder is organised, see docs/reference/data.md")
    parts: Annotated[tuple[_Text, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="folders of the corpora that this one consists of; layout pool only"
    )
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = Field(
        description="language of the speech where a segment does not name its own, as an ISO 639-1 code; empty = every segment does"
    )
    label: _Text = Field(
        default=LABEL,
        description="the label that is learnt, one of those below; corpus.label in params.yaml chooses another",
    )
    labels: Mapping[str, LabelFacts] = Field(
        description="every label that may be learnt, by name; `label` is the column of that name, NAME is the column label_NAME"
    )
    features: Features = Field(
        default=Features(), description="files in this folder with features, by modality"
    )
    splits: Splits = Field(default=Splits(), description="the split that is published with the corpus")
    prescribed: bool = Field(
        default=False,
        description="true where speakers were given what to say, so that every split has the same sentences; false where they chose "
        "their words",
    )
    rated_by: _Text | None = Field(default=None, description="who gave the labels, and how many of them")
    licence: _Text | None = Field(default=None, description="on what terms the corpus may be used")
    citation: _Text | None = Field(default=None, description="what to cite")

    @model_validator(mode="after")
    def _parts_are_of_a_pool(self) -> "Facts":
        if self.layout != POOL and self.parts:
            raise ValueError(f"parts is for layout {POOL}, but the layout is {self.layout}; leave parts out")
        if self.layout == POOL and (len(self.parts) < 2 or len(set(self.parts)) < len(self.parts)):
            raise ValueError(f"parts has to name at least two corpora that differ, found {list(self.parts)}")
        strange = [part for part in self.parts if not re.fullmatch(NAME, part)]
        if strange:
            raise ValueError(
                f"parts names {strange[0]!r}; expected the name of a folder in this one: letters, digits, '_', '.' and '-'"
            )
        return self

    @model_validator(mode="after")
    def _label_is_described(self) -> "Facts":
        if self.label not in self.labels:
            raise ValueError(
                f"label is {self.label!r}{did_you_mean(self.label, self.labels)}, which labels does not describe; it describes "
                f"{', '.join(self.labels) or 'none'}"
            )
        return self

    def task(self, label: str | None, *, source: str) -> Task:
        """The task of learning a label.

        Args:
            label: its name; None = the one that the corpus names.
            source: where the name stands, for error sentences.

        Raises:
            PipelineError: the corpus does not describe this label.
        """
        name = label or self.label
        if name not in self.labels:
            raise PipelineError(
                f"{source}: corpus.label is {name!r}{did_you_mean(name, self.labels)}, which {FACTS_FILE} of the corpus does not "
                f"describe; choose one of {', '.join(self.labels)}, or describe it there under labels"
            )
        return self.labels[name].task(name)

    def precomputed(self, modality: Modality, choice: str | None) -> str | None:
        """The file with the features of a modality, None where they are extracted.

        Args:
            modality: `text`, `audio` or `visual`.
            choice: `precomputed` of params.yaml: None = as the corpus says, `extract` = none, or a file.
        """
        if choice == EXTRACT:
            return None
        given: str | None = getattr(self.features, modality)
        return choice or given


def read_facts(folder: Path) -> Facts:
    """Read the facts of the corpus in a folder.

    Raises:
        PipelineError: there is no `corpus.yaml`, or it is not what it should be.
    """
    file = folder / FACTS_FILE
    try:
        values = read_yaml(file)
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise PipelineError(
                f"{folder}: no such corpus; bring one in with `python -m pipeline import`, or name another with "
                "-S corpus.name=…"
            ) from error
        raise PipelineError(
            f"{file}: not found, so nothing says what the labels of this corpus are; write it with `python -m pipeline import "
            f"LAYOUT {folder}`, where LAYOUT is how the folder is organised (folder = segments.csv and media)"
        ) from error
    return facts_from(values, source=str(file))


def facts_from(values: Any, *, source: str) -> Facts:
    """Check values that YAML holds.

    Args:
        values: what was read.
        source: where it was read, for error sentences.

    Raises:
        PipelineError: a key is unknown, missing or of the wrong type, or facts do not go together.
    """
    if not isinstance(values, dict):
        raise PipelineError(
            f"{source}: expected facts such as `layout: folder`, found {type(values).__name__}"
        )
    try:
        return Facts.model_validate(values)
    except ValidationError as error:
        raise PipelineError(
            f"{source}: " + "; ".join(sentence(problem, expected=_EXPECTED) for problem in problems(error))
        ) from None


_HEAD = """\
# What this corpus is: every run that names it reads its facts here, so that choosing it is `-S corpus.name=…` alone.
# What an experiment varies (margin.groups, evaluate.protocol, corpus.label, corpus.language) can be set in params.yaml, too,
# where an empty value is "as the corpus says".
"""
_WIDTH, _LONG = 120, 60


def facts_to_yaml(facts: Facts, *, remarks: Mapping[str, str] | None = None) -> str:
    """A commented file that `read_facts` reads.

    Args:
        facts: what to write.
        remarks: a further comment by dotted key, such as how a value was found.
    """
    lines = [_HEAD]
    _write(lines, facts, prefix="", indent=0, remarks=remarks or {})
    return "\n".join(lines) + "\n"


def _write(
    lines: list[str], model: StrictModel, *, prefix: str, indent: int, remarks: Mapping[str, str]
) -> None:
    pad, after_a_block = " " * indent, False
    for name, field in type(model).model_fields.items():
        value, key = getattr(model, name), f"{prefix}{name}"
        if name == _ONLY_OF_POOLS and not value:
            continue
        comment = field.description or ""
        if key in remarks:
            comment = f"{comment} ({remarks[key]})"
        is_block = isinstance(value, StrictModel | Mapping)
        if indent == 0 and (is_block or after_a_block):
            lines.append("")
        after_a_block = is_block
        if not is_block:
            lines.append(_commented(f"{pad}{name}: {_scalar(value)}".rstrip(), comment))
            continue
        lines.append(_commented(f"{pad}{name}:", comment))
        if isinstance(value, StrictModel):
            _write(lines, value, prefix=f"{key}.", indent=indent + 2, remarks=remarks)
            continue
        for below, inner in value.items():
            lines.append(f"{pad}  {_scalar(below)}:")
            _write(lines, inner, prefix=f"{key}.{below}.", indent=indent + 4, remarks=remarks)


def _commented(line: str, comment: str) -> str:
    """The comment behind its line and, where it is long, below; above a line that leaves no room."""
    if len(line) > _LONG:
        pad = line[: len(line) - len(line.lstrip())]
        return "\n".join([*(f"{pad}# {text}" for text in textwrap.wrap(comment, 100)), line])
    column = max(28, len(line) + 2)
    first, *further = textwrap.wrap(comment, max(40, _WIDTH - column - 2)) or [""]
    return "\n".join([f"{line:{column}}# {first}", *(f"{'':{column}}# {text}" for text in further)])


def _scalar(value: Any) -> str:
    """A value as YAML 1.2 reads it back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    if isinstance(value, str):
        return _quoted(value)
    return repr(value)


def _quoted(text: str) -> str:
    """Plain where nothing can misread it: one word of letters; in double quotes otherwise, whose escapes are those of JSON."""
    if text.isascii() and text.replace("_", "a").replace(".", "a").isalpha() and text.lower() not in _WORDS:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"


_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
