"""Predictions of classes as a file: a column for each class, named by it, and back."""

import csv
import io

import numpy as np
import pytest

from pipeline.artifacts.evaluated.predictions import (
    SplitPredictions,
    predictions_from_csv,
    predictions_to_csv,
)
from pipeline.errors import PipelineError

CLASSES = ("joy", "=sadness", "in [brackets], too")


def predictions(split: str, n: int) -> SplitPredictions:
    rng = np.random.default_rng(n)
    rows = {name: rng.dirichlet(np.ones(3), size=(2, n)) for name in ("grcf", "pointwise")}
    return SplitPredictions(
        split,
        tuple(f"{split}-{number}" for number in range(n)),
        rng.integers(3, size=n).astype(np.float64),
        {**rows, "class_shares": np.tile([0.5, 0.25, 0.25], (1, n, 1))},
        {"grcf": (3, 11), "pointwise": (3, 11), "class_shares": ()},
        classes=CLASSES,
    )


def test_they_come_back_to_six_digits():
    written = [predictions("valid", 5), predictions("test", 3)]
    found = predictions_from_csv(predictions_to_csv(written), source="p.csv")
    for before, after in zip(written, found, strict=True):
        assert (after.split, after.ids, after.classes) == (before.split, before.ids, CLASSES)
        assert after.seeds == before.seeds
        assert after.truth.tolist() == before.truth.tolist()
        assert after.labels == [CLASSES[int(number)] for number in before.truth]
        for model, rows in before.models.items():
            assert after.models[model] == pytest.approx(rows, abs=1e-6)


def test_a_person_reads_names_and_probabilities():
    (row, *_) = csv.DictReader(io.StringIO(predictions_to_csv([predictions("valid", 4)])))
    mean = predictions("valid", 4).models["grcf"].mean(axis=0)[0]
    assert row["label"].lstrip("'") in CLASSES
    assert row["grcf"].lstrip("'") == CLASSES[mean.argmax()]
    assert float(row["grcf[joy]"]) == pytest.approx(mean[0], abs=1e-6)
    assert {"grcf_seed_3[joy]", "grcf_seed_11[in [brackets], too]", "class_shares[=sadness]"} <= row.keys()


def test_a_label_that_is_no_class_is_refused():
    text = predictions_to_csv([predictions("valid", 4)])
    first = next(csv.DictReader(io.StringIO(text)))["label"]
    with pytest.raises(PipelineError, match="not a table of predictions"):
        predictions_from_csv(text.replace(f",{first},", ",happiness,", 1), source="p.csv")
