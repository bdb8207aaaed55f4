import numpy as np
import pytest

from pipeline.extract.words.voiced import is_silent, voiced_bounds_s

RATE_HZ = 16_000


def tone(duration_s: float, amplitude: float = 0.3):
    return (amplitude * np.sin(2 * np.pi * 200 * np.arange(round(duration_s * RATE_HZ)) / RATE_HZ)).astype(
        np.float32
    )


def noise(duration_s: float, amplitude: float):
    return (amplitude * np.random.default_rng(1).standard_normal(round(duration_s * RATE_HZ))).astype(
        np.float32
    )


def quiet(duration_s: float):
    return np.zeros(round(duration_s * RATE_HZ), np.float32)


@pytest.mark.parametrize("noise_level", [0.0, 1e-3, 0.03])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_speech_is_found_between_pauses(noise_level, gain):
    sound = np.concatenate([quiet(1), tone(0.5), quiet(0.7), tone(0.5), quiet(2)])
    sound = gain * (sound + noise(4.7, noise_level))
    assert voiced_bounds_s(sound, sample_rate_hz=RATE_HZ) == pytest.approx((1.0, 2.7), abs=0.03)


def test_one_short_word_in_a_long_silence_is_found():
    sound = np.concatenate([quiet(20), tone(0.3), quiet(9.7)])
    assert voiced_bounds_s(sound, sample_rate_hz=RATE_HZ) == pytest.approx((20.0, 20.3), abs=0.03)


def test_a_click_is_no_speech():
    click = np.full(80, 0.9, np.float32)
    sound = np.concatenate([quiet(0.5), click, quiet(0.5), tone(1), quiet(0.5), click, quiet(0.5)])
    assert voiced_bounds_s(sound, sample_rate_hz=RATE_HZ) == pytest.approx((1.005, 2.005), abs=0.03)


@pytest.mark.parametrize("n_samples", [1, 399, 400, 401])
def test_a_sound_shorter_than_a_syllable_counts_whole(n_samples):
    bounds_s = voiced_bounds_s(np.full(n_samples, 0.5, np.float32), sample_rate_hz=RATE_HZ)
    assert bounds_s == pytest.approx((0.0, n_samples / RATE_HZ), abs=1e-4)


def test_steady_sound_counts_whole():
    assert voiced_bounds_s(tone(2), sample_rate_hz=RATE_HZ) == pytest.approx((0, 2), abs=0.02)


def test_zeros_and_the_last_bits_are_silence_and_a_whisper_is_not():
    assert is_silent(quiet(0))
    assert is_silent(quiet(1))
    assert is_silent(np.resize(np.array([1, -1], np.float32) / 32768, 100))
    assert not is_silent(tone(0.1, amplitude=1e-3))
