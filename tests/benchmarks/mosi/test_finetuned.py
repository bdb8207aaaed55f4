"""Both rows whose text encoder learns have the same budget and differ from the frozen benchmark in nothing that was tuned."""

from pathlib import Path

import numpy as np

from benchmarks.methods import read_methods
from benchmarks.mosi import finetuned
from benchmarks.mosi.tables import GRCF, MAIN_BASELINE, METHODS
from benchmarks.trials import Outcome
from pipeline.yaml12 import parse_yaml

BASE = parse_yaml((Path(__file__).parents[3] / "params.yaml").read_text())
ROWS = read_methods(BASE, finetuned.METHODS)
FROZEN = read_methods(BASE, METHODS)


def test_both_rows_see_train_equally_often():
    grcf, mae = ROWS["grcf"], ROWS["mae"]
    assert (
        grcf.training.epochs + grcf.calibrate.epochs == mae.training.epochs + mae.pointwise.extra_epochs == 8
    )
    assert grcf.training.batch_size == mae.training.batch_size
    assert grcf.finetuning == mae.finetuning


def test_the_network_and_the_loss_are_those_that_the_frozen_benchmark_chose():
    for ours, theirs in ((ROWS["grcf"], FROZEN[GRCF]), (ROWS["mae"], FROZEN[MAIN_BASELINE])):
        assert ours.network == theirs.network
        assert (ours.training.weight_decay, ours.training.modality_dropout) == (
            theirs.training.weight_decay,
            theirs.training.modality_dropout,
        )
        assert (ours.margin, ours.advantage) == (theirs.margin, theirs.advantage)


def test_what_is_reported_pairs_the_seeds():
    rng = np.random.default_rng(0)
    truth = {name: rng.normal(size=30).clip(-3, 3) for name in ("train", "valid", "test")}

    def outcome(error: float) -> Outcome:
        said = {name: labels + error * rng.normal(size=30) for name, labels in truth.items()}
        return Outcome(truth, said, said)

    rows = {"mae": [outcome(1.0) for _ in range(2)], "grcf": [outcome(0.1) for _ in range(2)]}
    found = finetuned.aggregate(rows, ROWS, seeds=[1, 2])
    assert found["comparisons"]["grcf - mae"]["test"]["both"]["mae"]["mean"] < -0.3
    assert found["standard"]["grcf"]["test"]["mae"]["mean"] < 0.2
