import tracemalloc
import wave

import numpy as np
import pytest

from pipeline.media.audio import read_audio
from pipeline.media.container import MediaError
from pipeline.media.probe import probe
from tests.media.recordings import numbered_pictures, shared_data, tone, write_many_channels, write_recording

RATE_HZ = 16000


def read(path, *, start_s=0.0, end_s=3.0, sample_rate_hz=RATE_HZ):
    return read_audio(path, start_s=start_s, end_s=end_s, sample_rate_hz=sample_rate_hz)


def clicks(times_s, duration_s, rate_hz):
    """Bells of 1 ms: short enough to locate, smooth enough for any codec and rate."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return 0.8 * sum(np.exp(-(((time_s - at_s) / 0.001) ** 2)) for at_s in times_s)[None]


def peak_s(samples, rate_hz=RATE_HZ):
    """Centre of the sound's energy in seconds."""
    energy = np.square(samples, dtype=np.float64)
    return float((energy * np.arange(len(samples))).sum() / energy.sum() / rate_hz)


@pytest.mark.parametrize("source_rate_hz", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("rate_hz", [16000, 22050])
def test_a_click_stays_where_it_is_at_any_rate(tmp_path, source_rate_hz, rate_hz):
    path = write_recording(
        tmp_path / "click.wav", sound=clicks([0.5], 1.0, source_rate_hz), sound_rate_hz=source_rate_hz
    )

    sound = read(path, end_s=1.0, sample_rate_hz=rate_hz)

    assert peak_s(sound.samples, rate_hz) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mkv", "aac"), ("a.mp3", "libmp3lame"), ("a.webm", "libopus"), ("a.flac", "flac")],
)
def test_a_codec_does_not_shift_a_click(tmp_path, name, codec):
    path = write_recording(
        tmp_path / name, sound=clicks([0.5], 1.0, 48000), sound_rate_hz=48000, audio_codec=codec
    )

    assert peak_s(read(path, end_s=1.0).samples) == pytest.approx(0.5, abs=2e-3)


def test_sound_and_pictures_share_a_clock(tmp_path):
    path = write_recording(
        tmp_path / "late.mkv",
        pictures=numbered_pictures(np.arange(50) / 25),
        sound=clicks([0.5], 1.0, RATE_HZ),
        sound_start_s=0.7,
    )

    sound = read(path, end_s=2.0)

    assert peak_s(sound.samples) == pytest.approx(1.2, abs=1e-3)
    assert np.flatnonzero(sound.recorded)[0] / RATE_HZ == pytest.approx(0.7, abs=2e-3)


def test_what_lies_outside_of_the_recording_is_not_recorded(tmp_path):
    path = write_recording(tmp_path / "short.wav", sound=tone(200, 1.0))

    sound = read(path, start_s=-0.25, end_s=1.5)

    expected = np.repeat([False, True, False], [4000, 16000, 8000])
    np.testing.assert_array_equal(sound.recorded, expected)
    assert not sound.samples[~expected].any()


def test_a_span_behind_the_end_is_all_unrecorded(tmp_path):
    sound = read(write_recording(tmp_path / "short.wav", sound=tone(200, 1.0)), start_s=5.0, end_s=6.0)

    assert (len(sound.samples), sound.recorded.any(), sound.samples.any()) == (RATE_HZ, False, False)


def test_a_gap_in_the_track_is_not_silence(tmp_path):
    path = write_recording(
        tmp_path / "gap.mkv", sound=clicks([0.4, 1.6], 2.0, RATE_HZ), sound_gap_s=(0.8, 1.2)
    )

    sound = read(path, end_s=2.0)

    unrecorded_s = np.flatnonzero(~sound.recorded) / RATE_HZ
    assert (unrecorded_s[0], unrecorded_s[-1]) == (pytest.approx(0.8, abs=0.07), pytest.approx(1.2, abs=0.07))
    assert len(unrecorded_s) == pytest.approx((unrecorded_s[-1] - unrecorded_s[0]) * RATE_HZ, abs=2)
    assert peak_s(sound.samples[RATE_HZ:]) + 1 == pytest.approx(1.6, abs=1e-3)


def test_times_rounded_by_the_container_make_no_gaps(tmp_path):
    # Matroska stores milliseconds; 1,152 samples at 44,100 Hz last 26.12 of them.
    path = write_recording(
        tmp_path / "rounded.mkv",
        sound=tone(200, 2.0, rate_hz=44100),
        sound_rate_hz=44100,
        audio_codec="libmp3lame",
    )

    recorded = read(path, end_s=1.9).recorded

    assert recorded[np.flatnonzero(recorded)[0] :].all()


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 0.3), (0.12345, 1.0), (1.5, 2.75), (2.6, 3.4)])
@pytest.mark.parametrize("source_rate_hz", [16000, 44100, 48000])
def test_a_moment_has_the_same_samples_in_every_span(tmp_path, source_rate_hz, start_s, end_s):
    noise = 0.3 * np.random.default_rng(0).standard_normal((1, 3 * source_rate_hz)).clip(-3, 3)
    path = write_recording(tmp_path / "noise.wav", sound=noise, sound_rate_hz=source_rate_hz)
    whole, first = read(path, end_s=4.0), round(start_s * RATE_HZ)

    span = read(path, start_s=start_s, end_s=end_s)

    assert len(span.samples) == round((end_s - start_s) * RATE_HZ)
    np.testing.assert_array_equal(span.samples, whole.samples[first : first + len(span.samples)])
    np.testing.assert_array_equal(span.recorded, whole.recorded[first : first + len(span.samples)])


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("talk.mkv", "aac", 48000),
        ("talk.mkv", "aac", 44100),
        ("talk.webm", "libopus", 48000),
        ("talk.flv", "mp3", 44100),
        ("talk.mka", "flac", 44100),
        ("talk.asf", "mp3", 44100),
    ],
)
@pytest.mark.parametrize("start_s", [1.5, 2.345, 3.7])
def test_a_container_that_counts_milliseconds_shifts_no_span(tmp_path, name, codec, rate_hz, start_s):
    sound = tone(440, 6.0, rate_hz=rate_hz, n_harmonics=4)
    path = write_recording(tmp_path / name, sound=sound, sound_rate_hz=rate_hz, audio_codec=codec)
    whole, first = read(path, end_s=6.0), round(start_s * RATE_HZ)
    span = read(path, start_s=start_s, end_s=start_s + 1.0)
    np.testing.assert_allclose(span.samples, whole.samples[first : first + len(span.samples)], atol=1e-3)


def test_a_late_span_of_compressed_sound_is_that_of_the_whole(tmp_path):
    path = write_recording(
        tmp_path / "talk.mp4",
        sound=tone(150, 6.0, n_harmonics=20) * np.linspace(0.2, 1, 6 * RATE_HZ),
        audio_codec="aac",
    )
    whole = read(path, end_s=10.0)

    span = read(path, start_s=4.3, end_s=5.1)

    np.testing.assert_allclose(span.samples, whole.samples[68800 : 68800 + len(span.samples)], atol=1e-3)


def test_mono_is_the_mean_of_the_channels(tmp_path):
    left, right = np.full(RATE_HZ, 0.5), np.full(RATE_HZ, -0.1)
    path = write_recording(tmp_path / "stereo.wav", sound=np.stack([left, right]))

    np.testing.assert_allclose(read(path, start_s=0.2, end_s=0.8).samples, 0.2, atol=1e-4)


def test_a_stereo_recording_is_the_bits_of_its_mean(tmp_path):
    rng = np.random.default_rng(4)
    stereo = (0.3 * rng.standard_normal((2, RATE_HZ))).clip(-1, 1)
    path = write_recording(tmp_path / "stereo.wav", sound=stereo, audio_codec="pcm_f32le")

    sound = read(path, start_s=0.0, end_s=1.0)

    mean = stereo.astype(np.float32).mean(axis=0, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(sound.samples[100:-100], mean[100:-100])
    assert sound.notes == ()


def level_db(samples):
    return 20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("gain", [-1.0, -0.95, -0.7])
@pytest.mark.parametrize(("name", "codec"), [("wired.wav", "pcm_s16le"), ("wired.mp4", "aac")])
def test_channels_of_opposite_phase_do_not_cancel(tmp_path, name, codec, gain):
    voice = tone(150, 2.0, n_harmonics=10, amplitude=0.4)[0]
    path = write_recording(
        tmp_path / name, sound=np.stack([voice, gain * voice]), audio_codec=codec, layout="stereo"
    )

    sound = read(path, start_s=0.5, end_s=1.5)

    assert level_db(sound.samples) == pytest.approx(level_db(voice), abs=0.5)
    assert sound.notes == ("the channels of the sound cancel each other; channel 1 was taken alone",)


def test_the_louder_of_two_cancelling_channels_is_taken(tmp_path):
    voice = tone(150, 1.0, n_harmonics=10, amplitude=0.4)[0]
    path = write_recording(tmp_path / "wired.wav", sound=np.stack([-0.8 * voice, voice]))

    sound = read(path, start_s=0.2, end_s=0.8)

    np.testing.assert_allclose(sound.samples, voice[3200:12800], atol=1e-3)
    assert "channel 2" in sound.notes[0]


def test_a_moment_of_opposite_phase_does_not_change_a_recording_that_is_in_phase(tmp_path):
    voice = tone(150, 3.0, n_harmonics=10, amplitude=0.4)[0]
    sign = np.where(np.arange(len(voice)) // (RATE_HZ // 2) == 2, -1, 1)
    path = write_recording(tmp_path / "effect.wav", sound=np.stack([voice, sign * voice]))

    whole, part = read(path), read(path, start_s=1.1, end_s=1.4)

    np.testing.assert_array_equal(part.samples, whole.samples[17600:22400])
    assert part.notes == ()


@pytest.mark.parametrize("name", ["effect.wav", "effect.mp4"])
@pytest.mark.parametrize("opposite", [range(1), range(4), range(9), range(10)])
def test_a_moment_has_one_sound_in_whatever_span_it_is_read(tmp_path, name, opposite):
    voice = tone(150, 10.0, n_harmonics=10, amplitude=0.4)[0]
    second = np.arange(len(voice)) // RATE_HZ
    sign = np.where(np.isin(second, opposite), -1, 1)
    codec = "aac" if name.endswith("mp4") else "pcm_s16le"
    path = write_recording(
        tmp_path / name, sound=np.stack([voice, sign * voice]), audio_codec=codec, layout="stereo"
    )

    whole = read(path, end_s=10.0)

    for start_s in np.arange(0.2, 9.4, 0.7):
        part = read(path, start_s=start_s, end_s=start_s + 0.6)
        at = round(start_s * RATE_HZ)
        np.testing.assert_allclose(part.samples, whole.samples[at : at + len(part.samples)], atol=1e-3)
        assert part.notes == whole.notes
    assert bool(whole.notes) == (len(opposite) > 8)


@pytest.mark.parametrize(
    "channels",
    [
        lambda voice, rest: [voice, rest],
        lambda voice, rest: [voice, 0 * voice],
        lambda voice, rest: [voice, voice + rest],
        lambda voice, rest: [voice + rest, voice - rest],
    ],
    ids=["two voices", "one side", "noise on one side", "wide"],
)
def test_ordinary_stereo_is_mixed(tmp_path, channels):
    voice = tone(150, 1.0, n_harmonics=10, amplitude=0.3)[0]
    rest = 0.1 * np.random.default_rng(2).standard_normal(RATE_HZ)
    stereo = np.stack(channels(voice, rest))
    path = write_recording(tmp_path / "stereo.wav", sound=stereo)

    sound = read(path, start_s=0.2, end_s=0.8)

    np.testing.assert_allclose(sound.samples, stereo.mean(axis=0)[3200:12800], atol=1e-3)
    assert sound.notes == ()


# FFmpeg's matrix: 1 for the centre, 1/sqrt(2) for the sides, 1/2 for what is behind, nothing for bass; scaled to 1 in sum.
CENTRE, SIDE, BEHIND = 1.0, 2**-0.5, 0.5


@pytest.mark.parametrize(
    ("layout", "weights"),
    [
        ("3.0", [SIDE, SIDE, CENTRE]),
        ("quad", [SIDE, SIDE, BEHIND, BEHIND]),
        ("5.0", [SIDE, SIDE, CENTRE, BEHIND, BEHIND]),
        ("5.1", [SIDE, SIDE, CENTRE, 0, BEHIND, BEHIND]),
        ("7.1", [SIDE, SIDE, CENTRE, 0, BEHIND, BEHIND, BEHIND, BEHIND]),
    ],
)
def test_more_than_two_channels_have_the_weights_of_ffmpeg(tmp_path, layout, weights):
    heard = []
    for channel in range(len(weights)):
        sound = np.zeros((len(weights), RATE_HZ // 2))
        sound[channel] = tone(200, 0.5)[0]
        sound[0] += 0.5 * tone(700, 0.5)[0]  # so that no channel is alone
        path = write_recording(tmp_path / f"{channel}.wav", sound=sound, layout=layout)
        spectrum = np.abs(np.fft.rfft(read(path, start_s=0.1, end_s=0.3).samples))
        heard.append(spectrum[40] / 800)  # 200 Hz

    np.testing.assert_allclose(heard, np.array(weights) / sum(weights), atol=2e-3)


@pytest.mark.parametrize(
    ("name", "codec", "layout"),
    [
        ("surround.wav", "pcm_s16le", "5.1"),
        ("surround.mp4", "aac", "5.1"),
        ("surround.mkv", "ac3", "5.1(side)"),
        ("surround.flac", "flac", "7.1"),
        ("surround.mp4", "aac", "7.1"),
    ],
)
def test_speech_in_the_centre_is_as_loud_as_ffmpeg_makes_it(tmp_path, name, codec, layout):
    n_channels = {"5.1": 6, "5.1(side)": 6, "7.1": 8}[layout]
    sound = np.zeros((n_channels, 2 * 48000))
    sound[2] = tone(200, 2.0, rate_hz=48000)[0]
    path = write_recording(
        tmp_path / name, sound=sound, sound_rate_hz=48000, audio_codec=codec, layout=layout
    )

    heard = read(path, start_s=0.5, end_s=1.5)

    total = CENTRE + 2 * SIDE + (n_channels - 4) * BEHIND
    assert level_db(heard.samples) - level_db(sound[2]) == pytest.approx(20 * np.log10(1 / total), abs=0.3)
    assert heard.notes == ()


def test_six_channels_without_places_are_taken_for_surround(tmp_path):
    sound = np.zeros((RATE_HZ, 6), "<i2")
    sound[:, 2] = 16000 * tone(200, 1.0, amplitude=1.0)[0]
    with wave.open(str(tmp_path / "unplaced.wav"), "wb") as file:
        file.setnchannels(6)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(sound.tobytes())

    heard = read(tmp_path / "unplaced.wav", start_s=0.2, end_s=0.8)

    assert np.abs(heard.samples).max() == pytest.approx(16000 / 32768 * 0.2929, rel=0.01)


def test_sound_in_the_bass_channel_alone_is_heard(tmp_path):
    sound = np.zeros((6, RATE_HZ))
    sound[3] = tone(100, 1.0)[0]
    path = write_recording(tmp_path / "bass.wav", sound=sound)

    heard = read(path, start_s=0.2, end_s=0.8)

    assert np.abs(heard.samples).max() == pytest.approx(0.5, abs=0.01)
    assert "channel 4 was taken" in heard.notes[0]


@pytest.mark.parametrize("default_sound", [0, 1])
def test_of_several_tracks_the_default_is_taken_and_it_is_said(tmp_path, default_sound):
    path = write_recording(
        tmp_path / "tracks.mkv",
        sound=tone(200, 1.0),
        other_sounds=[tone(300, 1.0)],
        default_sound=default_sound,
    )

    sound = read(path, end_s=1.0)

    loudest_hz = np.abs(np.fft.rfft(sound.samples)).argmax()
    assert loudest_hz == (200, 300)[default_sound]
    assert sound.notes == ("there are 2 sound tracks; the default one was taken",)


def test_of_several_tracks_a_mute_one_is_passed_over(tmp_path):
    path = write_recording(
        tmp_path / "tracks.mkv",
        sound=np.zeros((1, RATE_HZ)),
        other_sounds=[np.zeros((1, RATE_HZ)), tone(300, 1.0)],
        default_sound=0,
    )

    sound = read(path, end_s=1.0)

    assert np.abs(np.fft.rfft(sound.samples)).argmax() == 300
    assert sound.notes == ("there are 3 sound tracks; the first with sound was taken",)


def test_of_several_tracks_an_empty_one_is_passed_over(tmp_path):
    nothing, sound = np.zeros((1, 0)), tone(300, 2.0)
    path = write_recording(
        tmp_path / "empty.mkv",
        sound=nothing,
        other_sounds=[sound],
        default_sound=0,
        pictures=numbered_pictures([0.0, 1.0]),
    )
    assert probe(path).has_audio
    found = read(path, end_s=2.0)
    np.testing.assert_allclose(found.samples, sound[0], atol=1e-3)
    assert found.notes == ("there are 2 sound tracks; the first with sound was taken",)


def test_tracks_that_are_all_mute_are_mute(tmp_path):
    mute = np.zeros((1, RATE_HZ))
    path = write_recording(tmp_path / "tracks.mkv", sound=mute, other_sounds=[mute])

    assert not read(path, end_s=1.0).samples.any()


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_samples_are_in_the_unit_range_whatever_the_format(tmp_path, codec):
    wave = tone(200, 1.0)
    path = write_recording(tmp_path / "voice.wav", sound=wave, audio_codec=codec)

    tolerance = 1 / 127 if codec == "pcm_u8" else 1e-4
    np.testing.assert_allclose(read(path, end_s=1.0).samples, wave[0], atol=tolerance)


def test_six_channels_become_one():
    sound = read(shared_data("zoo") / "six_channel_audio.mp4", end_s=5.0)

    assert sound.recorded.all()
    assert np.abs(sound.samples).max() > 0.01


def test_a_track_that_starts_late_is_unrecorded_before():
    sound = read(shared_data("zoo") / "face_leaves_audio_shorter.mov", end_s=6.0)

    assert np.flatnonzero(sound.recorded)[0] / RATE_HZ == pytest.approx(2.430, abs=1e-3)


def test_a_change_of_rate_is_refused(tmp_path):
    parts = [
        write_recording(
            tmp_path / f"{rate_hz}.mp3",
            sound=tone(200, 1.0, rate_hz=rate_hz),
            sound_rate_hz=rate_hz,
            audio_codec="libmp3lame",
        )
        for rate_hz in (44100, 22050)
    ]
    path = tmp_path / "joined.mp3"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))

    with pytest.raises(
        MediaError, match=r"joined\.mp3: the sample rate changes from (44100|22050) to (44100|22050) Hz"
    ):
        read(path, end_s=2.0)


def test_a_change_of_rate_behind_a_span_does_not_count_against_it(tmp_path):
    parts = [
        write_recording(
            tmp_path / f"{rate_hz}.aac",
            sound=np.repeat(tone(200, 3.0, rate_hz=rate_hz), 2, axis=0),
            sound_rate_hz=rate_hz,
            audio_codec="aac",
        )
        for rate_hz in (44100, 22050)
    ]
    path = tmp_path / "joined.aac"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))

    assert read(path, end_s=1.0).recorded.all()
    with pytest.raises(MediaError, match="the sample rate changes"):
        read(path, end_s=6.0)


def test_pictures_have_no_sound(tmp_path):
    path = write_recording(tmp_path / "silent.mp4", pictures=numbered_pictures(np.arange(10) / 25))

    with pytest.raises(MediaError, match=r"silent\.mp4: has no audio stream"):
        read(path)


def test_a_long_gap_and_a_late_end_stay_unrecorded(tmp_path):
    path = write_recording(
        tmp_path / "gap.mkv", sound=tone(300.0, 40.0), sound_rate_hz=RATE_HZ, sound_gap_s=(5.0, 25.0)
    )

    sound = read(path, end_s=60.0)

    recorded_s = np.flatnonzero(np.diff(sound.recorded.astype(int))) / RATE_HZ
    np.testing.assert_allclose(recorded_s, [5.0, 25.0, 40.0], atol=0.1)
    assert not sound.samples[~sound.recorded].any()


def test_of_the_source_only_a_few_seconds_are_held(tmp_path):
    path = write_recording(tmp_path / "long.wav", sound=tone(300.0, 60.0, rate_hz=48000), sound_rate_hz=48000)
    read(path)

    tracemalloc.start()
    sound = read(path, end_s=60.0)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < sound.samples.nbytes + sound.recorded.nbytes + 3e6


def test_more_channels_than_pyav_can_count_are_refused(tmp_path):
    path = write_many_channels(tmp_path / "many.mkv", n_channels=16)
    with pytest.raises(MediaError, match=r"many.mkv: its sound has 16 channels; expected at most 8"):
        read_audio(path, start_s=0.0, end_s=1.0, sample_rate_hz=16000)


def test_samples_that_numpy_does_not_have_are_refused(tmp_path):
    path = write_many_channels(tmp_path / "wide.wav", n_channels=1, codec="pcm_s64le")
    with pytest.raises(MediaError, match=r"wide.wav: its sound has samples in s64, which cannot be read"):
        read_audio(path, start_s=0.0, end_s=1.0, sample_rate_hz=16000)
