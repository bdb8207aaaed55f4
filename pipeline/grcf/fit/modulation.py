"""Modality competition: slow the modality that is ahead, so that the others are learnt too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.grcf.network.batches import Batch, hide_modalities
from pipeline.grcf.network.network import SentimentNetwork

Balance = Literal["none", "gradient_modulation"]
Loss = Callable[[Sequence[Batch]], Float[Tensor, ""]]
"""The objective of the stage over a batch, given in one or more parts."""


class GradientModulation:
    """On-the-fly gradient modulation (Peng et al., CVPR 2022, arXiv 2203.15332), for ranking and regression.

    There, a modality is ahead by ρ, the ratio of the probabilities that the modalities alone give to the true class, and the
    gradient of its encoder is multiplied by k = 1 − tanh(α ρ) where ρ > 1. Three things are ours:

    * *How well a modality does alone* is exp(−loss) with the others hidden, under the objective of the stage: for
      cross-entropy that is the probability of the truth, for a ranking loss that of the right order, for an absolute error
      the likelihood under a Laplace distribution. Modality dropout is what makes such answers meaningful.
    * *Three modalities*: ρ of one modality is its value over the mean of the others' values.
    * *AdamW* divides a gradient by its own running size, so a factor on the gradient would cancel; the step is multiplied by k,
      which is what it does under the plain gradient descent of the paper. Its noise (GE) is left out for the same reason.
    """

    def __init__(self, network: SentimentNetwork, modalities: Sequence[Modality], *, strength: float) -> None:
        """Collect the parameters that serve one modality alone.

        Args:
            network: the network in training; parameters that may learn are marked already.
            modalities: modalities of train; fewer than two do not compete.
            strength: α.
        """
        self._network = network
        self._strength = strength
        self._own = {
            modality: [parameter for parameter in network.own_parameters(modality) if parameter.requires_grad]
            for modality in modalities
        }

    def coefficients(self, batches: Sequence[Batch], loss: Loss) -> dict[Modality, Float[Tensor, ""]]:
        """The modulation coefficient k of each modality for the next step, 0 to 1, on the device of the batch."""
        if len(self._own) < 2:
            return {}
        was_training = self._network.training
        self._network.eval()
        with torch.no_grad():
            alone = {
                modality: torch.exp(
                    -loss([hide_modalities(batch, set(MODALITIES) - {modality}) for batch in batches])
                )
                for modality in self._own
            }
        self._network.train(was_training)
        return modulation_coefficients(alone, strength=self._strength)

    def step(
        self, optimiser: torch.optim.Optimizer, coefficients: Mapping[Modality, Float[Tensor, ""]]
    ) -> None:
        """Let the optimiser step, then take back the fraction 1 − k of the step of each modality's own weights."""
        before = {
            modality: [parameter.detach().clone() for parameter in self._own[modality]]
            for modality in coefficients
        }
        optimiser.step()
        with torch.no_grad():
            for modality, coefficient in coefficients.items():
                for parameter, old in zip(self._own[modality], before[modality], strict=True):
                    parameter.lerp_(old, 1 - coefficient)


def modulation_coefficients(
    alone: Mapping[Modality, Float[Tensor, ""]], *, strength: float
) -> dict[Modality, Float[Tensor, ""]]:
    """1 − tanh(α ρ) for a modality that is ahead of the mean of the others (ρ > 1), 1 for one that is not.

    Args:
        alone: how well each modality does alone, above 0.
        strength: α.
    """
    total = torch.stack(list(alone.values())).sum()
    coefficients = {}
    for modality, own in alone.items():
        ratio = own * (len(alone) - 1) / (total - own)
        coefficients[modality] = torch.where(
            ratio > 1, 1 - torch.tanh(strength * ratio), torch.ones_like(ratio)
        )
    return coefficients
