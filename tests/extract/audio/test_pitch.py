import numpy as np
import pytest

from pipeline.extract.audio.pitch import reach_rows, track_pitch, window_length

RATE_HZ, HOP_S = 16000, 0.02
RANGE = {"f0_min_hz": 60.0, "f0_max_hz": 450.0}
FORMANTS = ((600.0, 90.0), (1200.0, 110.0), (2600.0, 160.0))


def steady(f0_hz, duration_s=1.0):
    return np.full(round(duration_s * RATE_HZ), float(f0_hz))


def vowel(f0_hz, *, odd=1.0, above_hz=0.0):
    """A vowel of the given pitch at each sample; `odd` scales the odd harmonics, and below `above_hz` there are none."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    wave = np.zeros(len(f0_hz))
    for k in range(1, int(7500 / f0_hz.min())):
        frequency = k * f0_hz
        gain = (odd if k % 2 else 1.0) * (frequency < 7500) * (frequency > above_hz) / k
        for middle, width in FORMANTS:
            gain = gain * middle**2 / np.hypot(middle**2 - frequency**2, width * frequency)
        wave += gain * np.sin(k * phase + 0.3 * k * k)
    return 0.3 * wave / np.abs(wave).max()


def noisy(wave, snr_db, seed=0):
    noise = np.random.default_rng(seed).standard_normal(len(wave))
    return wave + noise * np.sqrt(np.mean(wave**2) / 10 ** (snr_db / 10))


def track(wave, hop_s=HOP_S):
    """Pitch, voicing and voice of every row of a wave with silence around it."""
    hop, window = round(hop_s * RATE_HZ), window_length(sample_rate_hz=RATE_HZ, f0_min_hz=RANGE["f0_min_hz"])
    n_rows, reach = len(wave) // hop, reach_rows(hop_s)
    around = reach * hop + (window - hop) // 2
    padded = np.pad(wave[: n_rows * hop], around)
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    assert len(windows) == n_rows + 2 * reach
    return track_pitch(windows, sample_rate_hz=RATE_HZ, hop_s=hop_s, **RANGE)


def cents_off(f0_hz, true_hz, hop_s=HOP_S):
    hop = round(hop_s * RATE_HZ)
    return np.abs(1200 * np.log2(f0_hz / true_hz[hop // 2 :: hop][: len(f0_hz)]))


SECONDS = np.arange(RATE_HZ) / RATE_HZ


@pytest.mark.parametrize("snr_db", [40.0, 5.0, 3.0])
@pytest.mark.parametrize("f0_hz", [65, 97, 120, 150, 220, 300, 400, 440])
def test_a_steady_vowel_has_its_pitch_in_every_row(f0_hz, snr_db):
    found_hz, correlation, voiced = track(noisy(vowel(steady(f0_hz)), snr_db))

    inner = slice(3, -3)
    assert voiced[inner].all()
    assert cents_off(found_hz, steady(f0_hz))[inner].max() < 50
    assert (correlation[inner] >= 0.5).all()


@pytest.mark.parametrize(
    "f0_hz",
    [
        100 * 3.0**SECONDS,
        300 * 3.0**-SECONDS,
        100 * 3.0 ** (2 * np.minimum(SECONDS, 0.5)),
        200 * 2.0 ** (np.sin(2 * np.pi * 6 * SECONDS) / 12),
        200 * 2.0 ** (2 * np.sin(2 * np.pi * 6 * SECONDS) / 12),
    ],
    ids=["rising", "falling", "rising fast", "vibrato", "wide vibrato"],
)
def test_a_pitch_that_moves_is_followed(f0_hz):
    found_hz, _, voiced = track(noisy(vowel(f0_hz), 20))

    inner = slice(3, -3)
    assert voiced[inner].all()
    off = cents_off(found_hz, f0_hz)[inner]
    assert np.median(off) < 35
    assert off.max() < 150


@pytest.mark.parametrize("odd", [0.5, 0.2, 0.15])
@pytest.mark.parametrize("f0_hz", [110, 120, 180])
def test_strong_even_harmonics_double_no_pitch(f0_hz, odd):
    found_hz, _, voiced = track(noisy(vowel(steady(f0_hz), odd=odd), 20))

    inner = slice(3, -3)
    assert voiced[inner].all()
    assert cents_off(found_hz, steady(f0_hz))[inner].max() < 50


def test_a_few_rows_of_doubtful_octave_do_not_flip():
    # 0.06 s of every 0.36 s sound an octave higher.
    odd = np.where((np.arange(RATE_HZ) // 960) % 6 == 0, 0.03, 0.6)
    found_hz, _, voiced = track(noisy(vowel(steady(120), odd=odd), 25))

    off = cents_off(found_hz, steady(120))[3:-3]
    assert (off[voiced[3:-3]] < 300).all()
    assert voiced[3:-3].mean() > 0.9


@pytest.mark.parametrize("f0_hz", [120, 200])
def test_a_telephone_hides_no_pitch(f0_hz):
    found_hz, _, voiced = track(noisy(vowel(steady(f0_hz), above_hz=300.0), 20))

    assert voiced[3:-3].all()
    assert cents_off(found_hz, steady(f0_hz))[3:-3].max() < 50


def test_an_octave_that_is_sung_is_found():
    f0_hz = np.where((SECONDS * 4).astype(int) % 2, 240.0, 120.0)
    found_hz, _, voiced = track(noisy(vowel(f0_hz), 20))

    off = cents_off(found_hz, f0_hz)
    assert (off[voiced] < 100).mean() > 0.95
    assert voiced.mean() > 0.9


def test_an_onset_after_silence_has_its_pitch_and_the_silence_none():
    wave = np.concatenate([np.zeros(RATE_HZ // 2), vowel(steady(180, 0.5))])
    found_hz, correlation, voiced = track(wave)

    assert not voiced[:24].any()
    assert not correlation[:23].any()
    assert voiced[27:-2].all()
    assert cents_off(found_hz[27:-2], steady(180)).max() < 50


@pytest.mark.parametrize("cut_off_hz", [8000.0, 300.0, 100.0])
def test_noise_and_rumble_are_no_voice(cut_off_hz):
    noise = np.random.default_rng(1).standard_normal(2 * RATE_HZ)
    spectrum = np.fft.rfft(noise)
    spectrum /= np.sqrt(1 + (np.fft.rfftfreq(len(noise), 1 / RATE_HZ) / cut_off_hz) ** 4)
    _, _, voiced = track(0.1 * np.fft.irfft(spectrum))

    assert voiced.mean() < 0.05


@pytest.mark.parametrize("hop_s", [0.005, 0.01, 0.04])
def test_the_pitch_does_not_depend_on_the_hop(hop_s):
    f0_hz = 150 * 2.0 ** (0.2 * np.sin(2 * np.pi * 2 * SECONDS))
    found_hz, _, voiced = track(noisy(vowel(f0_hz), 15), hop_s)

    inner = slice(round(0.06 / hop_s), -round(0.06 / hop_s))
    assert voiced[inner].all()
    assert np.median(cents_off(found_hz, f0_hz, hop_s)[inner]) < 30


def test_a_row_depends_on_no_row_beyond_its_reach():
    rng = np.random.default_rng(3)
    wave = noisy(vowel(120 * 2.0 ** (0.3 * np.sin(2 * np.pi * 3 * SECONDS))), 3)
    other = np.concatenate([rng.standard_normal(RATE_HZ // 2), wave, rng.standard_normal(RATE_HZ // 2)])
    alone, within = track(wave), track(other)

    settled = slice(reach_rows(HOP_S) + 2, 50 - reach_rows(HOP_S) - 2)
    shifted = slice(settled.start + 25, settled.stop + 25)
    for values, expected in zip(within, alone, strict=True):
        np.testing.assert_array_equal(values[shifted], expected[settled])


def test_digital_silence_has_no_voice_and_a_finite_pitch():
    found_hz, correlation, voiced = track(np.zeros(RATE_HZ // 2))

    assert np.isfinite(found_hz).all()
    assert not correlation.any()
    assert not voiced.any()
