"""The three layouts of feature pickles that the field passes around, brought into one form.

`mmsa`: MMSA and its descendants (Mao et al., 2022). `mult`: the Multimodal Transformer's `*_data.pkl` and
`*_data_noalign.pkl` (Tsai et al., 2019), which MFN, MISA and others read too. `multibench`: MultiBench's `humor.pkl`,
`sarcasm.pkl` and `mosi_raw.pkl` (Liang et al., 2021). All three are a dict of splits, each a dict of padded arrays.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.errors import PipelineError
from pipeline.pickles.restricted import read_pickle
from pipeline.storage.left_behind import is_left_out

PickleLayout = Literal["mmsa", "mult", "multibench"]
PICKLE_LAYOUTS: tuple[PickleLayout, ...] = get_args(PickleLayout)

_KEYS: dict[Modality, str] = {"text": "text", "audio": "audio", "visual": "vision"}
_LABELS: dict[PickleLayout, tuple[str, ...]] = {
    "mmsa": ("regression_labels", "classification_labels"),
    "mult": ("labels",),
    "multibench": ("labels",),
}
LETTERS: dict[str, str] = {"text": "T", "audio": "A", "visual": "V"}
"""Ends of the keys of the labels that one modality alone has, as CH-SIMS does: `regression_labels_T`."""
# What MMSA calls the sign of a label; other annotations are names of classes.
_SIGNS = frozenset(("Negative", "Neutral", "Positive"))
# `video$_$clip` is MMSA's; `video[3]` is the CMU SDK's. `video_3` is MulT's, and a bare number elsewhere.
_VIDEO = re.compile(r"(.+?)\$_\$.+|(.+)\[[^\[\]]*\]")
_VIDEO_IN_MULT = re.compile(r"(.+)_\d+")
_TEXTS = "_raw_text"


@dataclass(frozen=True, eq=False)
class GivenSplit:
    """One split of a feature pickle; sample i owns row i of everything.

    Attributes:
        split: name of the split.
        ids: a name of its own for each sample.
        videos: video that each sample was cut from; its own id where nothing says so.
        spans_s: start and end in the video, seconds; None where the file does not say.
        labels: one number a sample.
        transcripts: spoken words of each sample; None where the file does not say.
        features: sample × row × dimension, padded; large ones lie in the file until they are read.
        lengths: number of rows that are no padding, for the modalities whose file says so.
        aligned: whether row w of every modality belongs to word w.
        other_labels: labels of one modality alone by its name, one number a sample, NaN where it has none; layout mmsa only.
        annotations: what each sample is called; empty where the file does not say. Layout mmsa only.
    """

    split: Split
    ids: tuple[str, ...]
    videos: tuple[str, ...]
    spans_s: tuple[tuple[float, float] | None, ...]
    labels: tuple[float, ...]
    transcripts: tuple[str | None, ...]
    features: Mapping[Modality, np.ndarray]
    lengths: Mapping[Modality, np.ndarray]
    aligned: bool
    other_labels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    annotations: tuple[str, ...] = ()


def class_names(splits: Sequence[GivenSplit]) -> Mapping[float, str]:
    """The name of each class by its number, where annotations name the numbers 0, 1, … of the labels; empty where they do not."""
    if any(len(given.annotations) != len(given.labels) for given in splits):
        return {}
    pairs = {
        pair for given in splits for pair in zip(given.labels, given.annotations, strict=True) if pair[1]
    }
    names = dict(sorted(pairs))
    counted = list(names) == [float(number) for number in range(len(names))]
    apart = len(pairs) == len(names) == len(set(names.values()))
    return names if counted and apart and len(names) > 1 and not _SIGNS.issuperset(names.values()) else {}


def find_pickle(folder: Path) -> Path:
    """The one feature pickle of a corpus folder; `<name>_raw_text.pkl`, which MultiBench puts beside it, is none.

    Raises:
        PipelineError: there is none, or more than one.
    """
    if not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder; put the pickle there, or name another with `-S corpus.name=…`"
        )
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".pkl", ".pickle")
        and not path.stem.endswith(_TEXTS)
        and not is_left_out(path.name)
    )
    if len(found) != 1:
        raise PipelineError(
            f"{folder}: holds {len(found)} feature pickles{': ' if found else ''}"
            f"{', '.join(path.name for path in found)}; expected one file that ends in .pkl"
        )
    return found[0]


def read_feature_pickle(path: Path, *, layout: PickleLayout) -> list[GivenSplit]:
    """Read the splits of a feature pickle; see `read_feature_pickle_and_rest`."""
    return read_feature_pickle_and_rest(path, layout=layout)[0]


def read_feature_pickle_and_rest(
    path: Path, *, layout: PickleLayout
) -> tuple[list[GivenSplit], dict[str, tuple[str, ...]]]:
    """Read a feature pickle.

    Returns:
        the splits, in the order train, valid, test; and the samples that are in none of them, by the name of their part: the ids,
        or nothing of a part that names none.

    Raises:
        PipelineError: the file is no plain pickle, a split or key is missing, or arrays do not fit together.
    """
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise PipelineError(
            f"{path}: holds a {type(content).__name__}; expected a dict of train, valid, test"
        )
    missing = [split for split in SPLITS if not isinstance(content.get(split), dict)]
    if missing:
        raise PipelineError(
            f"{path}: the split {missing[0]!r} is missing; found {_names(content)}, expected train, valid, test"
        )
    texts = _read_texts(path.with_name(f"{path.stem}{_TEXTS}{path.suffix}")) if layout == "multibench" else {}
    splits = [_read_split(path, split, content[split], layout, texts) for split in SPLITS]
    seen = {id_ for split in splits for id_ in split.ids}
    rest: dict[str, tuple[str, ...]] = {}
    for name, part in content.items():
        if name in SPLITS or not isinstance(part, dict) or not part.keys() & set(_KEYS.values()):
            continue
        ids = _ids_of_part(part, layout)
        further = tuple(dict.fromkeys(id_ for id_ in ids if id_ and id_ not in seen))
        if further or not ids:  # a part such as train and valid together holds nothing new
            rest[str(name)] = further
            seen.update(further)
    return _binary(splits) if layout == "multibench" else splits, rest


def _ids_of_part(part: Mapping[str, Any], layout: PickleLayout) -> tuple[str, ...]:
    """The ids of a part that is no split; nothing where it has none that can be read."""
    given = part.get("id")
    if not isinstance(given, np.ndarray | list | tuple) or not np.ndim(given):
        return ()
    try:
        return _ids("id", given, len(given), layout)[0]
    except PipelineError:
        return ()


def _read_split(
    path: Path, split: Split, content: Mapping[str, Any], layout: PickleLayout, texts: Mapping[str, str]
) -> GivenSplit:
    place = f"{path}, {split}"
    label_key = _label_key(place, content, layout)
    features = {
        modality: _feature(f"{place}, {key}", content[key], lengths=content.get(f"{key}_lengths"))
        for modality, key in _KEYS.items()
    }
    n = len(features["text"])
    ids, videos, spans_s = _ids(f"{place}, id", content["id"], n, layout)
    transcripts = _transcripts(f"{place}, raw_text", content.get("raw_text"), ids, texts)
    sizes = {key: len(features[modality]) for modality, key in _KEYS.items()} | {"raw_text": len(transcripts)}
    for what, size in sizes.items():
        if size != n:
            raise PipelineError(
                f"{place}: {what} has {size} samples, but text has {n}; expected as many of each"
            )
    lengths = {
        modality: _lengths(f"{place}, {key}_lengths", content[f"{key}_lengths"], features[modality])
        for modality, key in _KEYS.items()
        if content.get(f"{key}_lengths") is not None
    }
    same_rows = len({array.shape[1] for array in features.values()}) == 1
    return GivenSplit(
        split=split,
        ids=ids,
        videos=videos,
        spans_s=spans_s,
        labels=_labels(f"{place}, {label_key}", content[label_key], n),
        transcripts=transcripts,
        features=features,
        lengths=lengths,
        aligned=same_rows and not lengths,
        other_labels=_other_labels(content, n) if layout == "mmsa" else {},
        annotations=_annotations(content.get("annotations"), n) if layout == "mmsa" else (),
    )


def _other_labels(content: Mapping[str, Any], n: int) -> Mapping[str, tuple[float, ...]]:
    """Labels of one modality alone; what is no number per sample is left out, as nothing is learnt from it by default."""
    found = {}
    for name, letter in LETTERS.items():
        labels = content.get(f"regression_labels_{letter}")
        if isinstance(labels, np.ndarray) and labels.dtype.kind in "iuf" and labels.size == n:
            flat = labels.reshape(-1)
            found[name] = tuple(float(str(value)) if np.isfinite(value) else np.nan for value in flat)
    return found


def _annotations(given: Any, n: int) -> tuple[str, ...]:
    if not isinstance(given, np.ndarray | list | tuple) or len(given) != n:
        return ()
    return tuple(value if isinstance(value, str) else "" for value in given)


def _label_key(place: str, content: Mapping[str, Any], layout: PickleLayout) -> str:
    """The key of the labels, of a split that has all that the layout asks for."""
    label_key = next((key for key in _LABELS[layout] if key in content), None)
    missing = [key for key in (*_KEYS.values(), "id") if key not in content]
    if label_key is None or missing:
        raise PipelineError(
            f"{place}: the key {missing[0] if missing else _LABELS[layout][0]!r} is missing; found {_names(content)}, "
            f"expected those of the layout {layout}"
        )
    return label_key


def _transcripts(
    place: str, given: Any, ids: Sequence[str], texts: Mapping[str, str]
) -> tuple[str | None, ...]:
    if given is None:
        return tuple(texts.get(id_) for id_ in ids)
    return tuple(map(_text, _samples(place, given)))


def _samples(place: str, values: Any) -> Sequence[Any]:
    """What has an entry per sample.

    Raises:
        PipelineError: it is a number, a dict or the like.
    """
    if isinstance(values, np.ndarray) and values.ndim:
        return list(values)
    if isinstance(values, list | tuple):
        return values
    raise PipelineError(f"{place}: is {_described(values)}; expected an entry per sample")


def _array(place: str, values: Any) -> np.ndarray:
    """An array, of whatever was given as one.

    Raises:
        PipelineError: rows of different lengths, or anything else that is no array.
    """
    if isinstance(values, np.ndarray):
        return values
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise PipelineError(
            f"{place}: is no array ({str(error)[:120]}); expected rows of one length"
        ) from error


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return f"a {type(value).__name__}"


def _feature(place: str, array: Any, *, lengths: Any) -> np.ndarray:
    found = _array(place, array)
    if found.ndim == 2 and lengths is None:  # a row per sample
        found = found[:, None, :]
    if found.ndim != 3 or found.dtype.kind not in "iuf" or found.shape[1] == 0 or found.shape[2] == 0:
        raise PipelineError(
            f"{place}: {found.dtype} of shape {found.shape}; expected numbers of shape (sample, row, dimension)"
        )
    return found


def _labels(place: str, labels: Any, n: int) -> tuple[float, ...]:
    found = _array(place, labels)
    if found.dtype.kind not in "iufb" or found.size != n or not np.isfinite(found).all():
        raise PipelineError(
            f"{place}: {found.dtype} of shape {found.shape}; expected a finite number for each of {n} samples. Several "
            "classes or emotions at once are no task of this pipeline"
        )
    # 2.4 was written as float32; its neighbour in float64 would not be 2.4 any more.
    return tuple(float(str(value)) for value in (found * 1).reshape(-1))


def _lengths(place: str, lengths: Any, feature: np.ndarray) -> np.ndarray:
    found = _array(place, lengths)
    if found.shape != (len(feature),) or found.dtype.kind not in "iu" or (found < 0).any():
        raise PipelineError(
            f"{place}: {found.dtype} of shape {found.shape}; expected {len(feature)} whole numbers from 0"
        )
    return np.asarray(np.minimum(found, feature.shape[1]))


def _ids(
    place: str, ids: Any, n: int, layout: PickleLayout
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[float, float] | None, ...]]:
    """Names, videos and spans. The CMU SDK writes rows of a name, a start and an end, and the name may be the video's."""
    rows = [_flat(row) for row in _samples(place, ids)]
    if len(rows) != n or not all(rows):
        raise PipelineError(f"{place}: {len(rows)} ids for {n} samples; expected one each")
    names = [_text(row[0]) or "" for row in rows]
    spans_s = tuple(_span(row[1:]) for row in rows)
    shared = {name for name, count in Counter(names).items() if count > 1}
    videos = tuple(name if name in shared else _video(name, layout) for name in names)
    ids_ = tuple(
        f"{name}[{span[0]:g}-{span[1]:g}]" if name in shared and span else name
        for name, span in zip(names, spans_s, strict=True)
    )
    return ids_, videos, spans_s


def _flat(row: Any) -> list[Any]:
    """A name alone, or a name with a start and an end, however deep it is wrapped."""
    if isinstance(row, np.ndarray):
        return [part for item in row.reshape(-1).tolist() for part in _flat(item)]
    if isinstance(row, list | tuple):
        return [part for item in row for part in _flat(item)]
    return [row]


def _video(name: str, layout: PickleLayout) -> str:
    """What a sample was cut from, by its name; the name itself where it does not say."""
    match = _VIDEO.fullmatch(name) or (_VIDEO_IN_MULT.fullmatch(name) if layout == "mult" else None)
    return next(filter(None, match.groups())) if match else name


def _span(row: Sequence[Any]) -> tuple[float, float] | None:
    try:
        start_s, end_s = (float(_text(value) or "") for value in row)
    except (ValueError, OverflowError):
        return None
    return (start_s, end_s) if 0 <= start_s < end_s < np.inf else None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, np.ndarray | list | tuple):  # words, one by one
        return " ".join(filter(None, (_text(part) for part in _flat(value))))
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return str(value)


def _read_texts(path: Path) -> dict[str, str]:
    """MultiBench's transcripts, words by id; `sp` is a pause."""
    if not path.exists():
        return {}
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise PipelineError(f"{path}: holds a {type(content).__name__}; expected a dict of words by id")
    return {
        str(id_): " ".join(word for word in (_text(words) or "").split() if word != "sp")
        for id_, words in content.items()
    }


def _binary(splits: list[GivenSplit]) -> list[GivenSplit]:
    """MultiBench's sarcasm is labelled −1 and 1; the pipeline's classes are 0 and 1."""
    if {label for split in splits for label in split.labels} != {-1.0, 1.0}:
        return splits
    return [replace(split, labels=tuple(float(label > 0) for label in split.labels)) for split in splits]


def _names(content: Mapping[str, Any]) -> str:
    return ", ".join(sorted(str(key)[:40] for key in content)[:20]) or "nothing"


assert set(_KEYS) == set(MODALITIES)
