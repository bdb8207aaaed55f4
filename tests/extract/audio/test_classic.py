import math
import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import pytest
from scipy.fft import dct

from pipeline.extract.audio.classic import ClassicSettings, audio_columns, extract_audio
from pipeline.media.audio import read_audio
from tests.media.recordings import numbered_pictures, shared_data, tone, write_recording
from tests.segments import make_segment

RATE_HZ, HOP_S = 16000, 0.02
SETTINGS = {
    "sample_rate_hz": RATE_HZ,
    "hop_s": HOP_S,
    "n_mfcc": 20,
    "n_chroma": 12,
    "f0_min_hz": 60.0,
    "f0_max_hz": 450.0,
}
COLUMNS = audio_columns(n_mfcc=20, n_chroma=12)


def segment(path, **fields):
    return make_segment(
        **{"id": Path(path).stem, "media": str(path), "has_audio": True, "has_video": True} | fields
    )


def extract(path, *, start_s=0.0, end_s=2.0, **settings):
    return extract_audio(segment(path, start_s=start_s, end_s=end_s), ClassicSettings(**SETTINGS | settings))


def column(sequence, name):
    return sequence.values[:, COLUMNS.index(name)].astype(np.float64)


@pytest.fixture
def recorded(tmp_path):
    """Write sound of shape (sample,) as a WAV file and give its path."""

    def write(wave, name="voice.wav"):
        return write_recording(tmp_path / name, sound=np.asarray(wave)[None], sound_rate_hz=RATE_HZ)

    return write


def voice(frequency_hz, duration_s, **settings):
    return tone(frequency_hz, duration_s, n_harmonics=15, **settings)[0]


@pytest.mark.parametrize(("n_mfcc", "n_chroma"), [(1, 1), (20, 12), (60, 36)])
def test_there_is_a_name_for_every_column(recorded, n_mfcc, n_chroma):
    sequence = extract(recorded(voice(150, 1.0)), end_s=1.0, n_mfcc=n_mfcc, n_chroma=n_chroma)

    columns = audio_columns(n_mfcc=n_mfcc, n_chroma=n_chroma)
    assert sequence.values.shape == (50, len(columns))
    assert len(set(columns)) == len(columns)


def test_times_are_the_middles_of_the_rows(recorded):
    np.testing.assert_allclose(extract(recorded(voice(150, 2.0))).times_s, np.arange(100) * HOP_S + 0.01)


@pytest.mark.parametrize("onset_s", [0.5, 0.731, 1.2])
def test_an_onset_appears_at_its_time(recorded, onset_s):
    wave = np.where(np.arange(2 * RATE_HZ) >= onset_s * RATE_HZ, voice(200, 2.0), 0.0)

    sequence = extract(recorded(wave))

    first_loud_s = sequence.times_s[np.argmax(column(sequence, "rms_db") > -30)]
    assert abs(first_loud_s - onset_s) <= HOP_S
    half_way = column(sequence, "mfcc_1")[[0, -1]].mean()
    assert abs(sequence.times_s[np.argmax(column(sequence, "mfcc_1") > half_way)] - onset_s) <= 0.03


@pytest.mark.parametrize("frequency_hz", [62.0, 97.0, 200.0, 333.0, 440.0])
def test_pitch_is_found_within_a_percent(recorded, frequency_hz):
    sequence = extract(recorded(voice(frequency_hz, 2.0)))

    middle = slice(5, -5)
    np.testing.assert_allclose(np.exp(column(sequence, "f0_log_hz")[middle]), frequency_hz, rtol=0.01)
    assert (column(sequence, "voicing")[middle] > 0.9).all()


def test_noise_is_unvoiced(recorded):
    noise = 0.1 * np.random.default_rng(1).standard_normal(2 * RATE_HZ)

    assert (column(extract(recorded(noise)), "voicing") < 0.5).mean() > 0.95


def test_pitch_is_drawn_straight_across_what_is_unvoiced(recorded):
    hiss = 0.05 * np.random.default_rng(2).standard_normal(round(0.6 * RATE_HZ))
    wave = np.concatenate([voice(100, 0.7), hiss, voice(200, 0.7)])

    pitch = column(extract(recorded(wave)), "f0_log_hz")

    between = pitch[38:62]  # 0.76 to 1.24 s, clear of both voices
    assert np.abs(np.diff(between, n=2)).max() < 0.02
    assert (np.diff(between) > 0).all()
    assert (math.log(100) - 0.02 < between).all()
    assert (between < math.log(200) + 0.02).all()


def test_without_any_voice_the_pitch_is_the_middle_of_the_range(recorded):
    wave = np.zeros(RATE_HZ)
    wave[::4000] = 0.01  # something was recorded

    pitch = column(extract(recorded(wave), end_s=1.0), "f0_log_hz")

    np.testing.assert_allclose(pitch, math.log(math.sqrt(60 * 450)), rtol=1e-6)


def test_level_is_that_of_the_sound_in_decibels(recorded):
    wave = tone(400, 2.0, amplitude=0.5)[0]

    np.testing.assert_allclose(
        column(extract(recorded(wave)), "rms_db"), 20 * math.log10(0.5 / math.sqrt(2)), atol=0.01
    )


def test_ten_times_the_level_changes_nothing_but_the_level(recorded):
    wave = voice(150, 2.0) + 0.01 * np.random.default_rng(6).standard_normal(2 * RATE_HZ)
    quiet, loud = extract(recorded(0.09 * wave, "a.wav")), extract(recorded(0.9 * wave, "b.wav"))

    np.testing.assert_allclose(column(loud, "rms_db") - column(quiet, "rms_db"), 20, atol=0.05)
    for name in ("f0_log_hz", "voicing", "spectral_centroid_hz", "mfcc_2", "mfcc_5", "chroma_3"):
        np.testing.assert_allclose(column(loud, name), column(quiet, name), rtol=0.02, atol=0.3)


def test_the_centroid_of_a_tone_is_its_frequency_and_its_flatness_nought(recorded):
    sequence = extract(recorded(tone(1000, 2.0)[0]))

    np.testing.assert_allclose(column(sequence, "spectral_centroid_hz")[5:-5], 1000, rtol=0.02)
    assert (column(sequence, "spectral_flatness")[5:-5] < 1e-3).all()


@pytest.mark.parametrize(
    ("frequency_hz", "name"), [(261.63, "chroma_1"), (440.0, "chroma_10"), (880.0, "chroma_10")]
)
def test_a_note_is_strongest_in_its_pitch_class(recorded, frequency_hz, name):
    sequence = extract(recorded(tone(frequency_hz, 2.0)[0]))

    chroma = sequence.values[5:-5, COLUMNS.index("chroma_1") :]
    assert (chroma.argmax(axis=1) == COLUMNS.index(name) - COLUMNS.index("chroma_1")).all()
    np.testing.assert_allclose(chroma.max(axis=1), 1, rtol=1e-6)


def test_cepstral_coefficients_follow_their_definition(recorded):
    path = recorded(voice(130, 1.0) + 0.01 * np.random.default_rng(4).standard_normal(RATE_HZ))
    sequence = extract(path, end_s=1.0)
    samples = read_audio(path, start_s=0.0, end_s=1.0, sample_rate_hz=RATE_HZ).samples.astype(np.float64)
    mel = librosa.filters.mel(sr=RATE_HZ, n_fft=640, n_mels=40)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)

    for row in (10, 25, 40):
        middle = row * 320 + 160
        power = np.abs(np.fft.rfft(samples[middle - 320 : middle + 320] * hann)) ** 2
        expected = dct(10 * np.log10(np.maximum(mel @ power, 1e-10)), norm="ortho")[:20]
        np.testing.assert_allclose(
            sequence.values[row, COLUMNS.index("mfcc_1") :][:20], expected, rtol=1e-4, atol=1e-2
        )


@pytest.mark.parametrize("start_s", [0.4, 1.7])
def test_a_segment_has_the_rows_of_the_whole_recording(recorded, start_s):
    wave = np.concatenate([voice(100, 1.3), np.zeros(4000), voice(180, 1.5)])
    path = recorded(wave)
    whole, first = extract(path, end_s=3.0), round(start_s / HOP_S)

    part = extract(path, start_s=start_s, end_s=start_s + 0.6)

    local = [i for i, name in enumerate(COLUMNS) if name != "f0_log_hz"]
    np.testing.assert_array_equal(part.times_s, whole.times_s[:30])
    np.testing.assert_allclose(part.values[:, local], whole.values[first : first + 30, local], atol=1e-4)
    voiced = column(part, "voicing") >= 0.5
    np.testing.assert_allclose(
        column(part, "f0_log_hz")[voiced], column(whole, "f0_log_hz")[first : first + 30][voiced], atol=1e-4
    )


@pytest.mark.parametrize("duration_s", [0.005, 0.02, 0.05])
def test_a_very_short_segment_has_at_least_a_row(recorded, duration_s):
    sequence = extract(recorded(voice(150, 1.0)), start_s=0.5, end_s=0.5 + duration_s)

    assert max(duration_s // HOP_S, 1) <= len(sequence.values) <= math.ceil(duration_s / HOP_S)
    assert sequence.valid.all()


def test_rows_behind_the_end_of_the_track_are_not_valid(recorded):
    sequence = extract(recorded(voice(150, 1.0)), end_s=2.0)

    np.testing.assert_array_equal(sequence.valid, np.repeat([True, False], 50))
    assert not sequence.values[50:].any()


def test_a_pause_within_speech_is_valid(recorded):
    sequence = extract(recorded(np.concatenate([voice(150, 1.0), np.zeros(RATE_HZ)])))

    assert sequence.valid.all()
    assert column(sequence, "rms_db")[-1] == -100


def test_a_muted_track_has_rows_and_none_is_valid(recorded):
    sequence = extract(recorded(np.zeros(2 * RATE_HZ)))

    assert (len(sequence.values), sequence.valid.any(), sequence.failure) == (100, False, None)


def test_a_muted_track_of_a_real_clip_has_no_valid_row():
    assert not extract(shared_data("zoo") / "silent_audio_track.mp4", end_s=5.0).valid.any()


def test_a_segment_without_sound_says_so():
    for fields in ({"media": None}, {"has_audio": False}):
        sequence = extract_audio(segment("a.mp4", **fields), ClassicSettings(**SETTINGS))

        assert sequence.values.shape == (0, len(COLUMNS))
        assert sequence.failure == "segment a: there is no sound track"


def test_a_file_that_cannot_be_decoded_is_reported_and_not_raised(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"\x01" * 5000)

    sequence = extract(tmp_path / "broken.mp4")

    assert sequence.values.shape == (0, len(COLUMNS))
    assert f"{tmp_path}/broken.mp4: " in sequence.failure


def test_a_file_without_the_promised_sound_is_reported(tmp_path):
    path = write_recording(tmp_path / "mute.mp4", pictures=numbered_pictures(np.arange(10) / 25))

    assert "mute.mp4: has no audio stream" in extract(path).failure


def test_a_segment_behind_the_end_of_the_track_is_reported(recorded):
    sequence = extract(recorded(voice(150, 1.0)), start_s=5.0, end_s=6.0)

    assert len(sequence.values) == 0
    assert "voice.wav: the sound track holds nothing from 5 to 6 s" in sequence.failure


def test_damaged_samples_never_become_a_valid_number_that_is_not_finite(tmp_path):
    wave = np.full((1, RATE_HZ), 0.1, np.float32)
    wave[0, 3000:3100], wave[0, 9000] = np.nan, np.inf
    path = write_recording(tmp_path / "float.wav", sound=wave, audio_codec="pcm_f32le")

    sequence = extract(path, end_s=1.0)  # the type itself refuses what is not finite

    assert sequence.valid.all()


def test_the_order_of_segments_changes_no_byte(recorded):
    one, other = recorded(voice(110, 1.0), "one.wav"), recorded(voice(220, 2.0), "other.wav")

    assert [extract(p).to_bytes() for p in (one, other)] == [extract(p).to_bytes() for p in (other, one)][
        ::-1
    ]


def test_a_fresh_process_with_other_threads_gives_the_same_bytes(recorded, tmp_path):
    path = recorded(voice(110, 2.0) + 0.01 * np.random.default_rng(5).standard_normal(2 * RATE_HZ))
    work = pickle.dumps((partial(extract_audio, settings=ClassicSettings(**SETTINGS)), segment(path)))
    script = (
        "import pickle, sys; f, s = pickle.load(sys.stdin.buffer); sys.stdout.buffer.write(f(s).to_bytes())"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        input=work,
        capture_output=True,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "7"},
    )

    assert done.stdout == extract(path).to_bytes()


def test_a_long_segment_is_described_in_blocks_that_nobody_can_tell(recorded, monkeypatch):
    wave = np.concatenate([voice(100, 1.3), np.zeros(4000), voice(180, 1.5)])
    path = recorded(wave)
    whole = extract(path, end_s=3.0)

    monkeypatch.setattr("pipeline.extract.audio.classic._BLOCK_S", 0.5)
    in_blocks = extract(path, end_s=3.0)

    np.testing.assert_array_equal(in_blocks.values, whole.values)
    np.testing.assert_array_equal(in_blocks.valid, whole.valid)


def test_channels_that_cancel_are_heard_and_it_is_noted(tmp_path):
    wave = voice(150, 2.0)
    path = write_recording(tmp_path / "wired.wav", sound=np.stack([wave, -wave]))

    sequence = extract(path)

    assert sequence.valid.all()
    assert (column(sequence, "voicing")[5:-5] > 0.9).all()
    assert sequence.notes == ("the channels of the sound cancel each other; channel 1 was taken alone",)
