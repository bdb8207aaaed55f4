"""A reason in the cache names nobody, and a reason in a packed file names the segment that it is about."""

import shutil
from dataclasses import replace
from pathlib import Path

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.formats.files import sha256_of
from pipeline.extract.cached.audio import audio_extractor
from tests.segments import make_segment

SETTINGS = {
    "encoder": "classic",
    "sample_rate_hz": 16000,
    "hop_s": 0.02,
    "n_mfcc": 13,
    "n_chroma": 12,
    "f0_min_hz": 60.0,
    "f0_max_hz": 450.0,
}


def broken(path: Path) -> Segment:
    return make_segment(
        id=path.stem, media=str(path), media_sha256=sha256_of(path), has_audio=True, end_s=1.0
    )


def test_a_renamed_file_meets_its_entry_and_is_named_as_it_is_now(tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    before = tmp_path / "before.mp4"
    before.write_bytes(b"damaged after it was listed")
    extractor = audio_extractor(SETTINGS)
    (first,) = extractor.map([broken(before)])
    after = tmp_path / "after.mp4"
    shutil.move(before, after)
    renamed = broken(after)

    (second,) = extractor.map([renamed])

    assert len(list(extractor.cache.entries())) == 1
    assert first.failure.startswith(f"{before}: no sound or video could be found")
    assert second.failure == first.failure.replace(str(before), str(after))


def test_a_segment_without_sound_is_named_as_it_is_now(tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mute.mp4").write_bytes(b"mute")
    extractor = audio_extractor(SETTINGS)
    mute = replace(broken(tmp_path / "mute.mp4"), has_audio=False)

    failures = [
        sequence.failure for one in (mute, replace(mute, id="other")) for sequence in extractor.map([one])
    ]

    assert failures == ["segment mute: there is no sound track", "segment other: there is no sound track"]
