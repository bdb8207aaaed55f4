"""The facts of a corpus on its way in: what its layout says, what its table shows, and what the person who brings it says."""

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.corpus.task import PROTOCOL_RANGES
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import language_of_corpus
from pipeline.corpus.facts import FACTS_FILE, LABEL, Facts, facts_from, read_facts
from pipeline.corpus.labels import classes_found
from pipeline.corpus.layouts import layout_of
from pipeline.corpus.pool import mixes_of
from pipeline.corpus.splits import STANDARD
from pipeline.errors import PipelineError
from pipeline.intake.problems import Rules

# Scripts that one language of the field is written in, nearly alone.
_LANGUAGE_OF_SCRIPT = {
    "CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar",
    "HEBREW": "he", "THAI": "th", "DEVANAGARI": "hi",
}  # fmt: skip
_LETTERS = 200_000
_MOST_LABELS = 40


@dataclass(frozen=True)
class Known:
    """Facts, and a sentence on each that was found rather than given, by its dotted key."""

    facts: Facts
    remarks: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the person who brings a corpus says of it; None or empty where nothing is said."""

    language: str | None = None
    kind: str | None = None
    label_min: float | None = None
    label_max: float | None = None
    classes: tuple[str, ...] = ()
    ordered: bool = False
    protocol: str | None = None
    meaning: str | None = None
    mixes: tuple[str, ...] = ()
    prescribed: bool = False
    rated_by: str | None = None
    licence: str | None = None
    citation: str | None = None

    def facts(self) -> dict[str, Any]:
        """The facts beside those of the label."""
        named: dict[str, Any] = {
            key: value
            for key in ("language", "rated_by", "licence", "citation")
            if (value := getattr(self, key)) is not None
        }
        if self.prescribed:
            named["prescribed"] = True
        return named | ({"splits": {"standard_mixes": self.mixes}} if self.mixes else {})

    def label(self) -> dict[str, Any]:
        """The facts of the label that is learnt."""
        pairs = {
            "kind": self.kind,
            "min": self.label_min,
            "max": self.label_max,
            "classes": self.classes or None,
            "ordered": self.ordered or None,
            "protocol": self.protocol,
            "meaning": self.meaning,
        }
        return {key: value for key, value in pairs.items() if value is not None}


NOTHING_GIVEN = Given()


def find_facts(
    layout: str,
    candidates: Sequence[Candidate],
    folder: Path,
    *,
    given: Given = NOTHING_GIVEN,
    published: str | None = None,
) -> Known:
    """The facts of a corpus, from the first that knows: the person, `corpus.yaml` in the folder, the layout, the table.

    Args:
        layout: name of the layout.
        candidates: rows of the corpus.
        folder: the folder that they were read from.
        given: what the person says.
        published: name of the layout of a published corpus whose facts these are, although it comes as a table of layout `folder`;
            None where the layout itself says what is known.

    Raises:
        PipelineError: facts do not go together, or `corpus.yaml` in the folder is of another layout or wrong.
    """
    source = f"{folder}"
    if (folder / FACTS_FILE).is_file():
        facts = read_facts(folder)
        if facts.layout != layout:
            raise PipelineError(
                f"{folder / FACTS_FILE}: says that the layout is {facts.layout}, not {layout}; name that one, or remove the file"
            )
        values = facts.model_dump()
        return Known(facts_from(_merged(values, given, facts.label), source=source), {})
    used = [candidate for candidate in candidates if candidate.excluded is None]
    remarks: dict[str, str] = {}
    values = {"layout": layout, "language": None, **layout_of(published or layout).facts}
    if published is not None:
        _refuse_numbered(values["labels"][LABEL], used, given, published)
        values["labels"] = _described_by(values["labels"], used)
        if all(candidate.split is None for candidate in used):
            values.pop("splits", None)
    if "labels" not in values:
        labels = {candidate.label for candidate in used}
        named = _classes(used, LABEL, given, remarks)
        values["labels"] = {LABEL: named or _label(labels, given, remarks, name=LABEL)}
    described = dict(values["labels"])
    for name, labels in _other_labels(used).items():
        if name not in described and len(described) <= _MOST_LABELS:
            described[name] = _label(labels, NOTHING_GIVEN, remarks, name=name)
    for name in sorted({name for candidate in used for name in candidate.named}):
        if name not in described and len(described) <= _MOST_LABELS:
            described[name] = _classes(used, name, NOTHING_GIVEN, remarks) or {}
    values["labels"] = described
    if values["language"] is None and given.language is None:
        values["language"] = _language(used, remarks)
    if layout == "folder":
        # Features under the name of their modality, as `export npz` writes them, are meant to be used.
        found = {name: f"{name}.npz" for name in MODALITIES if (folder / f"{name}.npz").is_file()}
        values["features"] = found
        remarks |= {f"features.{name}": "found in the folder" for name in found}
        if published is None and any(candidate.split is not None for candidate in used):
            values["splits"] = {"origin": "the column split of segments.csv"}
    return Known(facts_from(_merged(values, given, LABEL), source=source), remarks)


def _refuse_numbered(
    label: Mapping[str, Any], used: Sequence[Candidate], given: Given, published: str
) -> None:
    """Refuse numbers in a table for classes that the layout knows by name: whose numbers they are, nobody says."""
    if label["kind"] == "classes" and not given.classes and any(LABEL not in row.named for row in used):
        raise PipelineError(
            f"{used[0].place.split(', ')[0]}: its labels are numbers, but those of {published} are classes, which tables number in "
            "several ways; name them in the order of their numbers by --task classes --classes NAME,NAME,…"
        )


def _described_by(labels: Mapping[str, Any], used: Sequence[Candidate]) -> dict[str, Any]:
    """The labels of a published corpus that a table of it has."""
    present = {LABEL} | {name for row in used for name in (*row.other_labels, *row.named)}
    return {name: label for name, label in labels.items() if name in present}


def _merged(values: Mapping[str, Any], given: Given, label: str) -> dict[str, Any]:
    """The facts with what the person says; another kind of label leaves nothing of the one before."""
    labels, said = dict(values["labels"]), given.label()
    before = {} if said.get("kind", labels[label]["kind"]) != labels[label]["kind"] else labels[label]
    if {"min", "max"} & said.keys() and "protocol" not in said:
        # A protocol and groups for the range before are none for another.
        before = {key: value for key, value in before.items() if key not in ("protocol", "groups")}
        before |= _measured(said.get("min", before.get("min")), said.get("max", before.get("max")))
    labels[label] = {**before, **said}
    splits = {**values.get("splits", {}), **given.facts().get("splits", {})}
    return {**values, **given.facts(), "labels": labels, "splits": splits}


def _other_labels(used: Sequence[Candidate]) -> Mapping[str, set[float]]:
    """The values of each further label that takes more than one."""
    found: dict[str, set[float]] = {}
    for candidate in used:
        for name, label in candidate.other_labels.items():
            found.setdefault(name, set()).add(label)
    return {name: labels for name, labels in found.items() if len(labels) > 1}


def _classes(
    used: Sequence[Candidate], label: str, given: Given, remarks: dict[str, str]
) -> dict[str, Any] | None:
    """The facts of a label that the table gives by names; None where it gives numbers, or something else is said."""
    names = [candidate.named[label] for candidate in used if label in candidate.named]
    if label == LABEL:
        names += [name for candidate in used for name in candidate.named_ratings.values()]
    if not names or given.kind not in (None, "classes"):
        return None
    if given.classes:
        return {"kind": "classes", "classes": given.classes}
    numbered = {(candidate.label, candidate.named[label]) for candidate in used if label in candidate.named}
    if numbered and [number for number, _ in sorted(numbered)] == list(range(len(numbered))):
        remarks[f"labels.{label}.classes"] = "the names in the file, by their numbers there"
        return {"kind": "classes", "classes": tuple(name for _, name in sorted(numbered))}
    remarks[f"labels.{label}.classes"] = "the names in the table, sorted"
    return {"kind": "classes", "classes": classes_found(names, source=used[0].place.split(", ")[0])}


def _label(labels: set[float], given: Given, remarks: dict[str, str], *, name: str) -> dict[str, Any]:
    """What the labels in the table show, as far as nobody says it."""
    kind = given.kind
    if kind is None:
        kind = "binary" if labels == {0.0, 1.0} and given.label_max in (None, 1.0) else "regression"
        if given.label_min is None and given.label_max is None:
            remarks[f"labels.{name}.kind"] = _why_kind(labels, kind)
    if kind != "regression":
        return {"kind": kind}
    low, high = _range(labels)
    if given.label_min is None or given.label_max is None:
        remarks[f"labels.{name}.min"] = (
            f"by the labels in the table, {min(labels, default=0):g} to {max(labels, default=0):g}"
        )
    low = low if given.label_min is None else given.label_min
    high = high if given.label_max is None else given.label_max
    return {"kind": kind, "min": low, "max": high, **_measured(low, high)}


def _why_kind(labels: set[float], kind: str) -> str:
    if kind == "binary":
        return "every label in the table is 0 or 1"
    if len(labels) == 2:
        low, high = sorted(labels)
        return (
            f"labels in the table are {low:g} and {high:g} alone: if they stand for two classes, write 0 and 1, or their names, and import "
            "again"
        )
    whole = all(label.is_integer() for label in labels) and 2 < len(labels) <= 20 and min(labels) == 0
    return "labels in the table are numbers" + (
        ", all of them whole: if they stand for classes, say --task classes --classes NAME,NAME,…"
        if whole
        else ""
    )


def _measured(low: Any, high: Any) -> dict[str, Any]:
    """Protocol and groups of a range."""
    for name, limits in PROTOCOL_RANGES.items():
        if (low, high) == limits:
            return {"protocol": name, "groups": "integer" if name == "mosi" else (-0.7, -0.1, 0.1, 0.7)}
    return {"protocol": "regression"}


def _range(labels: set[float]) -> tuple[float, float]:
    """The range that the field uses for such labels, or the whole numbers around them."""
    low, high = min(labels, default=-3.0), max(labels, default=3.0)
    if low < 0 < high:
        for limit in (1.0, 3.0):
            if max(-low, high) <= limit:
                return -limit, limit
    low, high = float(math.floor(low)), float(math.ceil(high))
    return low, high if high > low else low + 1


def _language(used: Sequence[Candidate], remarks: dict[str, str]) -> str | None:
    """None where every segment names its own; else by the script of the transcripts, and English for what is Latin."""
    if used and all(candidate.language is not None for candidate in used):
        return None
    scripts: Counter[str] = Counter()
    for candidate in used:
        for letter in (candidate.text or "")[:_LETTERS]:
            if letter.isalpha():
                scripts[unicodedata.name(letter, "?").split()[0]] += 1
        if scripts.total() > _LETTERS:
            break
    script = scripts.most_common(1)[0][0] if scripts else "LATIN"
    # Japanese is written in Chinese characters, too.
    if script == "CJK" and scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * scripts.total():
        script = "HIRAGANA"
    language = _LANGUAGE_OF_SCRIPT.get(script, "en")
    remarks["language"] = (
        f"by the script of the transcripts, {script.title()}"
        if scripts and script in _LANGUAGE_OF_SCRIPT
        else "assumed, for nothing says so"
    )
    return language


def rules_of(
    facts: Facts,
    folder: Path,
    *,
    label: str | None = None,
    language: str | None = None,
    split: str = STANDARD,
    valid_share: float,
    test_share: float,
    split_seed: int,
    max_rejected_share: float,
) -> Rules:
    """What a run holds the corpus in a folder against: its facts, and the section `manifest` of params.yaml."""
    return Rules(
        task=facts.task(label, source=FACTS_FILE),
        language=language_of_corpus(spoken, FACTS_FILE) if (spoken := language or facts.language) else None,
        mixes=mixes_of(facts, folder, split=split),
        prescribed=facts.prescribed,
        split=split,
        valid_share=valid_share,
        test_share=test_share,
        split_seed=split_seed,
        max_rejected_share=max_rejected_share,
    )
