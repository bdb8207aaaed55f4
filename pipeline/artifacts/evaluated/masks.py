"""Which words were hidden when models were tested with words missing, so that any other system can be tested with the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from pipeline.artifacts.corpus.segments import Split
from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.formats.files import read_tensors, rebuilding, tensors_to_bytes, write_bytes
from pipeline.errors import PipelineError

_KIND, _VERSION = "word masks", 1


@dataclass(frozen=True, eq=False)
class WordMasks:
    """The masks of one split for every seed, modality and rate, a byte a word.

    What is hidden at a rate is hidden at every higher one, so a word needs one number: the position in `rates` of the first
    at which it is hidden, `len(rates)` where it never is. Segment i owns the words `offsets[i]:offsets[i + 1]`, which are
    those of `data/align/`.

    Raises:
        PipelineError: arrays whose lengths do not fit together.
    """

    split: Split
    ids: tuple[str, ...]
    offsets: Int64[np.ndarray, "boundary"]
    rates: tuple[float, ...]
    hidden_from: Mapping[int, Mapping[Modality, UInt8[np.ndarray, "word"]]]

    def __post_init__(self) -> None:
        n_words = int(self.offsets[-1])
        levels = [array for of_seed in self.hidden_from.values() for array in of_seed.values()]
        if len(self.offsets) != len(self.ids) + 1 or any(len(array) != n_words for array in levels):
            raise PipelineError(
                f"the masks of {self.split} do not fit together: {len(self.ids)} ids, {n_words} words; run `dvc repro`"
            )

    def hidden(self, *, seed: int, modality: Modality, rate: float) -> Bool[np.ndarray, "word"]:
        """Whether each word is hidden in one modality at one of the rates.

        Raises:
            PipelineError: no masks were drawn for that seed or rate.
        """
        if seed not in self.hidden_from or rate not in self.rates:
            raise PipelineError(
                f"the masks of {self.split} have seeds {list(self.hidden_from)} and rates {list(self.rates)}; "
                f"found seed {seed}, rate {rate}"
            )
        return np.asarray(self.hidden_from[seed][modality] <= self.rates.index(rate))


def write_masks(path: Path, masks: WordMasks) -> None:
    """Write the masks of one split as a byte-deterministic safetensors file."""
    tensors: dict[str, np.ndarray] = {"offsets": masks.offsets}
    for seed, of_seed in masks.hidden_from.items():
        tensors |= {f"seed_{seed}/{modality}": of_seed[modality] for modality in MODALITIES}
    header = {
        "split": masks.split,
        "ids": masks.ids,
        "rates": masks.rates,
        "seeds": list(masks.hidden_from),
        "rule": "a word is hidden at rates[k] and higher, where k is its number in seed_<seed>/<modality>",
    }
    write_bytes(path, tensors_to_bytes(tensors, kind=_KIND, version=_VERSION, header=header))


def read_masks(path: Path) -> WordMasks:
    """Read what `write_masks` wrote."""
    tensors, header = read_tensors(path, kind=_KIND, version=_VERSION)
    with rebuilding(path, _KIND):
        return WordMasks(
            split=header["split"],
            ids=tuple(header["ids"]),
            offsets=tensors["offsets"],
            rates=tuple(header["rates"]),
            hidden_from={
                seed: {modality: tensors[f"seed_{seed}/{modality}"] for modality in MODALITIES}
                for seed in header["seeds"]
            },
        )
