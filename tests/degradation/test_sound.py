"""What is done to sound is of the size that its name says."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.degradation.sound import (
    SAMPLE_RATE_HZ,
    pink_noise,
    room_response,
    with_noise,
    with_opus,
    with_reverberation,
)
from pipeline.media.audio import Sound
from tests.media.recordings import tone


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def voice(duration_s: float = 2.0, amplitude: float = 0.1) -> Sound:
    """A tone with overtones that comes and goes, as syllables do."""
    samples = tone(150, duration_s, rate_hz=SAMPLE_RATE_HZ, amplitude=amplitude, n_harmonics=20)[0]
    time_s = np.arange(len(samples)) / SAMPLE_RATE_HZ
    samples = samples * np.sin(2 * np.pi * 2 * time_s) ** 2
    return Sound(samples.astype(np.float32), np.ones(len(samples), bool))


def snr_db(clean: np.ndarray, noisy: np.ndarray) -> float:
    """The ratio of a signal and what was added to it, whatever the gain of their sum."""
    clean, noisy = clean.astype(np.float64), noisy.astype(np.float64)
    gain = np.dot(clean, noisy) / np.dot(clean, clean)
    noise = noisy - gain * clean
    return float(10 * np.log10(np.dot(gain * clean, gain * clean) / np.dot(noise, noise)))


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples.astype(np.float64)))))


@pytest.mark.parametrize("wanted_db", [30.0, 10.0, 0.0, -10.0])
def test_the_ratio_of_signal_to_noise_is_reached(wanted_db):
    clean = voice()
    noisy = with_noise(clean, snr_db=wanted_db, rng=rng())
    noise = noisy.samples - clean.samples
    assert level_db(clean.samples) - level_db(noise) == pytest.approx(wanted_db, abs=0.01)


def test_a_loud_sound_keeps_its_ratio_because_it_is_not_clipped():
    clean = voice(amplitude=0.99)
    noisy = with_noise(clean, snr_db=0.0, rng=rng())
    assert np.abs(noisy.samples).max() <= 1
    assert snr_db(clean.samples, noisy.samples) == pytest.approx(0.0, abs=0.5)


def test_the_ratio_is_that_of_the_stretch_it_is_asked_for():
    """What lies before a segment may be much louder than the segment."""
    clean = voice()
    clean.samples[: len(clean.samples) // 2] *= 8
    second = slice(len(clean.samples) // 2, None)
    noisy = with_noise(clean, snr_db=10.0, rng=rng(), within=second)
    assert snr_db(clean.samples[second], noisy.samples[second]) == pytest.approx(10.0, abs=0.3)


def test_noise_of_a_seed_is_the_same_at_every_level_but_for_its_size():
    clean = voice()
    some, more, other = (
        with_noise(clean, snr_db=db, rng=rng(seed)).samples - clean.samples
        for db, seed in ((20.0, 1), (0.0, 1), (0.0, 2))
    )
    assert more == pytest.approx(10 * some, abs=1e-5)
    assert np.abs(np.corrcoef(more, other)[0, 1]) < 0.1


def test_noise_has_equal_power_in_every_octave():
    noise = pink_noise(20 * SAMPLE_RATE_HZ, rng())
    power = np.abs(np.fft.rfft(noise)) ** 2
    hertz = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE_HZ)
    octaves = [
        10 * np.log10(power[(hertz >= low) & (hertz < high)].sum())
        for low, high in pairwise(62.5 * 2 ** np.arange(9))
    ]
    assert np.ptp(octaves) < 0.6


@pytest.mark.parametrize("reverberation_s", [0.2, 0.8, 2.0])
def test_reverberation_decays_by_60_db_in_its_time(reverberation_s):
    """By Schroeder's backward integration, from -5 to -35 dB, as ISO 3382 measures it."""
    energy = np.square(room_response(reverberation_s, rng()).astype(np.float64))[::-1].cumsum()[::-1]
    decay_db = 10 * np.log10(energy / energy[0])
    time_s = np.arange(len(energy)) / SAMPLE_RATE_HZ
    inside = (decay_db <= -5) & (decay_db >= -35)
    slope = np.polyfit(time_s[inside], decay_db[inside], 1)[0]
    assert -60 / slope == pytest.approx(reverberation_s, rel=0.05)


def test_half_of_the_energy_of_a_room_is_direct_sound():
    response = room_response(0.5, rng())
    assert response[0] == 1
    assert np.square(response[1:].astype(np.float64)).sum() == pytest.approx(1, rel=1e-4)


def test_a_room_fills_pauses_and_keeps_the_level():
    clean = voice()
    heard = with_reverberation(clean, reverberation_s=0.8, rng=rng())
    assert level_db(heard.samples) == pytest.approx(level_db(clean.samples), abs=0.01)
    pause = slice(round(0.49 * SAMPLE_RATE_HZ), round(0.51 * SAMPLE_RATE_HZ))
    assert level_db(heard.samples[pause]) > level_db(clean.samples[pause]) + 20


@pytest.mark.parametrize("duration_s", [0.003, 0.5, 2.0037])
def test_opus_keeps_every_sample_in_its_place(duration_s):
    clean = voice(duration_s)
    hiss = rng().normal(scale=0.05, size=len(clean.samples)).astype(np.float32)
    coded = with_opus(Sound(hiss, clean.recorded), kbps=64.0)
    assert coded.samples.shape == hiss.shape
    if duration_s >= 0.5:
        middle = slice(10000, 14000)
        match = np.correlate(coded.samples[middle.start - 500 : middle.stop + 500], hiss[middle], "valid")
        assert abs(int(match.argmax()) - 500) <= 1


def test_a_lower_bit_rate_leaves_less_of_the_sound():
    clean = voice()
    ratios = [snr_db(clean.samples, with_opus(clean, kbps=kbps).samples) for kbps in (64.0, 16.0, 6.0)]
    assert ratios == sorted(ratios, reverse=True)


DEGRADATIONS = {
    "noise": lambda sound: with_noise(sound, snr_db=0.0, rng=rng()),
    "reverberation": lambda sound: with_reverberation(sound, reverberation_s=0.5, rng=rng()),
    "opus": lambda sound: with_opus(sound, kbps=8.0),
}


@pytest.mark.parametrize("degrade", DEGRADATIONS.values(), ids=DEGRADATIONS)
def test_digital_silence_stays_silent(degrade):
    silence = Sound(np.zeros(SAMPLE_RATE_HZ, np.float32), np.ones(SAMPLE_RATE_HZ, bool))
    assert np.abs(degrade(silence).samples).max() < 1e-4


@pytest.mark.parametrize("degrade", DEGRADATIONS.values(), ids=DEGRADATIONS)
def test_what_was_not_recorded_stays_so_and_counts_for_nothing(degrade):
    clean = voice()
    clean.recorded[:20000] = False
    clean.samples[:20000] = 0
    made = degrade(clean)
    assert (made.recorded == clean.recorded).all()
    assert not made.samples[:20000].any()
    assert made.samples.dtype == np.float32


@pytest.mark.parametrize("degrade", DEGRADATIONS.values(), ids=DEGRADATIONS)
def test_the_same_seed_makes_the_same_bits(degrade):
    assert degrade(voice()).samples.tobytes() == degrade(voice()).samples.tobytes()


@pytest.mark.parametrize("n_samples", [1, 2, 7])
@pytest.mark.parametrize("degrade", DEGRADATIONS.values(), ids=DEGRADATIONS)
def test_a_handful_of_samples_is_no_reason_to_fail(degrade, n_samples):
    made = degrade(Sound(np.full(n_samples, 0.1, np.float32), np.ones(n_samples, bool)))
    assert np.isfinite(made.samples).all()
    assert len(made.samples) == n_samples
