"""Where in a sound somebody speaks, by Silero's detector: music, noise and breath are none of it."""

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.corpus.words import Word

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


@dataclass(frozen=True, eq=False)
class Speech:
    """Where in one sound somebody speaks; the detector listens once, however much is asked.

    Attributes:
        probabilities: the detector's probability of speech in each 32 ms of the sound.
        length_s: length of the sound in seconds.
    """

    probabilities: Float32[np.ndarray, "window"]
    length_s: float

    @classmethod
    def of(cls, samples: Float32[np.ndarray, "sample"]) -> "Speech":
        """Listen to a sound, mono at 16 kHz in [-1, 1]."""
        return cls(speech_probabilities(samples), len(samples) / SAMPLE_RATE_HZ)

    @cached_property
    def spans_s(self) -> tuple[tuple[float, float], ...]:
        """Start and end of each stretch of speech in seconds, in order and apart, pauses left out; none in music and noise."""
        return _spans(self.probabilities, self.length_s)

    @property
    def total_s(self) -> float:
        """For how many seconds somebody speaks."""
        return sum((end_s - start_s for start_s, end_s in self.spans_s), start=0.0)

    def within(self, start_s: float, end_s: float) -> list[tuple[float, float]]:
        """The stretches of speech between two moments, cut to them; empty where nobody speaks there."""
        return [
            (max(first_s, start_s), min(last_s, end_s))
            for first_s, last_s in self.spans_s
            if first_s < end_s and last_s > start_s
        ]

    def without_pauses(self, words: Sequence[Word]) -> list[Word]:
        """Words that were laid end to end, each cut back to the longest part of it in which somebody speaks.

        A recogniser gives the silence before the first word to that word, and a pause to the word before it.
        """
        return [
            Word(
                word.text,
                *max(
                    self.within(word.start_s, word.end_s),
                    key=lambda span: span[1] - span[0],
                    default=(word.start_s, word.end_s),
                ),
            )
            for word in words
        ]

    def spoken_only(self, words: Sequence[Word]) -> list[Word]:
        """Those of the words that lie where somebody speaks; a recogniser hears words in music too."""
        is_speech = self.probabilities >= _SPEECH
        found = []
        for word in words:
            first = max(int(word.start_s / WINDOW_S), 0)
            last = max(int(np.ceil(word.end_s / WINDOW_S)), first + 1)
            if len(is_speech[first:last]) and is_speech[first:last].mean() >= _LEAST_SPOKEN:
                found.append(word)
        return found


def _spans(
    probabilities: Float32[np.ndarray, "window"], duration_s: float
) -> tuple[tuple[float, float], ...]:
    edges = np.flatnonzero(np.diff(np.pad(probabilities >= _SPEECH, 1).astype(np.int8)))
    spans = [[int(start), int(end)] for start, end in edges.reshape(-1, 2)]
    joined: list[list[int]] = []
    for start, end in spans:
        if joined and (start - joined[-1][1]) * WINDOW_S < _SHORTEST_PAUSE_S:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    # The detector is slow to believe the first and the last sound of a word.
    return tuple(
        (max(start * WINDOW_S - _PADDING_S, 0.0), min(end * WINDOW_S + _PADDING_S, duration_s))
        for start, end in joined
        if (end - start) * WINDOW_S >= _SHORTEST_SPEECH_S
    )


@lru_cache(maxsize=1)
def _detector() -> Any:
    from silero_vad import load_silero_vad

    with warnings.catch_warnings():  # of what the package does while it loads its file
        warnings.simplefilter("ignore", DeprecationWarning)
        return load_silero_vad()
