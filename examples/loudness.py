"""An extractor of sound: how loud it is, in decibels of full scale, ten times a second.

`dvc exp run -S audio.encoder=loudness.py:loudness`
"""

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.extract.extractors import FrameFunction
from pipeline.extract.sound import hear, is_muted
from pipeline.media.container import MediaError

_SAMPLE_RATE_HZ, _HOP = 16000, 1600
_SILENCE_DB = -100.0


def describe(segment: Segment) -> FeatureSequence:
    """A row every 0.1 s with the level of its samples; no rows but a reason where there is no sound."""
    n_rows = max(round(segment.duration_s * _SAMPLE_RATE_HZ / _HOP), 1)
    try:
        sound = hear(segment, sample_rate_hz=_SAMPLE_RATE_HZ, n_samples=n_rows * _HOP)
    except MediaError as error:
        return FeatureSequence.empty(1, str(error))
    power = np.square(sound.samples.reshape(n_rows, _HOP), dtype=np.float64).mean(axis=1)
    level_db = 10 * np.log10(np.maximum(power, 10 ** (_SILENCE_DB / 10)))
    recorded = sound.recorded.reshape(n_rows, _HOP).mean(axis=1) >= 0.5
    valid = recorded & (not is_muted(sound.samples))
    values = np.where(valid, level_db, 0).astype(np.float32)[:, None]
    return FeatureSequence(
        values, (np.arange(n_rows) + 0.5) * _HOP / _SAMPLE_RATE_HZ, valid, notes=sound.notes
    )


loudness = FrameFunction(
    function=describe,
    columns=("level_db",),
    settings={},
    libraries=("av", "numpy"),
    rate_hz=_SAMPLE_RATE_HZ / _HOP,
)
