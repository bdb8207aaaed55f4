"""How much of everything the benchmark of a GPU takes, and what all of its parts stand on."""

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.pretrained.models import EncoderPrecision

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "data/raw/demo"
TRANSCRIPTS = CORPUS / "segments.csv"
PRECISIONS: tuple[EncoderPrecision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class Scale:
    """How much of everything: all of it, or enough to see that each line runs.

    Attributes:
        device: device of torch that computes.
        small: whether models and data are those of a rehearsal.
    """

    device: str
    small: bool

    def of(self, all_of_it: int, rehearsal: int) -> int:
        """A number of segments, pictures or epochs."""
        return rehearsal if self.small else all_of_it


def demo_rows() -> list[dict[str, str]]:
    """The rows of the demo's table."""
    with TRANSCRIPTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def seconds_of(work: Callable[[], object], device: str) -> float:
    """How long work takes, until the device has done all of it."""
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
