"""A file becomes the segment that the manifest would make of it, or a sentence."""

from pathlib import PurePosixPath

import pytest

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.inspection import inspect_media
from pipeline.corpus.manifest import build_manifest
from pipeline.errors import PipelineError
from pipeline.prediction.recording import Recording, as_segment


def refused(**recording) -> str:
    with pytest.raises(PipelineError) as raised:
        as_segment(Recording(**recording), language="en")
    return str(raised.value)


def test_it_is_the_segment_of_the_manifest(clip):
    rows = [
        Candidate("t", id_, 0.0, clip.name, "Said.", None, None, clip.name, None, 0.5, 1.5, ())
        for id_ in "abc"
    ]
    segments, _ = build_manifest(
        rows,
        dict(zip("abc", ("train", "valid", "test"), strict=True)),
        folder=PurePosixPath(clip.parent.as_posix()),
        inspected={clip.name: inspect_media(clip.name, folder=clip.parent)},
        language="en",
        max_rejected_share=0.0,
    )
    segment = as_segment(Recording(media=clip, transcript=" Said.\n", start_s=0.5, end_s=1.5), language="en")
    for name in ("media", "media_sha256", "has_audio", "has_video", "start_s", "end_s", "text", "language"):
        assert getattr(segment, name) == getattr(segments[-1], name), name


def test_a_missing_file(tmp_path):
    assert refused(media=tmp_path / "no.mp4").endswith(
        "no.mp4: not found; expected a video or sound file, check its name"
    )


def test_a_folder(tmp_path):
    assert "a folder" in refused(media=tmp_path)


def test_a_file_that_is_no_recording(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("no media")
    assert "text.mp4: no sound or video could be found" in refused(media=path)


@pytest.mark.parametrize(("start_s", "end_s"), [(100.0, None), (0.0, 500.0), (1.0, 0.5), (-1.0, 1.0)])
def test_a_span_that_is_not_there(clip, start_s, end_s):
    assert "the span" in refused(media=clip, start_s=start_s, end_s=end_s)


def test_words_without_a_recording():
    segment = as_segment(Recording(media=None, transcript="Fine."), language="de")
    assert (segment.media, segment.text, segment.language) == (None, "Fine.", "de")


def test_no_words_are_no_transcript(clip):
    assert as_segment(Recording(media=clip, transcript=" \n"), language="en").text is None
