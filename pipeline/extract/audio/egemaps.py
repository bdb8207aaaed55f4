"""The 25 low-level descriptors of eGeMAPS v02 (Eyben et al., 2016) by openSMILE, an optional package with terms of its own."""

import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.errors import PipelineError
from pipeline.extract.extractors import FrameFunction
from pipeline.extract.sound import hear, is_muted
from pipeline.media.container import MediaError

_SAMPLE_RATE_HZ, _HOP = 16000, 160
# openSMILE's rows begin with their windows: those of 0.02 s, and those of 0.06 s for all that rests on the pitch. Sound from 0.105 s
# before the segment on makes the eleventh short window, and the ninth long one, surround the middle of the first row.
_CONTEXT = 1680
_FIRST_SHORT, _FIRST_LONG = 10, 8
_OF_LONG_WINDOWS = ("F0semitone", "HNRdB", "logRelF0", "amplitudeLogRelF0")


def egemaps_extractor() -> FrameFunction:
    """`extract_egemaps`, which has no settings.

    Raises:
        PipelineError: openSMILE is not installed.
    """
    return FrameFunction(
        function=extract_egemaps,
        columns=egemaps_columns(),
        settings={},
        libraries=("av", "numpy", "opensmile"),
        rate_hz=_SAMPLE_RATE_HZ / _HOP,
    )


def egemaps_columns() -> tuple[str, ...]:
    """The names that openSMILE gives its columns.

    Raises:
        PipelineError: openSMILE is not installed.
    """
    return tuple(_smile().feature_names)


def extract_egemaps(segment: Segment) -> FeatureSequence:
    """Describe the sound of a segment, a row every 0.01 seconds.

    Every column is about the moment of its row: openSMILE puts the two lengths of its windows side by side by their starts,
    which makes the pitch early by 0.02 s; that is undone. Columns that rest on the pitch are 0 where nothing is voiced, as the
    set defines them. Sound beyond the ends of the segment is looked at where there is some.

    Returns:
        rows that are valid where sound was recorded, none of them in a muted track. No rows but a reason where the segment
        has no sound, or where it cannot be decoded.

    Raises:
        PipelineError: openSMILE is not installed.
    """
    columns = egemaps_columns()
    n_rows = max(round(segment.duration_s * _SAMPLE_RATE_HZ / _HOP), 1)
    try:
        sound = hear(segment, sample_rate_hz=_SAMPLE_RATE_HZ, n_samples=n_rows * _HOP, context=_CONTEXT)
    except MediaError as error:
        return FeatureSequence.empty(len(columns), str(error))
    own = slice(_CONTEXT, _CONTEXT + n_rows * _HOP)
    times_s = (np.arange(n_rows) + 0.5) * _HOP / _SAMPLE_RATE_HZ
    if is_muted(sound.samples[own]):
        nothing = np.zeros((n_rows, len(columns)), np.float32)
        return FeatureSequence(nothing, times_s, np.zeros(n_rows, bool), notes=sound.notes)
    found = _smile().process_signal(sound.samples, _SAMPLE_RATE_HZ).to_numpy(np.float32)
    long = np.array([any(part in name for part in _OF_LONG_WINDOWS) for name in columns])
    values = np.where(
        long, found[_FIRST_LONG : _FIRST_LONG + n_rows], found[_FIRST_SHORT : _FIRST_SHORT + n_rows]
    )
    valid = sound.recorded[own].reshape(n_rows, _HOP).mean(axis=1) >= 0.5
    values[~valid] = 0
    return FeatureSequence(values, times_s, valid, notes=sound.notes)


@cache
def _smile() -> Any:
    if find_spec("opensmile") is None:
        raise PipelineError(
            "audio.encoder: egemaps needs the Python package opensmile, which is not installed because its licence (audEERING "
            "Research License) allows research and private use alone; where that fits, run `pip install --constraint "
            "requirements.lock opensmile==2.6.0`, or set audio.encoder to classic"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies say what they will retire
        import opensmile

        return opensmile.Smile(
            feature_set=opensmile.FeatureSet.eGeMAPSv02,
            feature_level=opensmile.FeatureLevel.LowLevelDescriptors,
        )
