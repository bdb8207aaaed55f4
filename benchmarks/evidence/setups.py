"""What a network of the map sees of the text, how wide it is, and how fast each side learns."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.grcf.network.network import NetworkSettings


@dataclass(frozen=True)
class Setup:
    """One set-up of the map, the same for every method but for the learning rate, which each side chooses from the same values.

    Attributes:
        name: name in the results.
        side_by_side: whether the layers of the text encoder stand side by side, 1,152 columns, or are averaged, 384.
        width: size of each modality's hidden vector.
        pointwise_rate: peak learning rate of a point-wise method's first training.
        ranking_rate: peak learning rate of a ranking's.
    """

    name: str
    side_by_side: bool
    width: int
    pointwise_rate: float = 2e-3
    ranking_rate: float = 2e-3

    @property
    def network(self) -> NetworkSettings:
        """The network."""
        return NetworkSettings(fusion="attention_pooling", width=self.width, dropout=0.5, input_dropout=0.3)


PLAIN = Setup("plain", side_by_side=False, width=64)
# Chosen by `benchmarks.evidence.tuning`, on folds of MOSI's train and valid.
STRONG = Setup("strong", side_by_side=True, width=128)
SETUPS: Mapping[str, Setup] = {setup.name: setup for setup in (STRONG, PLAIN)}
