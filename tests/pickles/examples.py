"""Small feature pickles in the layouts of the field, with everything that the real ones have."""

import numpy as np

N = {"train": 24, "valid": 12, "test": 12}
ROWS, WIDE = 8, {"audio": 30, "vision": 20}
DIMS = {"text": 6, "audio": 4, "vision": 3}


def _padded(rows: list[np.ndarray], n_rows: int, side: str) -> np.ndarray:
    padded = np.zeros((len(rows), n_rows, rows[0].shape[1]), np.float32)
    for sample, values in enumerate(rows):
        where = slice(0, len(values)) if side == "right" else slice(n_rows - len(values), n_rows)
        padded[sample, where] = values
    return padded


def _samples(split: str, *, aligned: bool, side: str):
    """Features in which the label can be seen, and how many rows each sample has."""
    random = np.random.default_rng(sum(map(ord, split)))
    n = N[split]
    labels = random.choice([-2.4, -1.0, 0.0, 1.2, 3.0], n)
    n_words = random.integers(2, ROWS + 1, n)
    features = {}
    for key, dim in DIMS.items():
        length = n_words if aligned or key == "text" else n_words * 2 + 3
        rows = [
            random.normal(size=(rows, dim)) + 1 + label for rows, label in zip(length, labels, strict=True)
        ]
        features[key] = _padded(rows, ROWS if aligned or key == "text" else WIDE[key], side)
    return labels, n_words, features


def mmsa(*, aligned: bool) -> dict:
    """As MMSA's `aligned_50.pkl` and `unaligned_50.pkl`: padded on the right, ids of video and clip, three label keys."""
    content = {}
    for split, n in N.items():
        labels, n_words, features = _samples(split, aligned=aligned, side="right")
        names = np.select([labels < 0, labels > 0], ["Negative", "Positive"], "Neutral")
        content[split] = {
            "raw_text": np.array([" ".join(["word"] * count) for count in n_words], object),
            "audio": features["audio"],
            "vision": features["vision"],
            "id": np.array([f"{split}video{sample // 3}$_${sample % 3}" for sample in range(n)], object),
            "text": features["text"],
            "text_bert": np.ones((n, 3, ROWS), np.float32),
            "annotations": names.astype(object),
            "classification_labels": (np.sign(labels) + 1).astype(np.float32),
            "regression_labels": labels.astype(np.float32),
        }
        if not aligned:
            content[split]["audio_lengths"] = (n_words * 2 + 3).tolist()
            content[split]["vision_lengths"] = (n_words * 2 + 3).tolist()
    return content


def mult(*, aligned: bool) -> dict:
    """As MulT's `mosi_data.pkl`: padded on the left, labels (N, 1, 1), ids of bytes: name, start and end."""
    content = {}
    for split, n in N.items():
        labels, _, features = _samples(split, aligned=aligned, side="left")
        ids = [(f"{split}video{i // 3}_{i % 3}", f"{i + 0.5}", f"{i + 3.25}") for i in range(n)]
        content[split] = {
            **{key: values.astype(np.float64) for key, values in features.items()},
            "labels": labels.reshape(n, 1, 1),
            "id": np.array([[part.encode() for part in row] for row in ids], object),
        }
    return content


def multibench(*, classes: tuple[float, float]) -> dict:
    """As MultiBench's `humor.pkl` (classes 0 and 1, ids of whole numbers) and `sarcasm.pkl` (−1 and 1)."""
    content = {}
    for number, (split, n) in enumerate(N.items()):
        labels, _, features = _samples(split, aligned=True, side="left")
        content[split] = {
            **features,
            "labels": np.where(labels > 0, classes[1], classes[0]).reshape(n, 1),
            "id": np.arange(100 * number, 100 * number + n).reshape(n, 1),
        }
    return content
