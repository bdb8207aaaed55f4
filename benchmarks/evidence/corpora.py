"""Corpora as one table each: text or its vectors, label, video, rater and split; some with a row of sound per segment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
        label: label of each segment, moved and scaled to about [−3, 3] where the corpus has another range.
        video: the video, document or review that a segment is part of; no split divides one.
        rater: who gave the label; where nobody says, the video, whose segments are on one scale in any case.
        split: the published split of each segment, "train", "valid" or "test", or one drawn by video.
        sound: one row of sound per segment, NaN where it has none; without columns where the corpus has no sound.
        vectors: one row of text per segment, where the corpus has no text; None where an encoder reads the text.
        max_words: words of a text that the encoder reads, at its start.
        steps: steps of training on train, chosen on valid by absolute error and GRCF together.
    """

    name: str
    ids: tuple[str, ...]
    text: tuple[str, ...]
    label: Float64[np.ndarray, "segment"]
    video: tuple[str, ...]
    rater: tuple[str, ...]
    split: tuple[str, ...]
    sound: Float32[np.ndarray, "segment column"]
    vectors: Float32[np.ndarray, "segment column"] | None = None
    max_words: int = 50
    steps: int = 400


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
    found = _corpus("mosei", table, id_="id", text="text", video="video_id", label=table["label"])
    return replace(found, steps=1000)


def _sims(data: Path) -> Corpus:
    """CH-SIMS v2 by the machine's English; videos lie in several published splits, so it is divided anew by video."""
    table = pd.read_csv(data / "corpora/chsims_v2.csv")
    table["split"] = _drawn_split(table["video"])
    return _corpus("sims", table, id_="id", text="text_en", video="video", label=3 * table["label"])


def _emobank(data: Path) -> Corpus:
    """The valence of single sentences, 1 to 5 but mostly near 3, spread to three times as much.

    Published parts share documents, so it is divided anew.
    """
    table = pd.read_csv(data / "corpora/emobank.csv")
    table["split"] = _drawn_split(table["document"])
    return _corpus("emobank", table, id_="id", text="text", video="document", label=3 * (table["V"] - 3))


def _rt(data: Path) -> Corpus:
    """Film reviews of four critics, each with a scale of his own; the first and the last words of each review."""
    table = pd.read_csv(data / "corpora/rt_scale.csv")
    words = table["text"].str.split()
    table["text"] = [" ".join((*each[:_ENDS], *each[max(_ENDS, len(each) - _ENDS) :])) for each in words]
    table["split"] = _drawn_split(table["id"])
    found = _corpus(
        "rt", table, id_="id", text="text", video="id", label=6 * (table["label"] - 0.5), rater="author"
    )
    return replace(found, max_words=2 * _ENDS)


def _impressions(data: Path) -> Corpus:
    """Apparent extraversion, 0 to 1; counts of words and sound, no transcripts. Published parts share videos, so it is divided anew."""
    table = pd.read_csv(data / "corpora/first_impressions.csv")
    table = table[table["extraversion"].notna()].reset_index(drop=True)
    table["split"] = _drawn_split(table["video"])
    text, sound = (
        table.loc[:, table.columns.str.startswith(prefixes)].to_numpy(np.float32)
        for prefixes in (("liwc_", "pol_", "vad_"), ("aud_", "mood_"))
    )
    table["text"] = ""
    label = 6 * (table["extraversion"] - 0.5)
    found = _corpus("impressions", table, id_="id", text="text", video="video", label=label, sound=sound)
    return replace(found, vectors=np.nan_to_num(text))


READERS: Mapping[str, Callable[[Path], Corpus]] = {
    "mosi": _mosi,
    "mosei": _mosei,
    "sims": _sims,
    "emobank": _emobank,
    "rt": _rt,
    "impressions": _impressions,
}

RATED = ("rt",)
"""The corpora of which it is known who gave the labels."""

# Words of a long review that are read at either end.
_ENDS = 25


def _corpus(
    name: str,
    table: pd.DataFrame,
    *,
    id_: str,
    text: str,
    video: str,
    label: pd.Series,
    rater: str | None = None,
    sound: np.ndarray | None = None,
) -> Corpus:
    return Corpus(
        name,
        ids=tuple(table[id_].astype(str)),
        text=tuple(table[text].fillna("").astype(str).str.lower()),
        label=label.to_numpy(np.float64),
        video=tuple(table[video].astype(str)),
        rater=tuple(table[rater or video].astype(str)),
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
