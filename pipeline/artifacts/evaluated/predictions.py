"""Predictions of every model for every segment of valid and test: a row per segment, a column per model and seed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from pipeline.artifacts.corpus.segments import OWNERS, SPLITS, Owner, Split
from pipeline.artifacts.formats.files import read_text
from pipeline.artifacts.formats.tables import Columns, not_a_table, table_parts_from_csv, table_to_csv

_SEED = "_seed_"
_WHAT = "table of predictions"
# The columns that are no numbers.
_NAMES = ("split", "id", *OWNERS)
_ROWS_AT_ONCE = 8192
_Column = list[str] | Float64[np.ndarray, "row"]


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """Truth and predictions of one split, in label units; of classes, their numbers, and a probability for each.

    `models` maps a model's name to a row per seed; `seeds` to the seeds of these rows, none for a model without any
    (the median), which then has one row. `corpus`, `speaker`, `video` and `rater` say whose each segment is, by one name
    per segment, empty where nobody says; each may be left out as a whole. `classes` names the classes in the order of
    their numbers; empty where labels are numbers.
    """

    split: Split
    ids: tuple[str, ...]
    truth: Float64[np.ndarray, "segment"]
    models: Mapping[str, Float64[np.ndarray, "_ segment *class"]]
    seeds: Mapping[str, tuple[int, ...]]
    corpus: tuple[str, ...] = ()
    speaker: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    rater: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def names_of(self, owner: Owner) -> tuple[str, ...]:
        """Whose each segment is, empty where nobody says."""
        names: tuple[str, ...] = getattr(self, owner)
        return names or ("",) * len(self.ids)

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora of the segments, in the order in which they occur."""
        return tuple(dict.fromkeys(self.names_of("corpus")))

    def of_corpus(self, name: str) -> "SplitPredictions":
        """The segments of one corpus alone."""
        rows = [row for row, corpus in enumerate(self.names_of("corpus")) if corpus == name]
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            truth=self.truth[rows],
            models={model: predictions[:, rows] for model, predictions in self.models.items()},
            corpus=tuple(self.names_of("corpus")[row] for row in rows),
            speaker=tuple(self.names_of("speaker")[row] for row in rows),
            video=tuple(self.names_of("video")[row] for row in rows),
            rater=tuple(self.names_of("rater")[row] for row in rows),
        )

    @property
    def labels(self) -> list[float] | list[str]:
        """The labels as people write them: numbers, or names of classes."""
        if not self.classes:
            return [float(label) for label in self.truth]
        return [self.classes[int(number)] for number in self.truth]


def predictions_to_csv(splits: Sequence[SplitPredictions]) -> str:
    """Columns: split, id, whose it is, label, then per model its mean over seeds and one `<model>_seed_<n>` per seed.

    Of classes, label and `<model>` name one, the latter the most probable by the mean over seeds; `<model>[<class>]` and
    `<model>_seed_<n>[<class>]` hold the probability of each.
    """
    columns: dict[str, list[object]] = {}
    for split in splits:
        rows: dict[str, Sequence[object] | np.ndarray] = {
            "split": [split.split] * len(split.ids),
            "id": split.ids,
            **{owner: split.names_of(owner) for owner in OWNERS},
            "label": split.labels,
        }
        for model, predictions in split.models.items():
            mean = predictions.mean(axis=0)
            by_name = {model: mean} | {
                f"{model}{_SEED}{seed}": row
                for seed, row in zip(split.seeds[model], predictions, strict=False)
            }
            if split.classes:
                rows[model] = [split.classes[number] for number in mean.argmax(axis=1)]
                by_name = {
                    _of_class(name, class_): column
                    for name, row in by_name.items()
                    for class_, column in zip(split.classes, row.T, strict=True)
                }
            rows |= by_name
        for name, values in rows.items():
            columns.setdefault(name, []).extend(values)
    return table_to_csv(columns)


def read_predictions(path: Path) -> list[SplitPredictions]:
    """Read what `predictions_to_csv` wrote into a file; see `predictions_from_csv`."""
    return predictions_from_csv(read_text(path), source=str(path), remedy="dvc repro evaluate")


def predictions_from_csv(text: str, *, source: str, remedy: str = "dvc repro") -> list[SplitPredictions]:
    """Read what `predictions_to_csv` wrote.

    Args:
        text: content of the file.
        source: name of the file, for errors.
        remedy: command that makes the file again, for errors.

    Raises:
        PipelineError: not such a table, or one that was cut off.
    """
    parts = table_parts_from_csv(text, source=source, what=_WHAT, remedy=remedy, at_most=_ROWS_AT_ONCE)
    try:
        columns = _joined(parts)
        classes = tuple(dict.fromkeys(name[:-1].partition("[")[2] for name in columns if _is_of_class(name)))
        models = [
            name
            for name in columns
            if name not in (*_NAMES, "label") and _SEED not in name and not _is_of_class(name)
        ]
        split = np.array(columns["split"])
        return [
            _split(_named(name), np.flatnonzero(split == name), columns, models, classes)
            for name in dict.fromkeys(columns["split"])
        ]
    except (KeyError, ValueError) as error:
        raise not_a_table(source, _WHAT, remedy, error) from error


def _joined(parts: Iterable[Columns]) -> dict[str, _Column]:
    """The columns of all parts of a table: lists of names, each name once, and arrays of numbers."""
    names: dict[str, list[str]] = {}
    found: dict[str, list[Float64[np.ndarray, row]]] = {}
    once: dict[str, str] = {}
    order: tuple[str, ...] = ()
    for part in parts:
        order = tuple(part)
        # Of classes, the label and the column of a model name one, and every number stands under a class.
        of_classes = any(map(_is_of_class, order))
        for name, cells in part.items():
            if name == "id":
                names.setdefault(name, []).extend(cells)
            elif name in _NAMES or (of_classes and not _is_of_class(name)):
                names.setdefault(name, []).extend(once.setdefault(cell, cell) for cell in cells)
            else:
                found.setdefault(name, []).append(np.array(cells, np.float64))
    return {name: names[name] if name in names else np.concatenate(found[name]) for name in order}


def _named(name: str) -> Split:
    for split in SPLITS:
        if split == name:
            return split
    raise ValueError(f"no split is called {name!r}")


def _of_class(name: str, class_: str) -> str:
    return f"{name}[{class_}]"


def _is_of_class(name: str) -> bool:
    return "[" in name and name.endswith("]")


def _seed(written: str) -> int:
    """The seed of a column, which `01` or `+1` is not: there may be a column of seed 1 beside it."""
    seed = int(written)
    if str(seed) != written:
        raise ValueError(f"{written!r} is no seed")
    return seed


def _split(
    split: Split,
    rows: Int64[np.ndarray, "segment"],
    columns: Mapping[str, _Column],
    models: Sequence[str],
    classes: tuple[str, ...],
) -> SplitPredictions:
    def names(name: str) -> tuple[str, ...]:
        cells = columns[name]
        return tuple(str(cells[row]) for row in rows.tolist())

    def numbers(name: str) -> Float64[np.ndarray, "segment *class"]:
        if not classes:
            return np.asarray(np.asarray(columns[name], np.float64)[rows])
        of_classes = [np.asarray(columns[_of_class(name, class_)], np.float64)[rows] for class_ in classes]
        return np.asarray(np.stack(of_classes, axis=1))

    seeds = {
        model: tuple(
            dict.fromkeys(
                _seed(name.removeprefix(model + _SEED).partition("[")[0])
                for name in columns
                if name.startswith(model + _SEED)
            )
        )
        for model in models
    }
    ids = names("id")
    if len(set(ids)) < len(ids):
        twice = next(id_ for id_, n in Counter(ids).items() if n > 1)
        raise ValueError(f"the segment {twice!r} of {split} stands there twice")
    return SplitPredictions(
        split=split,
        ids=ids,
        truth=np.array([classes.index(label) for label in names("label")], np.float64)
        if classes
        else numbers("label"),
        models={
            model: np.stack([numbers(f"{model}{_SEED}{seed}") for seed in seeds[model]] or [numbers(model)])
            for model in models
        },
        seeds=seeds,
        **{owner: names(owner) for owner in OWNERS if owner in columns},
        classes=classes,
    )
