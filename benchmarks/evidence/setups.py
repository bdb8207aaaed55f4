"""What a network of the map sees of the text, how wide it is, and how each side learns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.artifacts.formats.files import read_json
from pipeline.errors import PipelineError
from pipeline.grcf.network.network import NetworkSettings

TUNING = Path("benchmarks/results/evidence_tuning.json")
"""What every candidate reached on the folds; written by `benchmarks.evidence.tuning`."""

BATCH = 64
Place = tuple[str, str, str]
"""Corpus, condition and method."""


@dataclass(frozen=True)
class Learning:
    """What each method chooses of its first training, from the same values.

    Attributes:
        rate: peak learning rate.
        batch_size: segments of a batch, at most. In larger ones a segment meets more labels of its rater.
        epochs: passes over train, as a multiple of those that the steps of the corpus are in batches of `BATCH`. Four times as
            many in batches four times as large are as many steps.
    """

    rate: float
    batch_size: int = BATCH
    epochs: int = 1


@dataclass(frozen=True)
class Setup:
    """One set-up of the map, the same for every method but for how it learns, which each side chooses from the same values.

    Attributes:
        name: name in the results.
        side_by_side: whether the layers of the text encoder stand side by side, 1,152 columns, or are averaged, 384.
        width: size of each modality's hidden vector.
        pointwise: how a point-wise method's first training learns.
        ranking: how a ranking's does.
        chosen: how it learns on a corpus, under a condition, by a method, where that was chosen on folds; else as the two above.
    """

    name: str
    side_by_side: bool
    width: int
    pointwise: Learning = Learning(2e-3)
    ranking: Learning = Learning(2e-3)
    chosen: Mapping[Place, Learning] = field(default_factory=dict)

    def at(self, corpus: str, condition: str, method: str) -> "Setup":
        """The set-up with the learning that was chosen there, or as it is where nothing was chosen for any method.

        Raises:
            PipelineError: other methods chose there and this one did not, so that they would not be compared fairly.
        """
        chosen = {
            name: learning for (*where, name), learning in self.chosen.items() if where == [corpus, condition]
        }
        if not chosen:
            return self
        if method not in chosen:
            raise PipelineError(
                f"{TUNING}: on {corpus} under {condition} {', '.join(sorted(chosen))} learn as was best on the folds, and nothing was tried "
                f"for {method}; run `python -m benchmarks.evidence.tuning --data FOLDER --corpora {corpus} --conditions {condition} --methods {method}`, "
                f"or take the set-up {self.name.partition('_')[0]}"
            )
        return replace(self, pointwise=chosen[method], ranking=chosen[method])

    @property
    def network(self) -> NetworkSettings:
        """The network."""
        return NetworkSettings(fusion="attention_pooling", width=self.width, dropout=0.5, input_dropout=0.3)


def best_on_folds(setup: str, *, with_batches: bool) -> dict[Place, Learning]:
    """The candidate with the lowest error on the folds, for every corpus, condition of raters and method that was tried.

    Args:
        setup: name of the set-up that was tried.
        with_batches: whether the size of a batch and the epochs are chosen too, or the learning rate alone.
    """
    rows = read_json(TUNING)["rows"] if TUNING.exists() else []
    best: dict[Place, tuple[float, Learning]] = {}
    for row in rows:
        learning = Learning(row["rate"], row["batch_size"], row["epochs"])
        is_default = learning == Learning(learning.rate)
        if row["condition"] == "clean" or row["setup"] != setup or not (with_batches or is_default):
            continue
        place = row["corpus"], row["condition"], row["method"]
        if place not in best or row["mae"] < best[place][0]:
            best[place] = row["mae"], learning
    return {place: learning for place, (_, learning) in best.items()}


PLAIN = Setup("plain", side_by_side=False, width=64)
# Chosen by `benchmarks.evidence.tuning`, on folds of MOSI's train and valid.
STRONG = Setup("strong", side_by_side=True, width=128)
# The same where every method learns as was best for it on folds of the corpus's train and valid under the same scales of raters: at a
# rate of its own, or also in batches and for epochs of its own.
TUNED = tuple(
    replace(
        setup,
        name=f"{setup.name}_{name}",
        chosen=best_on_folds(setup.name, with_batches=name == "batched"),
    )
    for setup in (STRONG, PLAIN)
    for name in ("batched", "tuned")
)
SETUPS: Mapping[str, Setup] = {setup.name: setup for setup in (*TUNED[:2], STRONG, *TUNED[2:], PLAIN)}
