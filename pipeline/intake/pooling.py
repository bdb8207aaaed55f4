"""Corpora that are in place already, put together to one of layout `pool`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.formats.files import write_text
from pipeline.corpus.facts import FACTS_FILE, LABEL, NAME, POOL, Facts, facts_from, facts_to_yaml
from pipeline.corpus.pool import read_part_facts, refuse_other_kind
from pipeline.errors import PipelineError, did_you_mean
from pipeline.extract.given_arrays import read_arrays
from pipeline.intake.conversion import Converted
from pipeline.intake.copying import copy_files
from pipeline.intake.facts import Given, find_facts
from pipeline.intake.files import Item, list_files
from pipeline.pickles.layouts import PICKLE_LAYOUTS

_ARRAYS = ("ids", "values", "offsets", "times_s", "valid", "spans_s", "columns")
_OF_WHOLE_FILE = ("ids", "offsets", "columns")


def part_names(sources: Sequence[Path], *, raw: Path, name: str) -> tuple[str, ...]:
    """The names of the parts of a pool.

    Args:
        sources: names of corpora below `raw`, or their folders there.
        raw: the folder of all corpora.
        name: name of the pool.

    Raises:
        PipelineError: fewer than two, one twice, one that is not there, is a pool, or is the pool to be.
    """
    if name in {source.name for source in sources}:
        raise PipelineError(
            f"{name}: is the pool to be and cannot be one of its parts; choose another --name"
        )
    names = tuple(_part_name(source, raw=raw) for source in sources)
    if len(names) < 2:
        raise PipelineError(
            f"{names[0]}: is one corpus; a pool needs at least two, such as `import {POOL} mosi sims --name {name}`"
        )
    repeated = next((part for part in names if names.count(part) > 1), None)
    if repeated is not None:
        raise PipelineError(f"{repeated}: is named twice; a corpus can be a part of a pool once")
    for part in names:
        layout = read_part_facts(raw / part).layout
        if layout in PICKLE_LAYOUTS:
            raise PipelineError(
                f"{raw / part}: is a feature pickle (layout {layout}), whose features cannot be pooled; run it up to `align`, write "
                "it as a folder by `python -m pipeline export npz`, and import that"
            )
    return names


def _part_name(source: Path, *, raw: Path) -> str:
    name = source.name if source.resolve().parent == raw.resolve() else str(source)
    if not re.fullmatch(NAME, name):
        raise PipelineError(
            f"{source}: is no name of a corpus below {raw}; import it first, then name it here"
        )
    folder = raw / name
    if not folder.is_dir():
        if folder.with_name(f"{name}.dvc").is_file():
            raise PipelineError(f"{folder}: is not here yet; fetch it by `dvc pull {folder}.dvc`")
        known = sorted(path.name for path in raw.iterdir() if (path / FACTS_FILE).is_file())
        raise PipelineError(
            f"{folder}: no such corpus{did_you_mean(name, known)}; import it first, or name one of {', '.join(known) or 'none'}"
        )
    return name


def put_together(raw: Path, folder: Path, *, names: Sequence[str], given: Given) -> Converted:
    """Link or copy the parts into the folder of the pool and write what the pool is.

    The range of the label is that of the first part; `given` may say another.

    Args:
        raw: the folder of all corpora.
        folder: the folder to write.
        names: the corpora.
        given: what is said of the pool.

    Raises:
        PipelineError: labels cannot be pooled, or a part cannot be read or copied.
    """
    parts = {name: read_part_facts(raw / name) for name in names}
    tasks = {name: facts.task(None, source=str(raw / name / FACTS_FILE)) for name, facts in parts.items()}
    first = tasks[names[0]]
    for name, task in tasks.items():
        refuse_other_kind(task, first, part=name)
    items = [
        Item(f"{name}/{item.name}", item.source, item.n_bytes)
        for name in names
        for item in list_files(raw / name)
    ]
    copy_files(items, folder, links=("reflink", "hardlink", "copy"))
    features, notes = _join_features(parts, raw, folder)
    write_text(folder / FACTS_FILE, facts_to_yaml(_facts_of(parts, features)))
    facts = find_facts(POOL, (), folder, given=given).facts
    common = facts.task(None, source=POOL)
    refuse_other_kind(first, common, part=names[0])
    write_text(folder / FACTS_FILE, facts_to_yaml(facts))
    for name, task in tasks.items():
        own, pool = (task.label_min, task.label_max), (common.label_min, common.label_max)
        if own != pool:
            notes.append(
                f"the labels of {name}, from {own[0]:g} to {own[1]:g}, are mapped linearly to {pool[0]:g} to {pool[1]:g}; "
                "margin.within=corpus compares only those of one corpus"
            )
    return Converted([item.name for item in items], notes)


def _facts_of(parts: Mapping[str, Facts], features: Mapping[str, str]) -> Facts:
    first = next(iter(parts.values()))
    label = first.labels[first.label].model_dump()
    languages = {facts.language for facts in parts.values()}
    mixes: dict[str, Any] = {
        kind: tuple(sorted({owner for facts in parts.values() for owner in getattr(facts.splits, kind)}))
        for kind in ("standard_mixes", "folds_mix")
    }
    text: dict[str, Any] = {
        key: "; ".join(
            f"{name}: {value}" for name, facts in parts.items() if (value := getattr(facts, key)) is not None
        )
        or None
        for key in ("rated_by", "licence", "citation")
    }
    values = {
        "layout": POOL,
        "parts": tuple(parts),
        "language": languages.pop() if len(languages) == 1 else None,
        "labels": {LABEL: label},
        "features": features,
        "splits": {"origin": "that of each part", **mixes},
        "prescribed": any(facts.prescribed for facts in parts.values()),
        **text,
    }
    return facts_from(values, source=POOL)


def _join_features(parts: Mapping[str, Facts], raw: Path, folder: Path) -> tuple[dict[str, str], list[str]]:
    """One file per modality that every part brings in one form, and a sentence on each that is left out."""
    joined: dict[str, str] = {}
    notes: list[str] = []
    for modality in MODALITIES:
        brought = {
            name: raw / name / file
            for name, facts in parts.items()
            if (file := getattr(facts.features, modality)) is not None
        }
        if not brought:
            continue
        if len(brought) < len(parts):
            lacking = [name for name in parts if name not in brought]
            notes.append(_left_out(modality, f"{', '.join(lacking)} brings none"))
            continue
        arrays = {name: read_arrays(path, _ARRAYS) for name, path in brought.items()}
        reason = _difference(arrays)
        if reason is not None:
            notes.append(_left_out(modality, reason))
            continue
        joined[modality] = f"{modality}.npz"
        with (folder / joined[modality]).open("wb") as file:
            np.savez(file, allow_pickle=False, **_concatenated(arrays))
    return joined, notes


def _left_out(modality: Modality, reason: str) -> str:
    return f"the {modality} features that parts bring are left out, because {reason}; they are extracted instead where text or media are there"


def _difference(arrays: Mapping[str, Mapping[str, np.ndarray]]) -> str | None:
    """Why features of several files cannot stand in one, None where they can."""
    name, first = next(iter(arrays.items()))
    for other, found in arrays.items():
        for array in ("ids", "values"):
            if array not in found:
                return f"the file of {other} lacks the array {array}"
        if found["values"].ndim != 2 or found["ids"].ndim != 1:
            return f"values of the file of {other} are not of shape (row, dim)"
        widths = first["values"].shape[1], found["values"].shape[1]
        if widths[0] != widths[1]:
            return f"those of {name} have {widths[0]} columns, those of {other} {widths[1]}"
        if found.keys() != first.keys():
            which = ", ".join(sorted(found.keys() ^ first.keys()))
            return f"the files of {name} and {other} differ in the arrays that they have ({which})"
        if "columns" in first and not np.array_equal(found["columns"], first["columns"]):
            return f"the columns of {name} and {other} have different names"
    return None


def _concatenated(arrays: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    every = list(arrays.values())
    joined = {
        array: np.concatenate([found[array] for found in every])
        for array in every[0]
        if array not in _OF_WHOLE_FILE
    }
    joined["ids"] = np.array(
        [f"{part}/{_text(id_)}" for part, found in arrays.items() for id_ in found["ids"]]
    )
    if "columns" in every[0]:
        joined["columns"] = every[0]["columns"]
    if "offsets" in every[0]:
        offsets, rows = [np.zeros(1, np.int64)], 0
        for found in every:
            offsets.append(found["offsets"][1:].astype(np.int64) + rows)
            rows += len(found["values"])
        joined["offsets"] = np.concatenate(offsets)
    return joined


def _text(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
