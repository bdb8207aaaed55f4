from importlib.util import find_spec

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.extract.audio import egemaps
from pipeline.extract.audio.egemaps import egemaps_columns, extract_egemaps
from tests.extract.audio.test_speech import segment
from tests.media.recordings import tone, write_recording

needs_opensmile = pytest.mark.skipif(find_spec("opensmile") is None, reason="opensmile is not installed")


def test_without_the_package_its_licence_is_named(monkeypatch):
    monkeypatch.setattr(egemaps, "find_spec", lambda name: None)
    egemaps._smile.cache_clear()
    with pytest.raises(
        PipelineError,
        match=r"audio\.encoder: egemaps needs .* opensmile.*audEERING Research License.*pip install",
    ):
        egemaps_columns()


@needs_opensmile
def test_spectrum_and_pitch_of_a_tone_stand_where_it_is(tmp_path):
    sound = np.random.default_rng(0).normal(scale=1e-4, size=(1, 32000))
    sound[:, 8000:24000] += 0.2 * tone(150, 1, n_harmonics=19)
    found = extract_egemaps(segment(write_recording(tmp_path / "tone.wav", sound=sound), 0.2, 1.9))
    assert found.values.shape == (170, len(egemaps_columns()) == 25 and 25)
    assert found.times_s[:2] == pytest.approx([0.005, 0.015])
    for name in ("Loudness_sma3", "F0semitoneFrom27.5Hz_sma3nz"):
        column = found.values[:, egemaps_columns().index(name)]
        times_s = found.times_s[column > np.median(column[80:90]) / 2] + 0.2
        assert (times_s.min() + times_s.max()) / 2 == pytest.approx(1.0, abs=0.008), name
    assert found.valid.all()


@needs_opensmile
def test_a_moment_is_described_the_same_in_every_segment(tmp_path):
    sound = np.random.default_rng(1).normal(scale=0.05, size=(1, 32000))
    path = write_recording(tmp_path / "noise.wav", sound=sound)
    loudness = egemaps_columns().index("Loudness_sma3")
    whole, part = (extract_egemaps(segment(path, start_s, 2.0)).values[:, loudness] for start_s in (0.0, 0.5))
    assert part[:-3] == pytest.approx(whole[50:-3], rel=1e-4)


@needs_opensmile
def test_muted_and_missing_sound_are_not_valid(tmp_path):
    muted = extract_egemaps(
        segment(write_recording(tmp_path / "muted.wav", sound=np.zeros((1, 16000))), 0.0, 1.0)
    )
    assert (len(muted.values), muted.valid.any()) == (100, False)
    assert (
        "there is no sound track" in extract_egemaps(segment(tmp_path / "muted.wav", has_audio=False)).failure
    )
