"""Sound with noise, in a room, and at a low bit rate."""

import io
import math
from collections.abc import Iterator

import av
import numpy as np
import scipy.fft
import scipy.signal
from jaxtyping import Bool, Float32

from pipeline.media.audio import Sound

SAMPLE_RATE_HZ = 48_000
"""The rate at which sound is degraded: that of Opus and of most recorders."""

_LOWEST_HZ = 20.0
_BLOCK = SAMPLE_RATE_HZ  # samples that are encoded at a time


def pink_noise(n_samples: int, rng: np.random.Generator) -> Float32[np.ndarray, "sample"]:
    """Gaussian noise with equal power in every octave from 20 Hz on, of no particular size.

    Args:
        n_samples: length at `SAMPLE_RATE_HZ`.
        rng: generator of the noise.
    """
    spectrum = scipy.fft.rfft(rng.standard_normal(n_samples, np.float32))
    hertz = scipy.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE_HZ)
    weight = np.where(hertz >= _LOWEST_HZ, 1 / np.sqrt(np.maximum(hertz, _LOWEST_HZ)), 0)
    return np.asarray(scipy.fft.irfft(spectrum * weight.astype(np.float32), n_samples), np.float32)


def with_noise(
    sound: Sound, *, snr_db: float, rng: np.random.Generator, within: slice = slice(None)
) -> Sound:
    """Sound with pink noise, whose power is `snr_db` below that of the sound over what was recorded.

    Digital silence stays what it is, since no noise has a ratio to it. Where the sum would be clipped, it is made quieter as a
    whole, so that the ratio is kept.

    Args:
        sound: the sound at `SAMPLE_RATE_HZ`.
        snr_db: ratio of the mean power of the sound to that of the noise, dB.
        rng: generator of the noise.
        within: samples over which the ratio is taken.
    """
    noise = pink_noise(len(sound.samples), rng)
    power, noise_power = (
        _power(samples[within], sound.recorded[within]) for samples in (sound.samples, noise)
    )
    if not power or not noise_power:
        return sound
    gain = math.sqrt(power / noise_power) * 10 ** (-snr_db / 20)
    return _unclipped(sound.samples + np.float32(gain) * noise, sound.recorded)


def room_response(reverberation_s: float, rng: np.random.Generator) -> Float32[np.ndarray, "sample"]:
    """The impulse response of a room: direct sound, and as much energy again in Gaussian noise that decays exponentially.

    This is the model of Polack (1988) with a direct-to-reverberant ratio of 0 dB, cut off where it has decayed by 60 dB.

    Args:
        reverberation_s: time in which the reverberation decays by 60 dB (RT60), seconds.
        rng: generator of the reflections.
    """
    n_samples = max(math.ceil(reverberation_s * SAMPLE_RATE_HZ), 2)
    decay = 10 ** (-3 * np.arange(n_samples) / n_samples)
    response = rng.standard_normal(n_samples) * decay
    response[0] = 0
    response /= np.linalg.norm(response)
    response[0] = 1
    return response.astype(np.float32)


def with_reverberation(sound: Sound, *, reverberation_s: float, rng: np.random.Generator) -> Sound:
    """Sound as it is heard in a room, with its power kept unless it would be clipped.

    Args:
        sound: the sound at `SAMPLE_RATE_HZ`; what came before it leaves no tail in it.
        reverberation_s: time in which the reverberation decays by 60 dB, seconds.
        rng: generator of the room.
    """
    response = room_response(reverberation_s, rng)
    heard = scipy.signal.oaconvolve(sound.samples, response)[: len(sound.samples)]
    power, heard_power = _power(sound.samples, sound.recorded), _power(heard, sound.recorded)
    if not power or not heard_power:
        return sound
    return _unclipped(heard * math.sqrt(power / heard_power), sound.recorded)


def with_opus(sound: Sound, *, kbps: float) -> Sound:
    """Sound that went through the speech mode of Opus at a bit rate, as in a call.

    Args:
        sound: the sound at `SAMPLE_RATE_HZ`.
        kbps: bit rate aimed at, kbit/s.
    """
    encoded = io.BytesIO()
    with av.open(encoded, "w", format="ogg") as container:
        stream = container.add_stream(
            "libopus", rate=SAMPLE_RATE_HZ, layout="mono", options={"application": "voip"}
        )
        stream.bit_rate = round(1000 * kbps)
        for frame in _frames(sound.samples):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = np.zeros_like(sound.samples)
    encoded.seek(0)
    position = 0
    with av.open(encoded, format="ogg") as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        for decoded in container.decode(audio=0):
            for frame in resampler.resample(decoded):
                piece = frame.to_ndarray()[0][: len(samples) - position]
                samples[position : position + len(piece)] = piece
                position += len(piece)
    return _unclipped(samples, sound.recorded)


def _frames(samples: Float32[np.ndarray, "sample"]) -> Iterator[av.AudioFrame]:
    for first in range(0, len(samples), _BLOCK):
        block = np.ascontiguousarray(samples[None, first : first + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, first
        yield frame


def _power(samples: Float32[np.ndarray, "sample"], recorded: Bool[np.ndarray, "sample"]) -> float:
    kept = samples[recorded].astype(np.float64)
    return float(np.dot(kept, kept)) / max(len(kept), 1)


def _unclipped(samples: Float32[np.ndarray, "sample"], recorded: Bool[np.ndarray, "sample"]) -> Sound:
    kept = np.where(recorded, samples, 0)
    peak = float(np.abs(kept).max(initial=0))
    return Sound((kept / max(peak, 1)).astype(np.float32), recorded)
