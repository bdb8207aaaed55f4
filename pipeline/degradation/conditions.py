"""What is done to a recording: which degradation, how much of it, and the seed of what is random in it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from pipeline.artifacts.corpus.segments import Segment

SoundDegradation = Literal["noise_snr_db", "reverberation_s", "opus_kbps"]
PictureDegradation = Literal["blur_px", "light", "vp9_crf"]
Degradation = SoundDegradation | PictureDegradation
DEGRADATIONS: tuple[Degradation, ...] = (*get_args(SoundDegradation), *get_args(PictureDegradation))


@dataclass(frozen=True, slots=True)
class Condition:
    """One degradation of recordings at one level.

    Attributes:
        degradation: what is done; its name says the unit of the level.
        level: how much of it.
        seed: seed of everything random in it.
    """

    degradation: Degradation
    level: float
    seed: int

    @property
    def is_of_sound(self) -> bool:
        """Whether the sound is made worse; the pictures are otherwise."""
        return self.degradation in get_args(SoundDegradation)

    @property
    def description(self) -> Mapping[str, Any]:
        """The condition as JSON values."""
        return asdict(self)

    def rng(self, segment: Segment) -> np.random.Generator:
        """The generator of a segment: the same for its content wherever it lies, and at every level."""
        parts = (self.seed, self.degradation, segment.media_sha256, segment.start_s, segment.end_s)
        return np.random.default_rng(
            int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:16], "big")
        )
