"""One trained and evaluated model of the benchmark: a method, a seed, a split, spoilt or thinned out or as it is."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.methods import Method
from benchmarks.mosi.data import divide, read_pool, spoil_labels, thin_out
from benchmarks.training import outcome_of, train_method
from benchmarks.trials import Outcome, map_trials

_FEATURES = (
    "manifest/segments.jsonl",
    "words/words.jsonl",
    "text/index.json",
    "audio/index.json",
)


@dataclass(frozen=True)
class Trial:
    """What is trained on what.

    Attributes:
        method: the row of the table.
        seed: seed of the first weights, of everything random in training, and of the choice of labels that are spoilt.
        split: "standard" or the seed of a random one.
        noise: share of the labels of train and valid that are replaced by others, 0 to 1.
        share: share of train that is used, 0 to 1.
    """

    method: Method
    seed: int
    split: str = "standard"
    noise: float = 0.0
    share: float = 1.0


def run_trial(trial: Trial, *, repository: Path, align: dict[str, Any]) -> Outcome:
    """Train one model and let it predict every split; labels of test are never spoilt and never seen in training."""
    train, valid, test = divide(read_pool(repository, **align), trial.split)
    clean = {"train": train, "valid": valid, "test": test}
    if trial.noise:
        train, valid = (spoil_labels(part, share=trial.noise, seed=trial.seed) for part in (train, valid))
    if trial.share < 1:
        train = thin_out(train, share=trial.share, seed=trial.seed)
    stages = train_method(trial.method, train, valid, seed=trial.seed)
    return outcome_of(stages, clean)


run_trials = partial(map_trials, run_trial, benchmark="mosi", features=_FEATURES)
"""Train and evaluate trials, given `repository`, `align` and `title`; see `map_trials`."""
