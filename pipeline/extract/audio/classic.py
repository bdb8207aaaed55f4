"""Acoustic features of one segment: pitch, voicing, loudness, timbre, pitch classes."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial

import librosa
import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.execution.compilation import compile_once
from pipeline.extract.audio.pitch import reach_rows, track_pitch, window_length
from pipeline.extract.extractors import FrameFunction
from pipeline.extract.sound import hear, is_muted
from pipeline.media.container import MediaError

# Short enough for a phone, long enough to tell frequencies 25 Hz apart.
_SPECTRUM_WINDOW_S = 0.04
# The semitones of a low voice are 6 to 8 Hz apart.
_CHROMA_WINDOW_S = 0.128
_N_MELS = 40
# Rows are computed this many seconds at a time: spectra take a hundred times the memory of the sound.
_BLOCK_S = 10.0
_FLOOR_DB = -100.0
# What repeats itself below this level is the codec or the mains, not a voice.
_FAINTEST_VOICE_DB = -70.0
VOICED = 0.5
"""From this voicing on, a row is taken for a voice."""
_MOST_WITHOUT_VOICE = 0.49


@dataclass(frozen=True, kw_only=True)
class ClassicSettings:
    """What `extract_audio` can be told.

    Attributes:
        sample_rate_hz: rate that the sound is resampled to.
        hop_s: time between two rows, rounded to a whole number of samples.
        n_mfcc: number of cepstral coefficients.
        n_chroma: number of pitch classes.
        f0_min_hz: lowest fundamental frequency that is searched for.
        f0_max_hz: highest fundamental frequency that is searched for.
    """

    sample_rate_hz: int
    hop_s: float
    n_mfcc: int
    n_chroma: int
    f0_min_hz: float
    f0_max_hz: float


def classic_extractor(settings: ClassicSettings) -> FrameFunction:
    """`extract_audio` with these settings."""
    return FrameFunction(
        function=partial(extract_audio, settings=settings),
        columns=audio_columns(n_mfcc=settings.n_mfcc, n_chroma=settings.n_chroma),
        settings=asdict(settings),
        libraries=("av", "librosa", "numpy", "scipy"),
        rate_hz=1 / settings.hop_s,
        preloaded=("pipeline.extract.audio.loaded",),
    )


def audio_columns(*, n_mfcc: int, n_chroma: int) -> tuple[str, ...]:
    """Names of the columns that `extract_audio` fills, in order; its docstring says what they mean."""
    return (
        "f0_log_hz",
        "voicing",
        "rms_db",
        "spectral_centroid_hz",
        "spectral_flatness",
        *(f"mfcc_{i + 1}" for i in range(n_mfcc)),
        *(f"chroma_{i + 1}" for i in range(n_chroma)),
    )


def extract_audio(segment: Segment, settings: ClassicSettings) -> FeatureSequence:
    """Describe the sound of a segment, with a row every `hop_s` seconds.

    | column | meaning |
    |---|---|
    | `f0_log_hz` | natural logarithm of the fundamental frequency in Hz; drawn straight across unvoiced rows, so that its mean over a word is a pitch; the middle of the range where nothing is voiced |
    | `voicing` | how well the sound repeats itself after one period of that frequency: its correlation, 0 to 1; a voice has at least 0.5, and a row without one at most 0.49, as where noise repeats itself by chance; 0 in near silence |
    | `rms_db` | level of the row's own `hop_s`, dB below full scale, at least -100 |
    | `spectral_centroid_hz` | mean frequency, weighted by magnitude |
    | `spectral_flatness` | geometric over arithmetic mean of the power, 0 (a tone) to 1 (white noise) |
    | `mfcc_1` … | mel-frequency cepstral coefficients from the zeroth up, decibels, orthonormal |
    | `chroma_1` … | strength of each pitch class from C up, 1 for the strongest of the row |

    A row is computed from windows around its middle, sound beyond the ends of the segment included, and nothing is scaled
    to the segment: a moment has the same row in every segment that holds it, but for `f0_log_hz` where it is unvoiced. The pitch is
    that of the likeliest path through the candidates of 0.3 s before and after the row, see `track_pitch`.

    Args:
        segment: segment to describe.
        settings: rates, numbers of coefficients and the range of the pitch.

    Returns:
        Rows that are valid where sound was recorded, none of them in a muted track. No rows but a reason where the segment
        has no sound, or where it cannot be decoded.
    """
    compile_once("librosa", use_librosa)
    sample_rate_hz = settings.sample_rate_hz
    columns = audio_columns(n_mfcc=settings.n_mfcc, n_chroma=settings.n_chroma)
    hop = round(settings.hop_s * sample_rate_hz)
    pitch_window = window_length(sample_rate_hz=sample_rate_hz, f0_min_hz=settings.f0_min_hz)
    context = max(
        math.ceil(_CHROMA_WINDOW_S * sample_rate_hz), pitch_window + reach_rows(hop / sample_rate_hz) * hop
    )
    rows = _Rows(max(round(segment.duration_s * sample_rate_hz / hop), 1), hop, context)
    try:
        sound = hear(segment, sample_rate_hz=sample_rate_hz, n_samples=rows.count * hop, context=context)
    except MediaError as error:
        return FeatureSequence.empty(len(columns), str(error))
    recorded = rows.own(sound.recorded)

    described = [
        _describe(
            sound.samples[first * hop : (first + count) * hop + 2 * context].astype(np.float64),
            _Rows(count, hop, context),
            settings,
        )
        for first, count in _blocks(rows.count, round(_BLOCK_S * sample_rate_hz / hop))
    ]
    values = np.concatenate(described)
    middle_log_hz = math.log(settings.f0_min_hz * settings.f0_max_hz) / 2
    values[:, 0] = _across_unvoiced(values[:, 0], values[:, 1], otherwise=middle_log_hz)
    values = values.astype(np.float32)
    valid = (recorded.mean(axis=1) >= 0.5) & (not is_muted(rows.own(sound.samples)))
    values[~valid] = 0
    times_s = (np.arange(rows.count) + 0.5) * hop / sample_rate_hz
    return FeatureSequence(values, times_s, valid, notes=sound.notes)


def _blocks(n_rows: int, n_at_once: int) -> Iterator[tuple[int, int]]:
    """First row and number of rows of each block."""
    for first in range(0, n_rows, n_at_once):
        yield first, min(n_at_once, n_rows - first)


def _describe(
    samples: Float64[np.ndarray, "sample"], rows: "_Rows", settings: ClassicSettings
) -> Float64[np.ndarray, "row column"]:
    """The columns of `extract_audio`, but for the pitch of unvoiced rows, which is that of their best candidate."""
    within = rows.own(samples)
    level_db = 10 * np.log10(np.maximum(np.square(within).mean(axis=1), 10 ** (_FLOOR_DB / 10)))
    f0_hz, voicing = _pitch(samples, rows, settings)
    voicing = np.where(level_db > _FAINTEST_VOICE_DB, voicing, 0.0)
    sample_rate_hz, n_mfcc = settings.sample_rate_hz, settings.n_mfcc
    spectrum = _spectrum(samples, rows, window=_even(_SPECTRUM_WINDOW_S * sample_rate_hz))
    fine_spectrum = _spectrum(samples, rows, window=_even(_CHROMA_WINDOW_S * sample_rate_hz))
    mel = librosa.feature.melspectrogram(S=spectrum**2, sr=sample_rate_hz, n_mels=max(_N_MELS, n_mfcc))
    # librosa's defaults would tie a row to the rest of its segment: by its loudest row, and by its tuning.
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=n_mfcc)
    chroma = librosa.feature.chroma_stft(
        S=fine_spectrum**2, sr=sample_rate_hz, tuning=0.0, n_chroma=settings.n_chroma
    )
    return np.column_stack(
        [
            np.log(f0_hz),
            voicing,
            level_db,
            librosa.feature.spectral_centroid(S=spectrum, sr=sample_rate_hz)[0],
            librosa.feature.spectral_flatness(S=spectrum)[0],
            mfcc.T,
            chroma.T,
        ]
    )


def use_librosa() -> None:
    """Call what is called of librosa, so that all of it is loaded and compiled."""
    noise = np.random.default_rng(0).normal(size=8192)
    spectrum = np.abs(librosa.stft(noise, n_fft=512, dtype=np.complex128))
    librosa.feature.mfcc(S=librosa.power_to_db(librosa.feature.melspectrogram(S=spectrum)), n_mfcc=13)
    librosa.feature.chroma_stft(S=spectrum, tuning=0.0)
    librosa.feature.spectral_centroid(S=spectrum)
    librosa.feature.spectral_flatness(S=spectrum)


@dataclass(frozen=True)
class _Rows:
    """`count` rows of `hop` samples end to end, in sound that reaches `context` samples further on both sides."""

    count: int
    hop: int
    context: int

    def own(self, samples: np.ndarray) -> np.ndarray:
        """The samples of each row itself, shape (row, hop)."""
        return samples[self.context : self.context + self.count * self.hop].reshape(self.count, self.hop)

    def around(self, samples: Float64[np.ndarray, "sample"], window: int) -> Float64[np.ndarray, "stretch"]:
        """The stretch whose windows of `window` samples, `hop` apart from its start on, have the middles of the rows."""
        start = self.context + (self.hop - window) // 2
        return samples[start : start + (self.count - 1) * self.hop + window]


def _even(length: float) -> int:
    return 2 * math.ceil(length / 2)


def _spectrum(
    samples: Float64[np.ndarray, "sample"], rows: _Rows, *, window: int
) -> Float64[np.ndarray, "frequency row"]:
    """Magnitudes of the windows around the rows."""
    stretch = rows.around(samples, window)
    spectrum: np.ndarray = np.abs(
        librosa.stft(stretch, n_fft=window, hop_length=rows.hop, center=False, dtype=np.complex128)
    )
    return spectrum


def _pitch(
    samples: Float64[np.ndarray, "sample"], rows: _Rows, settings: ClassicSettings
) -> tuple[Float64[np.ndarray, "row"], Float64[np.ndarray, "row"]]:
    """Fundamental frequency, named for rows without a voice too, and voicing."""
    hop_s = rows.hop / settings.sample_rate_hz
    reach = reach_rows(hop_s)
    wider = _Rows(rows.count + 2 * reach, rows.hop, rows.context - reach * rows.hop)
    window = window_length(sample_rate_hz=settings.sample_rate_hz, f0_min_hz=settings.f0_min_hz)
    windows = np.lib.stride_tricks.sliding_window_view(wider.around(samples, window), window)[:: rows.hop]
    f0_hz, correlation, voiced = track_pitch(
        windows,
        sample_rate_hz=settings.sample_rate_hz,
        hop_s=hop_s,
        f0_min_hz=settings.f0_min_hz,
        f0_max_hz=settings.f0_max_hz,
    )
    return f0_hz, np.where(voiced, correlation, np.minimum(correlation, _MOST_WITHOUT_VOICE))


def _across_unvoiced(
    values: Float64[np.ndarray, "row"], voicing: Float64[np.ndarray, "row"], *, otherwise: float
) -> Float64[np.ndarray, "row"]:
    """`values` where the row is voiced, straight lines between, the nearest one before the first and after the last."""
    (voiced,) = np.nonzero(voicing >= VOICED)
    if len(voiced) == 0:
        return np.full(len(values), otherwise)
    drawn: np.ndarray = np.interp(np.arange(len(values)), voiced, values[voiced])
    return drawn
