"""A pool is measured corpus by corpus, as if each were alone; a single corpus has no such table."""

import math

import numpy as np
import pytest

from pipeline.artifacts.evaluated.by_corpus import read_corpus_metrics, write_corpus_metrics
from pipeline.artifacts.evaluated.predictions import (
    SplitPredictions,
    predictions_from_csv,
    predictions_to_csv,
)
from pipeline.errors import PipelineError
from pipeline.evaluation.corpora import CorpusSample, corpus_metrics
from pipeline.evaluation.protocols import BINARY, MOSI, REGRESSION, measure

N, SEEDS = 120, (1, 2, 3)


def pooled(*, corpora=("films", "clips"), split="test", speakers=None, seeds=SEEDS) -> SplitPredictions:
    rng = np.random.default_rng(3)
    truth = rng.uniform(-3, 3, N).round(2)
    models = {
        "grcf": truth + rng.normal(size=(len(seeds), N)),
        "pointwise": truth / 2 + rng.normal(size=(len(seeds), N)),
        "median": np.full((1, N), 0.5),
    }
    names = tuple(corpora[row % len(corpora)] for row in range(N))
    return SplitPredictions(
        split,
        tuple(f"s{row}" for row in range(N)),
        truth,
        models,
        {"grcf": seeds, "pointwise": seeds, "median": ()},
        corpus=names,
        speaker=() if speakers is None else tuple(f"{names[row]}{row % speakers}" for row in range(N)),
    )


def table(*splits, protocol=MOSI):
    return corpus_metrics(splits, protocol=protocol, confidence=0.95, n_resamples=200)


def by_name(rows):
    return {(row.split, row.corpus, row.model, row.metric): row for row in rows}


def test_a_single_corpus_has_no_rows():
    assert table(pooled(corpora=("films",)), pooled(corpora=("films",), split="valid")) == []
    assert table(pooled(corpora=("",))) == []


def test_a_corpus_is_measured_on_its_own_segments_alone():
    split = pooled()
    found = by_name(table(split))
    mask = np.array(split.corpus) == "clips"
    for model in ("grcf", "pointwise"):
        by_seed = [measure(split.truth[mask], row[mask], protocol=MOSI) for row in split.models[model]]
        for metric in MOSI.headline:
            row = found["test", "clips", model, metric]
            values = [values[metric] for values in by_seed]
            assert row.summary.mean == pytest.approx(np.mean(values), abs=1e-12)
            assert row.summary.sd == pytest.approx(np.std(values, ddof=1), abs=1e-12)
            assert row.summary.ci_low < row.summary.mean < row.summary.ci_high
            assert (row.n_segments, row.summary.n) == (60, 3)


def test_the_difference_is_grcf_minus_the_baseline():
    found = by_name(table(pooled()))
    for metric in MOSI.headline:
        one, two, difference = (
            found["test", "films", model, metric].summary.mean
            for model in ("grcf", "pointwise", "grcf - pointwise")
        )
        assert difference == pytest.approx(one - two, abs=1e-12)


def test_of_a_constant_the_correlation_is_missing_with_its_reason():
    row = by_name(table(pooled()))["test", "films", "median", "pearson"]
    assert row.summary.mean is None
    assert "all predictions are equal" in row.summary.reason


def test_the_interval_of_a_mean_over_segments_is_that_of_its_standard_error():
    split = pooled(seeds=(1,))
    found = corpus_metrics([split], protocol=MOSI, confidence=0.95, n_resamples=20_000)
    summary = by_name(found)["test", "films", "grcf", "mae"].summary
    mask = np.array(split.corpus) == "films"
    errors = np.abs(split.models["grcf"][0] - split.truth)[mask]
    expected = 2.001 * errors.std(ddof=1) / math.sqrt(len(errors))  # t of 59 degrees
    assert (summary.ci_high - summary.ci_low) / 2 == pytest.approx(expected, rel=0.03)


def test_speakers_are_drawn_whole_where_there_are_enough_of_them():
    units = {
        speakers: {(row.unit, row.n_units) for row in table(pooled(speakers=speakers))}
        for speakers in (14, 6, None)
    }
    # Of 14 speakers a corpus has every other one; three of them tell too little.
    assert units == {14: {("speaker", 7)}, 6: {("segment", 60)}, None: {("segment", 60)}}


def test_a_corpus_that_only_one_split_has():
    found = table(pooled(corpora=("films", "clips"), split="valid"), pooled(corpora=("films",)))
    assert {(row.split, row.corpus) for row in found} == {
        ("valid", "films"),
        ("valid", "clips"),
        ("test", "films"),
    }


def test_a_corpus_of_one_segment_has_values_and_no_interval():
    split = pooled()
    lonely = SplitPredictions(
        split.split,
        split.ids,
        split.truth,
        split.models,
        split.seeds,
        corpus=("one", *("many",) * (N - 1)),
    )
    found = by_name(table(lonely))
    error = found["test", "one", "grcf", "mae"].summary
    assert error.mean is not None
    assert (error.ci_low, error.reason) == (None, "one segment cannot be resampled")
    assert "all labels are equal" in found["test", "one", "grcf", "ordered_pair_accuracy"].summary.reason


def test_what_is_scale_free_does_not_change_with_the_scale_of_the_labels():
    sample = CorpusSample(pooled().of_corpus("films"), n_resamples=10)
    rows = sample.part.models["grcf"]
    for metric in REGRESSION.metrics:
        if metric.name in REGRESSION.headline:
            same = np.allclose(
                sample.measure(rows, metric).values, sample.measure(0.5 * rows + 1.0, metric).values
            )
            assert same == (metric.name in REGRESSION.scale_free)
    assert BINARY.scale_free == ("auroc",)


def test_the_table_comes_back_from_its_file(tmp_path):
    rows = table(predictions_from_csv(predictions_to_csv([pooled()]), source="test")[0])
    path = tmp_path / "by_corpus.csv"
    write_corpus_metrics(path, rows)
    back = read_corpus_metrics(path)
    assert [(row.split, row.corpus, row.model, row.metric, row.unit) for row in back] == [
        (row.split, row.corpus, row.model, row.metric, row.unit) for row in rows
    ]
    for one, other in zip(back, rows, strict=True):
        assert (one.summary.n, one.summary.reason) == (other.summary.n, other.summary.reason)
        assert one.summary.mean == pytest.approx(other.summary.mean, abs=1e-6)
    write_corpus_metrics(path, [])
    assert read_corpus_metrics(path) == []
    path.write_text("split,corpus\n")
    with pytest.raises(PipelineError, match=r"not a table of metrics by corpus .*dvc repro evaluate"):
        read_corpus_metrics(path)
