"""What a network of the map sees of the text, how wide it is, and how fast each side learns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
        rates: peak learning rates that were chosen for a corpus, a condition and a method; others have the two above.
    """

    name: str
    side_by_side: bool
    width: int
    pointwise_rate: float = 2e-3
    ranking_rate: float = 2e-3
    rates: Mapping[tuple[str, str, str], float] = field(default_factory=dict)

    def at(self, corpus: str, condition: str, method: str) -> "Setup":
        """The set-up with the learning rate that was chosen there, if one was."""
        rate = self.rates.get((corpus, condition, method))
        return self if rate is None else replace(self, pointwise_rate=rate, ranking_rate=rate)

    @property
    def network(self) -> NetworkSettings:
        """The network."""
        return NetworkSettings(fusion="attention_pooling", width=self.width, dropout=0.5, input_dropout=0.3)


PLAIN = Setup("plain", side_by_side=False, width=64)
# Chosen by `benchmarks.evidence.tuning`, on folds of MOSI's train and valid.
STRONG = Setup("strong", side_by_side=True, width=128)
# The same where every method has the rate of its own that was best on a fold of MOSEI's train and valid, under the same scales of raters.
PLAIN_TUNED = replace(
    PLAIN,
    name="plain_tuned",
    rates={
        ("mosei", "raters_strong", "mae"): 5e-3,
        ("mosei", "raters_strong", "mae_profiled"): 2e-3,
        ("mosei", "raters_strong", "grcf_within_fine"): 2e-3,
        ("mosei", "raters_strong", "grcf_within_even"): 2e-3,
        ("mosei", "raters_strong_crossed", "mae"): 5e-3,
        ("mosei", "raters_strong_crossed", "mae_profiled"): 5e-3,
        ("mosei", "raters_strong_crossed", "grcf_within_fine"): 5e-3,
        ("mosei", "raters_strong_crossed", "grcf_within_even"): 2e-3,
    },
)
SETUPS: Mapping[str, Setup] = {setup.name: setup for setup in (STRONG, PLAIN_TUNED, PLAIN)}
