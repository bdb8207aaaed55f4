"""Small aligned splits with a known signal."""

import numpy as np

from pipeline.artifacts.aligned.split import AlignedSplit

N_COLUMNS = {"text": 5, "audio": 4, "visual": 3}


def make_split(split: str, n_segments: int, seed: int, n_columns=N_COLUMNS) -> AlignedSplit:
    """Labels that the first column of text and of audio tell, under noise; some words invalid."""
    rng = np.random.default_rng(seed)
    labels = np.clip(rng.normal(0, 1.5, n_segments), -3, 3).round(1)
    lengths = rng.integers(1, 7, n_segments)
    offsets = np.concatenate([[0], lengths.cumsum()])
    per_word = np.repeat(labels, lengths)
    features, valid = {}, {}
    for modality, dim in n_columns.items():
        values = rng.normal(size=(len(per_word), dim)).astype(np.float32)
        if dim and modality != "visual":
            values[:, 0] += per_word.astype(np.float32)
        mask = rng.random(len(per_word)) < 0.8 if dim else np.zeros(len(per_word), bool)
        values[~mask] = 0
        features[modality], valid[modality] = values, mask
    return AlignedSplit(
        split=split,
        ids=tuple(f"{split}-{position}" for position in range(n_segments)),
        labels=labels,
        offsets=offsets.astype(np.int64),
        features=features,
        valid=valid,
        columns={m: tuple(f"{m}_{k}" for k in range(d)) for m, d in n_columns.items()},
    )
