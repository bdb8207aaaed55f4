"""`python -m benchmarks.peers.train FEATURES MODEL SEED`: one model of MMSA with MMSA's own configuration, results as JSON.

A program of its own, because it imports MMSA, which is no dependency of the pipeline: `benchmarks.peers` runs it with MMSA on
the path. It loads the pickle by MMSA's data loader, as a user of MMSA would.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch


def train(features: Path, model: str, seed: int, *, aligned: bool) -> dict[str, Any]:
    """Train one of MMSA's regression models and test the epoch that its own early stopping keeps.

    Args:
        features: pickle in MMSA's layout; its lengths and widths replace those of the configuration, as MMSA's loader does.
        model: name of the model as MMSA writes it, such as `lf_dnn`.
        seed: seed of the first weights and of the order of the segments.
        aligned: whether the rows of all modalities are the words; else MMSA's loader expects lengths.

    Returns:
        MMSA's own figures on the test split: `MAE`, `Corr`, `Mult_acc_7`, `Non0_acc_2` and so on.
    """
    # Inside: no other module of the benchmarks may depend on it.
    from MMSA import run as mmsa
    from MMSA.config import get_config_regression
    from MMSA.utils import setup_seed

    with tempfile.TemporaryDirectory() as folder:
        settings = get_config_regression(
            model, "mosi", Path(mmsa.__file__).parent / "config/config_regression.json"
        )
        settings.need_data_aligned = aligned
        settings.update(
            device=torch.device("cpu"),
            train_mode="regression",
            custom_feature=str(features),
            feature_T="",
            feature_A="",
            feature_V="",
            model_save_path=Path(folder) / "best.pth",
            cur_seed=1,
        )
        setup_seed(seed)
        # `MMSA_run` itself insists on a CUDA device.
        found = mmsa._run(settings, num_workers=0)
    return {name: float(value) for name, value in found.items()}


def main() -> None:
    """Train what the command line names; JSON goes to standard output, everything that MMSA prints to standard error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.train", description=__doc__)
    parser.add_argument("features", type=Path)
    parser.add_argument("model")
    parser.add_argument("seed", type=int)
    parser.add_argument("--aligned", action="store_true")
    chosen = parser.parse_args()
    results, sys.stdout = sys.stdout, sys.stderr
    results.write(
        json.dumps(train(chosen.features, chosen.model, chosen.seed, aligned=chosen.aligned)) + "\n"
    )


if __name__ == "__main__":
    main()
