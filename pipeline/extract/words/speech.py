"""Where in a sound somebody speaks, by Silero's detector: music, noise and breath are none of it."""

import threading
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.words import Word
from pipeline.extract.words.voiced import voiced_bounds_s

SAMPLE_RATE_HZ = 16_000
_WINDOW = 512  # samples; the detector looks at 32 ms at once
WINDOW_S = _WINDOW / SAMPLE_RATE_HZ
# What is shorter is a click or a breath; a pause that is shorter lies within a word.
_SHORTEST_SPEECH_S, _SHORTEST_PAUSE_S = 0.1, 0.1
_PADDING_S = 0.03  # less than half of the shortest pause, so spans stay apart
_SPEECH = 0.5  # the detector's own threshold
_ONE_AT_A_TIME = threading.Lock()  # the detector keeps the state of the sound that it listens to
# A word lies in a pause where less than this share of it is speech.
_LEAST_SPOKEN = 0.5


def speech_probabilities(samples: Float32[np.ndarray, "sample"]) -> Float32[np.ndarray, "window"]:
    """How sure the detector is of speech in each 32 ms.

    Args:
        samples: mono at 16 kHz in [-1, 1].

    Returns:
        probabilities in [0, 1], a pure function of the samples; the last window is padded by silence.
    """
    import torch  # not for those whose words need no detector

    if not len(samples):
        return np.zeros(0, np.float32)
    whole = np.pad(samples, (0, -len(samples) % _WINDOW))
    with _ONE_AT_A_TIME, torch.inference_mode():
        found: Float32[np.ndarray, window] = (
            _detector().audio_forward(torch.from_numpy(whole)[None], sr=SAMPLE_RATE_HZ)[0].numpy()
        )
    return found


def speech_spans_s(samples: Float32[np.ndarray, "sample"]) -> list[tuple[float, float]]:
    """The stretches in which somebody speaks, pauses left out.

    Args:
        samples: mono at 16 kHz in [-1, 1], not silent.

    Returns:
        at least one pair of start and end in seconds from the first sample, in order and apart; where the detector finds no speech,
        from the first to the last moment that is loud.
    """
    spans = _spans(speech_probabilities(samples), len(samples) / SAMPLE_RATE_HZ)
    return spans or [voiced_bounds_s(samples, sample_rate_hz=SAMPLE_RATE_HZ)]


def speech_s(samples: Float32[np.ndarray, "sample"]) -> float:
    """For how many seconds somebody speaks; 0 in music and noise."""
    spans = _spans(speech_probabilities(samples), len(samples) / SAMPLE_RATE_HZ)
    return sum((end_s - start_s for start_s, end_s in spans), start=0.0)


def without_pauses(words: Sequence[Word], samples: Float32[np.ndarray, "sample"]) -> list[Word]:
    """Words that were laid end to end, each cut back to the part of it in which somebody speaks.

    A recogniser gives the silence before the first word to that word, and a pause to the word before it.
    """
    spans = _spans(speech_probabilities(samples), len(samples) / SAMPLE_RATE_HZ)
    found = []
    for word in words:
        inside = [
            (max(start_s, word.start_s), min(end_s, word.end_s))
            for start_s, end_s in spans
            if start_s < word.end_s and end_s > word.start_s
        ]
        longest = max(inside, key=lambda span: span[1] - span[0], default=(word.start_s, word.end_s))
        found.append(Word(word.text, *longest))
    return found


def spoken_only(words: Sequence[Word], samples: Float32[np.ndarray, "sample"]) -> list[Word]:
    """Those of the words that lie where somebody speaks; a recogniser hears words in music too."""
    is_speech = speech_probabilities(samples) >= _SPEECH
    found = []
    for word in words:
        first = max(int(word.start_s / WINDOW_S), 0)
        last = max(int(np.ceil(word.end_s / WINDOW_S)), first + 1)
        if len(is_speech[first:last]) and is_speech[first:last].mean() >= _LEAST_SPOKEN:
            found.append(word)
    return found


def _spans(probabilities: Float32[np.ndarray, "window"], duration_s: float) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.pad(probabilities >= _SPEECH, 1).astype(np.int8)))
    spans = [[int(start), int(end)] for start, end in edges.reshape(-1, 2)]
    joined: list[list[int]] = []
    for start, end in spans:
        if joined and (start - joined[-1][1]) * WINDOW_S < _SHORTEST_PAUSE_S:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    # The detector is slow to believe the first and the last sound of a word.
    return [
        (max(start * WINDOW_S - _PADDING_S, 0.0), min(end * WINDOW_S + _PADDING_S, duration_s))
        for start, end in joined
        if (end - start) * WINDOW_S >= _SHORTEST_SPEECH_S
    ]


@lru_cache(maxsize=1)
def _detector() -> Any:
    from silero_vad import load_silero_vad

    with warnings.catch_warnings():  # of what the package does while it loads its file
        warnings.simplefilter("ignore", DeprecationWarning)
        return load_silero_vad()
