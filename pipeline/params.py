"""params.yaml as types: one strict, frozen section per stage, and none of them has a default."""

import difflib
import itertools
from collections.abc import Mapping, Sequence, Set
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from pipeline.errors import PipelineError
from pipeline.strict import REFERENCE, Plugin, StrictModel, as_list, as_tuple, problems, sentence
from pipeline.yaml12 import parse_yaml, read_yaml_text

PARAMS_FILE = Path("params.yaml")

Share = Annotated[float, Field(ge=0, le=1)]
ProperShare = Annotated[float, Field(ge=0, lt=1)]
# Beyond what any of these counts and numbers can be, libraries overflow, or give infinity and NaN for what they compute.
_MOST, _LEAST = 10**9, 1e-12
Positive = Annotated[float, Field(ge=_LEAST, le=_MOST)]
NotNegative = Annotated[float, Field(ge=0, le=_MOST)]
Count = Annotated[int, Field(ge=1, le=_MOST)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# What torch takes; that none is negative is said of all seeds together.
LargeSeed = Annotated[int, Field(lt=2**63)]
Name = Annotated[str, Field(min_length=1)]
Layers = Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(min_length=1)]
EncoderPrecision = Literal["float32", "float16", "bfloat16"]


class Section(StrictModel):
    """One top-level key of params.yaml; unknown keys and values of the wrong type are refused."""


class Corpus(Section):
    """Which corpus, and what an experiment takes otherwise than the corpus says."""

    name: Annotated[str, Field(pattern=r"^[\w][\w.-]*$")]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None
    label: Name | None


class Manifest(Section):
    """What makes a segment usable, and how to split a corpus that brings no split."""

    max_rejected_share: Share
    split: Annotated[str, Field(pattern=r"^(standard|drawn|fold_[1-9][0-9]?)$")]
    valid_share: Annotated[float, Field(gt=0, lt=1)]
    test_share: Annotated[float, Field(gt=0, lt=1)]
    split_seed: Seed

    @model_validator(mode="after")
    def _train_is_left(self) -> "Manifest":
        if self.valid_share + self.test_share >= 1:
            raise ValueError(
                "valid_share and test_share leave nothing for train; their sum has to be below 1"
            )
        return self


class Words(Section):
    """Where words and their times come from."""

    aligner: Literal["pocketsphinx", "ctc", "proportional"]
    ctc_model: Annotated[str, Field(min_length=1)] | None
    ctc_revision: Annotated[str, Field(min_length=1)]
    recogniser: Literal["pocketsphinx", "whisper", "none"]
    whisper_model: Annotated[str, Field(min_length=1)] | None
    whisper_revision: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _models_are_named(self) -> "Words":
        if self.aligner == "ctc" and self.ctc_model is None:
            raise ValueError(
                "aligner is ctc, but ctc_model is empty; expected a folder or a Hugging Face name"
            )
        if self.recogniser == "whisper" and self.whisper_model is None:
            raise ValueError(
                "recogniser is whisper, but whisper_model is empty; expected a folder or a Hugging Face name"
            )
        return self


class Text(Section):
    """The text encoder."""

    mode: Literal["frozen", "finetuned"]
    model: Name
    revision: Name
    layers: Layers
    precision: EncoderPrecision
    precomputed: Name | None


class Audio(Section):
    """The acoustic features; those below `precision` belong to the encoder `classic`, those above to one of transformers."""

    encoder: Name
    revision: Name
    layers: Layers
    precision: EncoderPrecision
    sample_rate_hz: Annotated[int, Field(ge=8000, le=48000)]
    hop_s: Annotated[float, Field(ge=0.005, le=0.1)]
    n_mfcc: Annotated[int, Field(ge=1, le=128)]
    n_chroma: Annotated[int, Field(ge=1, le=36)]
    f0_min_hz: Annotated[float, Field(ge=20)]
    f0_max_hz: Positive
    precomputed: Name | None

    @model_validator(mode="after")
    def _pitch_range_fits(self) -> "Audio":
        if not self.f0_min_hz < self.f0_max_hz < self.sample_rate_hz / 2:
            raise ValueError(
                f"expected f0_min_hz < f0_max_hz < half of sample_rate_hz, found {self.f0_min_hz}, {self.f0_max_hz} "
                f"and {self.sample_rate_hz / 2}"
            )
        return self


class Visual(Section):
    """The facial features."""

    encoder: Name
    revision: Name
    layers: Layers
    precision: EncoderPrecision
    face: Literal["largest", "speaking"]
    landmarks: bool
    frame_rate_hz: Annotated[float, Field(gt=0, le=120)]
    min_confidence: Annotated[float, Field(gt=0, le=1)]
    precomputed: Name | None


class Align(Section):
    """How frames come onto words."""

    max_words: Count
    max_gap_s: NotNegative


class Network(Section):
    """The network that rank, calibrate and pointwise share."""

    fusion: Literal["attention_pooling", "pooled", "gated", "cross_modal", "language_focused"] | Plugin
    width: Count
    dropout: ProperShare
    input_dropout: ProperShare


class Finetuning(Section):
    """How a text encoder learns with the network."""

    layers: Count | None
    adapter_rank: Count | None
    embeddings: bool
    learning_rate: Positive
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    warm_up: ProperShare
    gradient_checkpointing: bool

    @model_validator(mode="after")
    def _adapters_need_layers(self) -> "Finetuning":
        if self.adapter_rank is not None and self.embeddings:
            raise ValueError(
                "embeddings and adapter_rank exclude each other; adapters leave all that they adapt as it was"
            )
        return self


class Training(Section):
    """The training that rank, calibrate and pointwise share."""

    seeds: Annotated[tuple[LargeSeed, ...], BeforeValidator(as_tuple), Field(min_length=1)]
    corpora: Annotated[tuple[str, ...] | None, BeforeValidator(as_tuple)]
    epochs: Count
    batch_size: Annotated[int, Field(ge=2, le=_MOST)]
    epoch: Literal["best", "last", "average"]
    weight_decay: NotNegative
    modality_dropout: ProperShare
    word_dropout: ProperShare
    precision: Literal["float32", "bfloat16"]
    chunk_size: Count | None
    balance: Literal["none", "gradient_modulation"]
    balance_strength: Positive

    @model_validator(mode="after")
    def _seeds_differ(self) -> "Training":
        if len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds have to be different and not negative, found {list(self.seeds)}")
        return self

    @model_validator(mode="after")
    def _corpora_differ(self) -> "Training":
        if self.corpora is not None and (not self.corpora or len(set(self.corpora)) < len(self.corpora)):
            raise ValueError(
                f"corpora has to name at least one corpus, and each once, found {list(self.corpora)}; empty = all"
            )
        return self


class Margin(Section):
    """Which segments are compared, and how far apart two sentiment groups have to be scored."""

    within: Literal["any", "corpus", "speaker", "video", "rater"]
    across: Share
    groups: Annotated[Literal["integer"] | tuple[float, ...] | None, BeforeValidator(as_tuple)]
    base: NotNegative
    slope: NotNegative
    distance: Literal["group", "label"]
    shape: Literal["softplus", "quadratic"]
    smoothing: NotNegative

    @model_validator(mode="after")
    def _corner_has_a_width(self) -> "Margin":
        if 0 < self.smoothing < _LEAST:
            raise ValueError(
                f"smoothing is {self.smoothing}; expected 0 for a hard hinge, or at least {_LEAST:g}"
            )
        return self

    @model_validator(mode="after")
    def _there_are_owners_to_pool(self) -> "Margin":
        if self.across > 0 and self.within == "any":
            raise ValueError(
                f"across is {self.across:g}, but within is any, which compares all pairs as it is; set within to corpus, speaker, "
                "video or rater, or across to 0"
            )
        return self

    @model_validator(mode="after")
    def _cuts_increase(self) -> "Margin":
        cuts = self.groups
        if isinstance(cuts, tuple) and (not cuts or any(a >= b for a, b in itertools.pairwise(cuts))):
            raise ValueError(f"groups has to be 'integer' or a list of increasing cuts, found {list(cuts)}")
        return self


class Advantage(Section):
    """How much each pair weighs."""

    direction: Literal["harder", "bounded"]
    scope: Literal["group_pair", "anchor", "batch"]
    scale: Literal["std", "none"]
    strength: NotNegative
    cap: Annotated[float, Field(ge=1, le=_MOST)]
    bound: Positive


class Rank(Section):
    """Stage 1: order."""

    objective: Literal["groupwise", "ranknet", "ranklist", "rank_n_contrast", "none"] | Plugin
    learning_rate: Positive


class Calibrate(Section):
    """Stage 2: magnitude."""

    scope: Literal["affine", "monotone", "head", "all"]
    labels: Literal["all", "trusted"]
    n_knots: Count
    epochs: Count
    learning_rate: Positive
    beta: NotNegative


class Pointwise(Section):
    """The baseline that GRCF has to beat."""

    select_by: Literal["magnitude", "order"]
    calibration: Literal["none", "affine", "monotone", "head", "all"]
    labels: Literal["all", "trusted"]
    n_knots: Count
    learning_rate: Positive
    extra_epochs: Annotated[int, Field(ge=0, le=_MOST)]
    tuning_rate: Positive
    weight: Literal["none", "bounded"]
    bound: Positive
    raters: Literal["as_given", "standardised", "profiled"]
    within: Literal["corpus", "speaker", "video", "rater"]
    across: Share

    @model_validator(mode="after")
    def _there_is_an_offset_to_keep(self) -> "Pointwise":
        if self.across > 0 and self.raters != "profiled":
            raise ValueError(
                f"across is {self.across:g}, the share of an owner's offset that stays, but raters is {self.raters}, which takes none "
                "off; set raters to profiled, or across to 0"
            )
        return self

    @model_validator(mode="after")
    def _second_step_is_possible(self) -> "Pointwise":
        if self.calibration in ("head", "all") and self.extra_epochs == 0:
            raise ValueError(
                f"calibration is {self.calibration}, but extra_epochs is 0; set it to the epochs of tuning"
            )
        if self.raters == "profiled" and self.calibration == "none":
            raise ValueError(
                "raters is profiled, which leaves the offset of the predictions open, but calibration is none; choose affine, "
                "monotone, head or all"
            )
        return self


class Evaluate(Section):
    """What is measured, and how sure the numbers are."""

    protocol: Literal["mosi", "sims", "regression", "binary", "classes", "ordered_classes"] | None
    metrics: Annotated[tuple[Plugin, ...], BeforeValidator(as_tuple)]
    missing_rates: Annotated[tuple[ProperShare, ...], BeforeValidator(as_tuple)]
    n_bins: Annotated[int, Field(ge=2, le=_MOST)]
    noise_scales: Annotated[tuple[NotNegative, ...], BeforeValidator(as_tuple)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    n_resamples: Annotated[int, Field(ge=100, le=_MOST)]

    @model_validator(mode="after")
    def _amounts_rise(self) -> "Evaluate":
        for name in ("missing_rates", "noise_scales"):
            amounts = getattr(self, name)
            if any(a >= b for a, b in itertools.pairwise(amounts)):
                raise ValueError(f"{name} has to rise, found {list(amounts)}")
        return self


class Degrade(Section):
    """What is done to the test recordings before extraction; every list goes from little to much."""

    noise_snr_db: Annotated[tuple[Annotated[float, Field(ge=-100, le=100)], ...], BeforeValidator(as_tuple)]
    reverberation_s: Annotated[tuple[Annotated[float, Field(gt=0, le=20)], ...], BeforeValidator(as_tuple)]
    opus_kbps: Annotated[tuple[Annotated[float, Field(ge=6, le=256)], ...], BeforeValidator(as_tuple)]
    blur_px: Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], BeforeValidator(as_tuple)]
    light: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], BeforeValidator(as_tuple)]
    vp9_crf: Annotated[tuple[Annotated[float, Field(ge=0, le=63)], ...], BeforeValidator(as_tuple)]
    seed: Seed

    @model_validator(mode="after")
    def _levels_get_worse(self) -> "Degrade":
        for name in ("noise_snr_db", "opus_kbps", "light"):
            levels = getattr(self, name)
            if any(a <= b for a, b in itertools.pairwise(levels)):
                raise ValueError(f"{name} has to fall, since less is worse, found {list(levels)}")
        for name in ("reverberation_s", "blur_px", "vp9_crf"):
            levels = getattr(self, name)
            if any(a >= b for a, b in itertools.pairwise(levels)):
                raise ValueError(f"{name} has to rise, since more is worse, found {list(levels)}")
        return self


class Report(Section):
    """How the report is headed, and what its inspector shows."""

    title: Annotated[str, Field(min_length=1)]
    transcripts: bool


SectionType = TypeVar("SectionType", bound=Section)


def load(section: type[SectionType], file: Path = PARAMS_FILE) -> SectionType:
    """Read one section of `params.yaml`, checked: the class `Margin` reads the key `margin`.

    Raises:
        PipelineError: the file or the section is missing, or a key is unknown, missing or of the wrong type.
    """
    name = section.__name__.lower()
    sections = _read(file)
    if name not in sections:
        raise PipelineError(f"{file}: the section {name!r} is missing")
    return check(section, sections[name], source=str(file))


def checked(changes: Mapping[str, Any], file: Path = PARAMS_FILE) -> dict[str, Any]:
    """What `params.yaml` would hold under some keys such as `margin.base`, checked with all that it holds beside them.

    Returns:
        the values as the sections have them: 1 is 1.0 where a key is a number with a fraction, a list is a tuple.

    Raises:
        PipelineError: a key is unknown, a value is of the wrong type or out of range, or values do not go together.
    """
    sections = _read(file)
    source = ", ".join(f"{key}={as_list(value)}" for key, value in changes.items())
    known = [
        f"{name}.{key}" for name, values in sections.items() if isinstance(values, dict) for key in values
    ]
    for key, value in changes.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise PipelineError(
                f"{source}: {file} has no parameter {key}; "
                + (f"did you mean {near[0]}?" if near else "its keys are written like margin.base")
            )
        name, _, below = key.partition(".")
        sections[name][below] = value
    classes = {section.__name__.lower(): section for section in Section.__subclasses__()}
    found = {}
    for key in changes:
        name, _, below = key.partition(".")
        found[key] = getattr(check(classes[name], sections[name], source=source), below)
    return found


# A stage asks for its sections one after the other, and parsing takes ten times as long as reading.
@lru_cache(maxsize=4)
def _parsed(text: str, file: Path) -> Any:
    return parse_yaml(text, source=file)


def _read(file: Path) -> dict[str, Any]:
    try:
        sections = deepcopy(_parsed(read_yaml_text(file), file))
    except FileNotFoundError as error:
        raise PipelineError(f"{file}: not found; run from the root of the repository") from error
    if not isinstance(sections, dict):
        raise PipelineError(f"{file}: expected sections with keys, found {type(sections).__name__}")
    return sections


def check(section: type[SectionType], values: Any, *, source: str) -> SectionType:
    """Check the values of one section; `source` names where they come from, for error sentences.

    Raises:
        PipelineError: a key is unknown, missing or of the wrong type.
    """
    name = section.__name__.lower()
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise PipelineError(
            f"{source}: "
            + "; ".join(sentence(problem, section=name, expected=_EXPECTED) for problem in problems(error))
        ) from None


def dump(sections: Sequence[type[Section]], *, without: Set[str] = frozenset()) -> dict[str, Any]:
    """The values of some sections as JSON values, for cache keys; `without` names keys such as `training.seeds`."""
    values = {}
    for section in sections:
        name = section.__name__.lower()
        for key, value in load(section).model_dump(mode="json").items():
            if f"{name}.{key}" not in without:
                values[f"{name}.{key}"] = value
    return values


# A pattern explains nothing to people.
_EXPECTED = {
    "corpus.name": "the name of a folder below data/raw, of letters, digits, '_', '.' and '-' only; rename the folder",
    "manifest.split": "standard, drawn, or a fold such as fold_1",
    "network.fusion": REFERENCE,
    "rank.objective": REFERENCE,
    "corpus.language": "an ISO 639 code of two or three small letters, such as en",
}
