"""A link leads to its file, whatever the file is called."""

import dataclasses
from urllib.parse import unquote, urlsplit

import pytest

from pipeline.inspector.clips import Clip, clip_of
from tests.segments import make_segment

SEGMENT = make_segment(
    media="data/raw/x/clips/a.mp4", has_audio=True, has_video=True, start_s=12.0, end_s=14.25
)


def test_a_segment_of_a_long_recording_has_its_span():
    assert clip_of(SEGMENT, root="..") == Clip("video", "../data/raw/x/clips/a.mp4#t=12,14.25")


@pytest.mark.parametrize(
    "name",
    [
        "Größe 1.mp4",
        "a#b.mp4",
        "what?.mp4",
        "100%.mp4",
        "a&b;c.mp4",
        "\"q'.mp4",
        "a\\b.mp4",
        "<i>.mp4",
        "%41.mp4",
    ],
)
def test_a_name_with_signs_of_an_address_comes_back_whole(name):
    clip = clip_of(dataclasses.replace(SEGMENT, media=f"data/raw/x/{name}"), root="..")
    address = urlsplit(clip.source)
    assert unquote(address.path) == f"../data/raw/x/{name}"
    assert (address.query, address.fragment) == ("", "t=12,14.25")


def test_very_short_times_are_not_written_in_powers_of_ten():
    clip = clip_of(dataclasses.replace(SEGMENT, start_s=0.0, end_s=0.00004), root="..")
    assert clip.source.endswith("#t=0,0")


def test_sound_alone_is_sound():
    assert clip_of(dataclasses.replace(SEGMENT, has_video=False), root="..").element == "audio"


def test_no_recording_no_clip():
    assert clip_of(dataclasses.replace(SEGMENT, media=None), root="..") is None
    assert clip_of(dataclasses.replace(SEGMENT, has_video=False, has_audio=False), root="..") is None
