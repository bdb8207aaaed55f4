"""Corpora of sentiment as one table each: text, label in [−3, 3], video and split; MOSI with a row of sound per segment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float32, Float64

from pipeline.errors import PipelineError


@dataclass(frozen=True, eq=False)
class Corpus:
    """The segments of a corpus.

    Attributes:
        name: name of the corpus.
        ids: one per segment.
        text: what was said or written.
        label: label of each segment, moved and scaled to [−3, 3] where the corpus has another range.
        video: the video, document or author that a segment is part of; no split divides one.
        split: the published split of each segment, "train", "valid" or "test".
        sound: one row of sound per segment, NaN where it has none; without columns where the corpus has no sound.
    """

    name: str
    ids: tuple[str, ...]
    text: tuple[str, ...]
    label: Float64[np.ndarray, "segment"]
    video: tuple[str, ...]
    split: tuple[str, ...]
    sound: Float32[np.ndarray, "segment column"]


def read_corpus(name: str, data: Path) -> Corpus:
    """One corpus out of the folder that holds them all.

    Raises:
        PipelineError: no such corpus, or its file is missing.
    """
    if name not in READERS:
        raise PipelineError(f"there is no corpus {name!r}; expected one of {', '.join(READERS)}")
    try:
        return READERS[name](data)
    except FileNotFoundError as error:
        raise PipelineError(
            f"{error.filename}: is missing; name the folder that holds mosi/ and corpora/ by DATA=…"
        ) from None


def _mosi(data: Path) -> Corpus:
    table = pd.read_csv(data / "mosi/segments.csv")
    with np.load(data / "mosi/audio_utterance_features.npz", allow_pickle=False) as archive:
        rows = dict(zip(archive["segment_id"].tolist(), archive["hubert_proj256"], strict=True))
    n_columns = next(iter(rows.values())).shape[0]
    nothing = np.full(n_columns, np.nan, np.float32)
    sound = np.stack([rows.get(id_, nothing) for id_ in table["segment_id"]])
    return _corpus(
        "mosi", table, id_="segment_id", text="text", video="video_id", label=table["label"], sound=sound
    )


def _mosei(data: Path) -> Corpus:
    table = pd.read_csv(data / "corpora/mosei.csv")
    return _corpus("mosei", table, id_="id", text="text", video="video_id", label=table["label"])


def _sims(data: Path) -> Corpus:
    """CH-SIMS v2 by the machine's English; videos lie in several published splits, so it is divided anew by video."""
    table = pd.read_csv(data / "corpora/chsims_v2.csv")
    table["split"] = _drawn_split(table["video"])
    return _corpus("sims", table, id_="id", text="text_en", video="video", label=3 * table["label"])


def _emobank(data: Path) -> Corpus:
    """The valence of single sentences, 1 to 5."""
    table = pd.read_csv(data / "corpora/emobank.csv")
    table["split"] = table["split"].replace({"dev": "valid"})
    return _corpus("emobank", table, id_="id", text="text", video="document", label=1.5 * (table["V"] - 3))


READERS: Mapping[str, Callable[[Path], Corpus]] = {
    "mosi": _mosi,
    "mosei": _mosei,
    "sims": _sims,
    "emobank": _emobank,
}


def _corpus(
    name: str,
    table: pd.DataFrame,
    *,
    id_: str,
    text: str,
    video: str,
    label: pd.Series,
    sound: np.ndarray | None = None,
) -> Corpus:
    return Corpus(
        name,
        ids=tuple(table[id_].astype(str)),
        text=tuple(table[text].fillna("").astype(str).str.lower()),
        label=label.to_numpy(np.float64),
        video=tuple(table[video].astype(str)),
        split=tuple(table["split"].astype(str)),
        sound=np.zeros((len(table), 0), np.float32) if sound is None else sound.astype(np.float32),
    )


def _drawn_split(video: pd.Series) -> list[str]:
    """A split by video, 70 to 10 to 20."""
    names = sorted(set(video))
    np.random.default_rng(0).shuffle(names)
    n = len(names)
    part = {
        name: "train" if i < 0.7 * n else "valid" if i < 0.8 * n else "test" for i, name in enumerate(names)
    }
    return [part[name] for name in video]
