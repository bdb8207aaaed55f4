"""A little of everything that extraction can leave: gaps, damage, silence, no face, no words, more words than are kept."""

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.artifacts.features.packed import pack
from pipeline.exporting.extracted import Extracted

MAX_WORDS = 6
DIMS = {"text": 5, "audio": 4, "visual": 3}


def make_extracted(*, binary: bool = False) -> Extracted:
    random = np.random.default_rng(3)
    segments, spoken = [], {}
    sequences = {modality: [] for modality in DIMS}
    for number in range(12):
        split = ("train", "valid", "test")[number % 3]
        n_words = (3, 0, 8, 5)[number % 4]
        duration_s = 2.0 + number / 7
        bounds_s = np.linspace(0, duration_s, n_words + 1)
        words = tuple(
            Word(f"word{i}", float(bounds_s[i]), float(bounds_s[i + 1]) - 0.01) for i in range(n_words)
        )
        segments.append(
            Segment(
                id=f"s{number:02d}",
                split=split,
                label=float(number % 2) if binary else (-2.4, 0.0, 1.2)[number % 3],
                speaker=f"{split} speaker",
                video=f"clips/{split}{number // 6}.mp4",
                language="en",
                text=", ".join(word.text for word in words) or None,
                media=None,
                media_sha256=None,
                has_audio=False,
                has_video=False,
                start_s=0.0,
                end_s=duration_s,
                timed_words=words,
            )
        )
        spoken[f"s{number:02d}"] = SegmentWords(f"s{number:02d}", "given" if words else "none", words)
        for modality, dim in DIMS.items():
            n_rows = {"text": n_words, "audio": 40, "visual": 20}[modality]
            if modality == "visual" and number == 4:
                n_rows = 0
            values = random.normal(size=(n_rows, dim)).astype(np.float32)
            valid = np.ones(n_rows, bool) if modality == "text" else random.random(n_rows) > 0.3
            valid[5:20] &= number != 7 or modality == "text"
            times_s = (np.arange(n_rows) + 0.5) * duration_s / max(1, n_rows)
            sequences[modality].append(
                FeatureSequence(np.where(valid[:, None], values, np.float32(0)), times_s, valid)
            )
    ids = [segment.id for segment in segments]
    packed = {
        modality: pack(
            modality, ids, sequences[modality], columns=[f"{modality} {i}" for i in range(dim)], extractor={}
        )
        for modality, dim in DIMS.items()
    }
    return Extracted(tuple(segments), spoken, packed, {"max_words": MAX_WORDS, "max_gap_s": 0.1})
