"""Training curves: one row per epoch, the mean over seeds first, then one column per seed."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.artifacts.checkpoint import Checkpoint
from pipeline.artifacts.files import read_text, write_text

MEASURES = ("train_loss", "valid_ordered_pair_accuracy", "valid_error")


def write_curves(path: Path, checkpoints: Sequence[Checkpoint]) -> None:
    """Write a CSV with `epoch`, each measure's mean over seeds, and `<measure>_seed_<n>`; empty where not measured."""
    rows = pd.DataFrame([row for checkpoint in checkpoints for row in checkpoint.history]).set_index(
        ["epoch", "seed"]
    )
    wide = rows.astype(float).unstack("seed")
    table = pd.DataFrame(index=wide.index)
    measured = [measure for measure in MEASURES if rows[measure].notna().any()]
    for measure in measured:
        table[measure] = pd.DataFrame(wide[measure]).mean(axis=1)
    for measure in measured:
        for seed in wide[measure].columns:
            table[f"{measure}_seed_{seed}"] = wide[measure][seed]
    write_text(path, table.to_csv(float_format="%.6f", lineterminator="\n"))


def read_curves(path: Path) -> pd.DataFrame:
    """Read what `write_curves` wrote."""
    return pd.read_csv(io.StringIO(read_text(path)))
