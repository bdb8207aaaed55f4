"""`python -m benchmarks.evidence.tuning --data FOLDER`: what the set-ups are chosen by, without the test split of any corpus.

Each candidate is trained on folds of the standard train and valid of a corpus, divided by video: a fold is held out, as many videos
as the published valid has are valid, the rest is train. It is judged by the mean absolute error on the fold. The number of steps is that
of the map, for all. On MOSI's clean labels the set-ups are chosen, and a rate for each side. Where raters have scales of their own, train alone has
them, valid and the fold are as published, and every method chooses its own rate, and its own batches and epochs, from the same values.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arguments import names, numbers
from benchmarks.evidence.conditions import CONDITIONS, spoilt
from benchmarks.evidence.corpora import Corpus, read_corpus
from benchmarks.evidence.methods import train_method
from benchmarks.evidence.setups import PLAIN, STRONG, TUNING, Learning, Setup
from benchmarks.evidence.tables import METRICS, values_of
from benchmarks.evidence.trial import parted
from benchmarks.trials import Outcome
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.segments import Split
from pipeline.artifacts.formats.files import read_json, write_json
from pipeline.execution.cache import ResultCache, cache_folder, cache_key
from pipeline.execution.executor import map_cached
from pipeline.execution.source import source_digest
from pipeline.grcf.scoring import predict

N_FOLDS, SEED = 5, 101
RATES = (1e-3, 2e-3)
SETUPS = {"mae": (PLAIN, STRONG), "grcf_all": (STRONG,)}
"""Absolute error chooses the set-up, and one method of each side the learning rate of its side."""
RATER_CONDITIONS = ("raters_strong", "raters_strong_crossed")
RATER_METHODS = (
    *(
        "mae",
        "mae_bounded",
        "mae_standardised",
        "mae_profiled",
        "grcf_within",
        "grcf_within_fine",
        "grcf_within_even",
    ),
    *("mae_profiled_rescaled", "mae_partly_25", "mae_partly_50"),
    *("grcf_all", "grcf_within_rescaled", "grcf_partly_25", "grcf_partly_50"),
)
RATER_FOLDS = {"mosi": (STRONG, 2), "mosei": (PLAIN, 1), "sims": (PLAIN, 2), "emobank": (PLAIN, 2)}
"""The set-up of each corpus under scales of raters, and how many of the folds are held out."""
RATER_RATES = {
    "mosi": (1e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 5e-3),
    **dict.fromkeys(("mosei", "sims", "emobank"), (1e-3, 2e-3, 5e-3)),
}
LARGE_BATCHES = {
    "mosi": (
        *(Learning(rate, 256) for rate in (1e-3, 2e-3)),
        *(Learning(rate, 256, 4) for rate in (5e-4, 1e-3)),
    ),
    "mosei": tuple(Learning(rate, 256, epochs) for epochs in (1, 4) for rate in (2e-3, 5e-3)),
}
"""In batches of 256, where a segment meets more labels of its rater: for as many epochs, and for as many steps. Other corpora choose a rate alone."""


_KEY = ("corpus", "condition", "method", "setup", "rate", "batch_size", "epochs")


@dataclass(frozen=True)
class Candidate:
    """One model: the corpus, what is done to train, which fold is held out, the method, the set-up and how it learns."""

    corpus: str
    condition: str
    fold: int
    method: str
    setup: str
    learning: Learning

    @property
    def key(self) -> tuple[Any, ...]:
        """The candidate without its fold, in the order of `_KEY`."""
        learning = self.learning
        return (
            *(self.corpus, self.condition, self.method, self.setup),
            *(learning.rate, learning.batch_size, learning.epochs),
        )


def candidates(n_folds: int | None = None) -> list[Candidate]:
    """Every set-up that a method tries, with every rate, on every fold; then every rate and batch under scales of raters.

    Args:
        n_folds: how many folds are held out under scales of raters; None for those of `RATER_FOLDS`.
    """
    clean = [
        Candidate("mosi", "clean", fold, method, setup.name, Learning(rate))
        for method, setups in SETUPS.items()
        for setup in setups
        for rate in RATES
        for fold in range(N_FOLDS)
    ]
    return clean + [
        Candidate(corpus, condition, fold, method, setup.name, learning)
        for corpus, (setup, usual) in RATER_FOLDS.items()
        for condition in RATER_CONDITIONS
        for method in RATER_METHODS
        for learning in (
            *map(Learning, RATER_RATES[corpus]),
            *LARGE_BATCHES.get(corpus, ()),
        )
        for fold in range(n_folds or usual)
    ]


def divided_for(fold: int, corpus: Corpus) -> list[str]:
    """The part of each segment where a fold is held out as test; empty for the published test."""
    known = [part != "test" for part in corpus.split]
    n_valid = len({video for video, part in zip(corpus.video, corpus.split, strict=True) if part == "valid"})
    videos = sorted({video for video, is_known in zip(corpus.video, known, strict=True) if is_known})
    np.random.default_rng(0).shuffle(videos)
    held = set(videos[fold::N_FOLDS])
    rest = [video for video in videos if video not in held]
    part = dict.fromkeys(rest, "train") | dict.fromkeys(rest[:n_valid], "valid") | dict.fromkeys(held, "test")
    return [part[video] if is_known else "" for video, is_known in zip(corpus.video, known, strict=True)]


@cache
def _parts(name: str, fold: int, data: Path, *, side_by_side: bool) -> dict[Split, AlignedSplit]:
    corpus = read_corpus(name, data)
    return parted(corpus, divided_for(fold, corpus), side_by_side=side_by_side)


def run_candidate(candidate: Candidate, *, data: Path) -> Outcome:
    """Train one model and let it predict the fold that is held out."""
    setup, condition = _learning_as(candidate), CONDITIONS[candidate.condition]
    parts = _parts(candidate.corpus, candidate.fold, data, side_by_side=setup.side_by_side)
    model = train_method(
        candidate.method,
        spoilt(parts["train"], condition, draw=SEED + candidate.fold),
        parts["valid"],
        seed=SEED + candidate.fold,
        steps=read_corpus(candidate.corpus, data).steps,
        trusts_valid=condition.trusts_valid,
        setup=setup,
    )
    return Outcome(
        {"test": parts["test"].labels}, {}, {"test": predict([model], parts["test"], device="cpu")[0]}
    )


def _learning_as(candidate: Candidate) -> Setup:
    setup = {PLAIN.name: PLAIN, STRONG.name: STRONG}[candidate.setup]
    return replace(setup, pointwise=candidate.learning, ranking=candidate.learning)


def summary(tried: Sequence[Candidate], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row for each corpus, condition, method, set-up and way to learn: its metrics over all segments of the folds together."""
    rows: dict[tuple[Any, ...], list[Outcome]] = {}
    for candidate, outcome in zip(tried, outcomes, strict=True):
        rows.setdefault(candidate.key, []).append(outcome)
    found = []
    for key, of_folds in rows.items():
        truth = np.concatenate([outcome.truth["test"] for outcome in of_folds])
        predicted = np.concatenate([outcome.prediction["test"] for outcome in of_folds])[None]
        metrics = {metric: float(values_of(truth, predicted, metric)[0]) for metric in METRICS}
        found.append(dict(zip(_KEY, key, strict=True)) | metrics | {"n_folds": len(of_folds)})
    return found


def main() -> None:
    """Try every candidate and write what each reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence.tuning", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with mosi/ and corpora/")
    others = "with commas between; others keep their rows"
    parser.add_argument(
        "--conditions",
        type=names(("clean", *RATER_CONDITIONS)),
        default=["clean", *RATER_CONDITIONS],
        help=others,
    )
    parser.add_argument("--corpora", type=names(RATER_FOLDS), default=list(RATER_FOLDS), help=others)
    parser.add_argument("--methods", type=names((*SETUPS, *RATER_METHODS)), help=others)
    parser.add_argument("--batches", type=numbers, default=[64, 256], help=f"sizes of batches, {others}")
    parser.add_argument("--epochs", type=numbers, default=[1, 4], help=f"multiples of the epochs, {others}")
    parser.add_argument("--rates", nargs="+", type=float, help="with spaces between; others keep their rows")
    parser.add_argument(
        "--folds",
        type=int,
        choices=range(1, N_FOLDS + 1),
        help="how many are held out under scales of raters, to see whether more would choose otherwise; needs --out",
    )
    parser.add_argument(
        "--out", type=Path, default=TUNING, help="where the rows go; the map chooses by the default"
    )
    chosen = parser.parse_args()
    if chosen.folds and chosen.out == TUNING:
        parser.error(
            f"rows of {chosen.folds} folds are not compared with those of {TUNING}; name another file by --out"
        )
    tried = [
        candidate
        for candidate in candidates(chosen.folds)
        if candidate.condition in chosen.conditions
        and candidate.corpus in chosen.corpora
        and (chosen.methods is None or candidate.method in chosen.methods)
        and candidate.learning.batch_size in chosen.batches
        and candidate.learning.epochs in chosen.epochs
        and (chosen.rates is None or candidate.learning.rate in chosen.rates)
    ]
    if not tried:
        parser.error("no candidate has all of these at once, so nothing would be tried")
    source = source_digest(run_candidate.__module__)
    outcomes = list(
        map_cached(
            partial(run_candidate, data=chosen.data),
            tried,
            keys=[cache_key(candidate=asdict(candidate), source=source) for candidate in tried],
            cache=ResultCache(cache_folder() / "benchmarks/evidence/tuning"),
            encode=Outcome.to_bytes,
            decode=Outcome.from_bytes,
            title="Set-ups and learning rates",
            unit="model",
        )
    )
    found = {
        tuple(row[field] for field in _KEY): row
        for row in (
            *(read_json(chosen.out)["rows"] if chosen.out.exists() else ()),
            *summary(tried, outcomes),
        )
    }
    write_json(chosen.out, {"rows": list(found.values())})


if __name__ == "__main__":
    main()
