"""Speech by espeak-ng, with the onsets of its words and phonemes."""

import ctypes
import re
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from jaxtyping import Float

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS = 1
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_CHARS_UTF8 = 1
_NOISE_SEED = 1


@dataclass(frozen=True)
class Voice:
    """How a sentence is spoken.

    Attributes:
        name: an espeak-ng voice with its variant, such as `"en-us+f3"`.
        rate_wpm: words per minute, 80 to 450.
        pitch: 0 to 99; 50 is the voice's own pitch.
        pitch_range: 0 (a monotone) to 99; 50 is the voice's own liveliness.
        gain_db: level relative to the voice's own.
    """

    name: str = "en-us"
    rate_wpm: int = 175
    pitch: int = 50
    pitch_range: int = 50
    gain_db: float = 0.0


@dataclass(frozen=True)
class Word:
    """A word as it stands in the text; `onset_s` is None where espeak-ng joins it to the word before."""

    text: str
    onset_s: float | None


@dataclass(frozen=True)
class Phoneme:
    """A phoneme in espeak-ng's ASCII notation; `""` is a pause."""

    name: str
    onset_s: float


@dataclass(frozen=True)
class Speech:
    """Mono speech with the true times of what is said, in seconds from its first sample."""

    samples: Float[np.ndarray, " sample"]
    sample_rate_hz: int
    words: tuple[Word, ...]
    phonemes: tuple[Phoneme, ...]

    @property
    def duration_s(self) -> float:
        """Length of the samples."""
        return len(self.samples) / self.sample_rate_hz


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def synthesise(text: str, voice: Voice | None = None) -> Speech:
    """Speak one English sentence.

    espeak-ng keeps state from one call to the next even when it is stopped and started in between, so the samples are
    the same from run to run only for the same sequence of calls in a process.

    Args:
        text: sentence in ASCII.
        voice: voice that speaks it.

    Returns:
        samples in [-1, 1] at 22050 Hz, and the onsets of words and phonemes.

    Raises:
        RuntimeError: espeak-ng does not start or does not know the voice.
        ModuleNotFoundError: `espeakng-loader` is not installed (see `demo/requirements.txt`).
    """
    import espeakng_loader  # type: ignore[import-untyped, import-not-found, unused-ignore]

    voice = voice or Voice()
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    sample_rate_hz = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _INITIALIZE_PHONEME_EVENTS
    )
    if sample_rate_hz <= 0:
        raise RuntimeError(f"espeak-ng did not start: {sample_rate_hz}")
    pcm = bytearray()
    words: list[tuple[int, float]] = []
    phonemes: list[Phoneme] = []

    def collect(wave: Any, n_samples: int, events: Any) -> int:
        if wave and n_samples > 0:
            pcm.extend(ctypes.string_at(wave, 2 * n_samples))
        for event in takewhile(lambda event: event.type != _EVENT_END, events):
            onset_s = event.audio_position_ms / 1000
            if event.type == _EVENT_WORD:
                words.append((event.text_position - 1, onset_s))
            elif event.type == _EVENT_PHONEME:
                phonemes.append(Phoneme(event.id.string.decode("utf-8", "ignore"), onset_s))
        return 0

    callback = _Callback(collect)
    try:
        library.espeak_SetSynthCallback(callback)
        # Breathy voices are part noise, which espeak-ng seeds by the clock.
        library.espeak_ng_SetRandSeed(ctypes.c_long(_NOISE_SEED))
        if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {voice.name!r}")
        for parameter, value in (
            (_PARAMETER_RATE, voice.rate_wpm),
            (_PARAMETER_PITCH, voice.pitch),
            (_PARAMETER_RANGE, voice.pitch_range),
        ):
            library.espeak_SetParameter(parameter, value, 0)
        raw = text.encode("ascii")
        library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        library.espeak_Synchronize()
    finally:
        library.espeak_Terminate()

    samples = np.frombuffer(bytes(pcm), np.int16) / 32768.0 * 10 ** (voice.gain_db / 20)
    onsets = dict(words)
    spoken = tuple(Word(m.group(), onsets.get(m.start())) for m in re.finditer(r"[\w'-]+", text))
    return Speech(np.clip(samples, -1.0, 1.0), sample_rate_hz, spoken, tuple(phonemes))
