"""What samples of segments share: whatever is computed together or remembered changes no value."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pytest

from pipeline.evaluation import resampling
from pipeline.evaluation.metrics import Metric, Protocol
from pipeline.evaluation.protocols import MOSI
from pipeline.evaluation.resampling import Resamples
from pipeline.evaluation.samples import Samples
from tests.evaluation.test_metrics import EVERY_METRIC, IDS, sample


@pytest.mark.parametrize(("protocol", "metric"), EVERY_METRIC, ids=IDS)
def test_what_samples_remember_of_other_metrics_and_rows_changes_no_value(
    protocol: Protocol, metric: Metric
) -> None:
    truth, prediction = sample(protocol, n_segments=40)
    counts = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), size=20).astype(np.float64)
    used = Samples(counts)
    for other in protocol.metrics:
        for row in (prediction, 0.5 * prediction, np.roll(prediction, 1, axis=0)):
            other.resampled(truth, row, used)
            other.resampled(np.roll(truth, 1), row, used)

    found = metric.resampled(truth, prediction, used)

    assert found.tolist() == metric.resampled(truth, prediction, Samples(counts)).tolist()


@pytest.mark.parametrize("n_at_once", [1, 2, 100])
@pytest.mark.parametrize(("protocol", "metric"), EVERY_METRIC, ids=IDS)
def test_rows_measured_together_have_the_values_of_each_alone(
    protocol: Protocol, metric: Metric, n_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, prediction = sample(protocol, n_segments=40)
    rows = [prediction, np.roll(prediction, 1, axis=0), prediction, 0.5 * prediction]
    monkeypatch.setattr(resampling, "_MOST_AT_ONCE", n_at_once * len(truth))
    monkeypatch.setattr(resampling, "_BLOCK_SIZE", 7 * len(truth))

    def drawn() -> Resamples:
        return Resamples(truth, n_resamples=20, rng=np.random.default_rng(1))

    found = drawn().values_of_rows(rows, [metric])

    assert len(found) == len(rows)
    for row, values in zip(rows, found, strict=True):
        np.testing.assert_array_equal(values[metric.name], drawn().values(row, [metric])[metric.name])


def test_sums_of_conditions_are_whole_numbers_whatever_the_precision() -> None:
    counts = np.array([[2.0**24 + 1, 1.0, 3.0], [1.0, 0.0, 2.0**30]])
    condition = np.array([True, True, False])
    assert Samples(counts).total(condition).tolist() == [2.0**24 + 2, 1.0]
    assert Samples(counts[:, 1:]).total(condition[1:]).tolist() == [1.0, 0.0]


def test_what_is_remembered_holds_no_segments() -> None:
    of_rows: dict[Hashable, Any] = {}
    truth, prediction = sample(MOSI, n_segments=2000)
    samples = Samples(np.ones((3, 2000)), of_rows)
    for metric in MOSI.metrics:
        metric.resampled(truth, prediction, samples)
    keys = [*samples._known, *of_rows]
    assert len(keys) > 10
    assert max(len(repr(key)) for key in keys) < 1000
