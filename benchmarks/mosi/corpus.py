"""CMU-MOSI as a corpus of our own layout: real labels and timed words, audio rows made elsewhere, no video."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import PipelineError

_SOURCES = ("segments.csv", "words.csv", "audio_utterance_features.npz")
_PAUSE = "sp"


def write_corpus(source: Path, folder: Path) -> None:
    """Bring the labels, words and audio rows of MOSI into the layout of docs/reference/data.md.

    A word belongs to the segment in which its middle lies. Times are moved to the start of the segment, because segments
    without media have a clock of their own.

    Args:
        source: folder with `segments.csv` (segment_id, video_id, start_s, end_s, text, label, split), `words.csv`
            (video_id, word, start_s, end_s; `sp` is a pause) and `audio_utterance_features.npz` (segment_id,
            hubert_proj256).
        folder: the corpus folder to write: `segments.csv`, `words.csv`, `audio.npz`.

    Raises:
        PipelineError: `source` does not hold these files.
    """
    missing = [name for name in _SOURCES if not (source / name).is_file()]
    if missing:
        raise PipelineError(
            f"{source}: {missing[0]} is missing; name the folder that holds CMU-MOSI by DATA=…"
        )
    segments, words = pd.read_csv(source / _SOURCES[0]), pd.read_csv(source / _SOURCES[1])
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(
        {
            "id": segments["segment_id"],
            "label": segments["label"],
            "text": segments["text"].str.lower(),
            "split": segments["split"],
            "speaker": segments["video_id"],
            "video": segments["video_id"],
            "start_s": 0.0,
            "end_s": (segments["end_s"] - segments["start_s"]).round(3),
        }
    )
    table.to_csv(folder / "segments.csv", index=False)
    _words_of_segments(segments, words).to_csv(folder / "words.csv", index=False)
    with np.load(source / _SOURCES[2], allow_pickle=False) as audio:
        np.savez(folder / "audio.npz", ids=audio["segment_id"], values=audio["hubert_proj256"])


def _words_of_segments(segments: pd.DataFrame, words: pd.DataFrame) -> pd.DataFrame:
    spoken = words[words["word"] != _PAUSE]
    pairs = segments[["segment_id", "video_id", "start_s", "end_s"]].merge(
        spoken, on="video_id", suffixes=("", "_word")
    )
    middle_s = (pairs["start_s_word"] + pairs["end_s_word"]) / 2
    owned = pairs[(middle_s >= pairs["start_s"]) & (middle_s < pairs["end_s"])]
    duration_s = owned["end_s"] - owned["start_s"]
    return pd.DataFrame(
        {
            "id": owned["segment_id"],
            "word": owned["word"],
            "start_s": (owned["start_s_word"] - owned["start_s"]).clip(lower=0).round(4),
            "end_s": np.minimum(owned["end_s_word"] - owned["start_s"], duration_s).round(4),
        }
    )
