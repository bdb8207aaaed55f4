"""The curve of a stage at work is the table that it leaves in the end, as far as it has come."""

import logging
from pathlib import Path

import pytest

from pipeline.artifacts.trained.curves import read_curves
from pipeline.execution import live as module
from pipeline.execution.live import LOGGER, Live, following, live_curves
from pipeline.grcf.fit import selection
from tests.grcf.models import rank
from tests.grcf.synthetic import make_split


def end_epoch(seed: int, epoch: int, loss: float | None = 0.5) -> None:
    row = {
        "seed": seed,
        "epoch": epoch,
        "train_loss": loss,
        "valid_ordered_pair_accuracy": 0.6,
        "valid_error": None,
    }
    logging.getLogger(LOGGER).info("epoch", extra={"row": row})


@pytest.fixture
def live(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_EVERY_S", 0.0)
    with live_curves(tmp_path / "curves.csv") as made:
        yield made


def test_seeds_that_have_come_to_different_epochs_are_one_table(live):
    with following(live):
        end_epoch(2, 1)
        end_epoch(2, 2, loss=0.25)
        end_epoch(4, 1, loss=1.5)
    found = read_curves(live.path, stage="rank")
    assert found.epochs.tolist() == [1, 2]
    assert found.means["train_loss"].tolist() == [1.0, 0.25]
    assert sorted(found.by_seed["train_loss"]) == [2, 4]


def test_a_line_that_another_process_is_writing_waits(live):
    with following(live):
        end_epoch(2, 1)
        (live.rows / "3.jsonl").write_text('{"seed": 3, "epo')
        end_epoch(2, 2)
    assert read_curves(live.path, stage="rank").epochs.tolist() == [1, 2]


def test_nothing_is_written_without_a_table_and_nobody_listens_afterwards(live):
    with following(None):
        end_epoch(1, 1)
    with following(live):
        pass
    end_epoch(1, 2)
    assert not live.path.exists()
    assert list(live.rows.iterdir()) == []


def test_a_disk_that_refuses_ends_no_training(tmp_path):
    (tmp_path / "file").write_text("")
    with following(Live(tmp_path / "file/curves.csv", tmp_path / "nowhere")):
        end_epoch(1, 1)


def test_the_folder_of_rows_is_gone_in_the_end(tmp_path):
    with live_curves(tmp_path / "curves.csv") as made:
        rows: Path = made.rows
        assert rows.is_dir()
    assert not rows.exists()


def test_training_logs_the_rows_of_its_history(live):
    assert selection._LOGGER.name == LOGGER
    with following(live):
        checkpoint = rank(make_split("train", 30, seed=1), make_split("valid", 20, seed=2), seed=4)
    found = read_curves(live.path, stage="rank")
    assert found.epochs.tolist() == [row["epoch"] for row in checkpoint.history]
    assert found.means["train_loss"].tolist() == pytest.approx(
        [row["train_loss"] for row in checkpoint.history], abs=1e-6
    )
