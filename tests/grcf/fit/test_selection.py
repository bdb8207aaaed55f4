"""Which weights are kept of all epochs."""

import pytest
import torch

from pipeline.evaluation.selection import mean_absolute_error
from pipeline.grcf.fit.selection import EpochRecord, Selection
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.curve import IDENTITY
from tests.grcf.synthetic import make_split

VALID = SplitTensors(make_split("valid", 8, seed=2), device="cpu")
TRUTH = VALID.label.double().numpy()
# The error of each epoch; the third is the best.
ERRORS = (0.9, 0.5, 0.2, 0.6, 0.3, 0.4, 0.8, 0.7)


def kept(choice: str) -> tuple[int, float]:
    """The epoch and the weight that are kept, where the weight of an epoch is its number."""
    selection = Selection(by="magnitude", calibration=IDENTITY, error=mean_absolute_error)
    record = EpochRecord(VALID, seed=1, selection=selection, choice=choice, n_epochs=len(ERRORS))
    for epoch, error in enumerate(ERRORS, start=1):
        record.add(
            epoch,
            0.0,
            TRUTH + error,
            valid_loss=lambda: 0.0,
            weights=lambda epoch=epoch: {"w": torch.tensor(float(epoch))},
        )
    assert [row["valid_error"] for row in record.history] == pytest.approx(ERRORS, abs=1e-6)
    number, weights = record.kept
    return number, weights["w"].item()


def test_the_best_epoch_is_the_one_with_the_least_error_on_valid():
    assert kept("best") == (3, 3.0)


def test_the_last_epoch_is_kept_however_bad_it_is_on_valid():
    assert kept("last") == (8, 8.0)


def test_an_average_is_over_the_last_quarter_of_the_epochs():
    assert kept("average") == (8, 7.5)


@pytest.mark.parametrize("choice", ["best", "last", "average"])
def test_one_epoch_is_kept_whatever_is_chosen(choice):
    record = EpochRecord(VALID, seed=1, selection=Selection(by="order"), choice=choice, n_epochs=1)
    record.add(1, 0.0, TRUTH, valid_loss=lambda: 0.0, weights=lambda: {"w": torch.tensor(2.0)})
    assert record.kept[1]["w"].item() == 2.0
