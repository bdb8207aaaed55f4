"""`python -m benchmarks.seeds`: what five seeds cost beside one, by processes and side by side, and what a step spends.

On the aligned demo corpus of this repository; with `--mosi`, a step also on CMU-MOSI as `benchmarks.mosi` aligned it. Processor
seconds of one thread are what is compared, because they do not depend on who else uses the machine; on two cores that have
nothing else to do, the wall time of processes is that of the busier one, start included. On a GPU, wall time is.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.fusion import FUSIONS, ON_MOSI, read_splits
from benchmarks.methods import changed_sections
from benchmarks.mosi.data import STANDARD, divide, read_pool
from pipeline import params
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.formats.files import write_json
from pipeline.evaluation.selection import mean_absolute_error
from pipeline.execution.cache import cache_folder
from pipeline.execution.device import best_device, device_class
from pipeline.grcf.calibration.pointwise_objective import absolute_error
from pipeline.grcf.fit.loop import TrainingSettings, train_network
from pipeline.grcf.fit.selection import Selection
from pipeline.grcf.fit.stacked import train_networks
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.batches import Batch, SplitTensors, drop_modalities
from pipeline.grcf.network.checkpoints import build_network
from pipeline.grcf.network.curve import IDENTITY
from pipeline.grcf.network.network import NetworkSettings, SentimentNetwork
from pipeline.grcf.rank import ranking_objective
from pipeline.yaml12 import parse_yaml

RESULTS = Path("benchmarks/results/seeds.json")
SEEDS = (1, 2, 3, 4, 5)
_EPOCHS, _RUNS, _SHOWN = 4, 3, 12


def seconds(work: Callable[[], Any]) -> float:
    """Processor seconds, or wall seconds where a GPU does the work; the fastest of some runs."""
    clock = time.perf_counter if best_device() == "cuda" else time.process_time
    found = []
    for _ in range(_RUNS):
        start = clock()
        work()
        if best_device() == "cuda":
            torch.cuda.synchronize()
        found.append(clock() - start)
    return min(found)


def start_of_a_process() -> float:
    """Processor seconds that a worker needs before it trains."""
    code = "import time, stages.rank; print(time.process_time())"
    found = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(_RUNS)
    ]
    return min(found)


def measure(
    train: AlignedSplit, valid: AlignedSplit, sections: Mapping[str, Any], *, start_s: float
) -> dict[str, Any]:
    """Seconds per epoch of one seed and of five, by objective; ratios for a whole training of the parameters' epochs."""
    device = best_device()
    tensors = [SplitTensors(part, device=device) for part in (train, valid)]
    network = NetworkSettings(**sections["network"])
    starts = [build_network(columns=train.columns, settings=network, seed=seed).to(device) for seed in SEEDS]
    given = {key: value for key, value in sections["training"].items() if key not in ("seeds", "epochs")}
    settings = TrainingSettings(**given, epochs=_EPOCHS, learning_rate=0.001)
    epochs = sections["training"]["epochs"]
    result: dict[str, Any] = {"segments": len(train), "epochs": epochs}
    for name, how in objectives(sections).items():
        one = seconds(lambda how=how: train_network(starts[0], *tensors, seed=1, settings=settings, **how))  # type: ignore[misc]
        together = {
            f"{n} slots": seconds(
                lambda how=how, n=n: train_networks(
                    starts, *tensors, seeds=SEEDS, settings=settings, stack_size=n, **how
                )  # type: ignore[misc]
            )
            for n in (5, 8)
        }
        trained = one / _EPOCHS * epochs
        result[name] = {
            "seconds_per_epoch": {"one seed": one / _EPOCHS}
            | {f"five side by side, {slots}": found / _EPOCHS for slots, found in together.items()},
            "five_over_one": {
                # Two workers: one trains three of the five.
                "processes on two cores": (start_s + 3 * trained) / (start_s + trained),
                "processes on one core": (2 * start_s + 5 * trained) / (start_s + trained),
            }
            | {
                f"side by side, {slots}": (start_s + found / _EPOCHS * epochs) / (start_s + trained)
                for slots, found in together.items()
            },
        }
    return result


def objectives(sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    ranking = ranking_objective(
        "groupwise",
        margin=MarginSettings(**sections["margin"] | {"groups": sections["margin"]["groups"] or "integer"}),
        advantage=AdvantageSettings(**sections["advantage"]),
    )
    return {
        "rank": {"objective": ranking.loss, "selection": Selection(by="order")},
        "pointwise": {
            "objective": lambda score, label, _: absolute_error(score, label).mean(),
            "selection": Selection(by="magnitude", calibration=IDENTITY, error=mean_absolute_error),
        },
    }


def step_profile(train: AlignedSplit, sections: Mapping[str, Any]) -> dict[str, Any]:
    """Where a training step of stage 1 spends its processor time: shares of the parts, and the dearest operators."""
    device = best_device()
    split = SplitTensors(train, device=device)
    network: SentimentNetwork = build_network(
        columns=train.columns, settings=NetworkSettings(**sections["network"]), seed=1
    ).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    objective = objectives(sections)["rank"]["objective"]
    p, rng = sections["training"]["modality_dropout"], np.random.default_rng(1)

    def epoch(timed: dict[str, float] | None) -> int:
        n_steps = 0
        clock = time.process_time()

        def mark(part: str) -> None:
            nonlocal clock
            now = time.process_time()
            if timed is not None:
                timed[part] = timed.get(part, 0.0) + now - clock
            clock = now

        for (whole,) in split.shuffled_chunks(sections["training"]["batch_size"], rng, chunk_size=None):
            mark("batch")
            batch = drop_modalities(whole, p=p, rng=rng)
            mark("modality dropout")
            fused = network.fusion(batch)
            score = network.head(fused.representation).squeeze(-1)
            mark("forward")
            loss = objective(score, batch.label, fused.representation, batch.owned)
            mark("loss")
            optimiser.zero_grad()
            loss.backward()
            mark("backward")
            optimiser.step()
            mark("optimiser")
            n_steps += 1
        return n_steps

    network.train()
    epoch(None)
    parts: dict[str, float] = {}
    n_steps = epoch(parts)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        epoch(None)
    events = [event for event in profiled.key_averages() if event.key.startswith("aten::")]
    calls = {event.key: event.count / n_steps for event in sorted(events, key=lambda event: -event.count)}
    return {
        "ms_per_step": 1e3 * sum(parts.values()) / n_steps,
        "shares": {part: spent / sum(parts.values()) for part, spent in parts.items()},
        "operators_per_step": sum(calls.values()),
        "most_called_per_step": dict(list(calls.items())[:_SHOWN]),
        "padded_over_packed": {fusion: padded_over_packed(split, sections, fusion) for fusion in FUSIONS},
    }


def padded_over_packed(split: SplitTensors, sections: Mapping[str, Any], fusion: str) -> float:
    """Time of a forward and backward pass on all places of the padding, over that on the valid words alone."""
    settings = NetworkSettings(**{**sections["network"], "fusion": fusion})
    columns = {
        modality: ("",) * rows.shape[1] for modality, rows in split.batch(torch.arange(2)).features.items()
    }
    network = build_network(columns=columns, settings=settings, seed=1).to(best_device())
    packed = split.batch(torch.arange(sections["training"]["batch_size"], device=split.label.device))

    def step(batch: Batch) -> None:
        network(batch).square().mean().backward()

    step(packed)
    return seconds(lambda: step(replace(packed, packed=False))) / seconds(lambda: step(packed))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__)
    parser.add_argument(
        "--mosi", action="store_true", help="also on MOSI, where benchmarks.mosi was run before"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    base = parse_yaml(params.PARAMS_FILE.read_text(encoding="utf-8"))
    splits = read_splits(Path())
    corpora: dict[str, tuple[AlignedSplit, AlignedSplit, dict[str, Any]]] = {
        "demo": (splits["train"], splits["valid"], base)
    }
    if chosen.mosi:
        align = {key: base["align"][key] for key in ("max_words", "max_gap_s")}
        pool = read_pool((cache_folder() / "mosi").resolve(), **align)
        train, valid, _ = divide(pool, STANDARD)
        corpora["mosi"] = (train, valid, changed_sections(base, ON_MOSI))
    start_s = start_of_a_process()
    result: dict[str, Any] = {"device": device_class(), "start_s": start_s}
    for name, (train, valid, sections) in corpora.items():
        result[name] = {"step": step_profile(train, sections)}
        if name == "demo" or best_device() == "cuda":
            result[name] |= measure(train, valid, sections, start_s=start_s)
    write_json(RESULTS, result)
    print(f"{RESULTS} is written")


if __name__ == "__main__":
    main()
