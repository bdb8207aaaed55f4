"""The sheet shows the pictures that the extractor looked at, and what it made of them."""

import re

import cv2
import numpy as np
import pytest

from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.errors import PipelineError
from pipeline.extract.visual.mesh import FaceSettings, MeshSettings, extract_visual, visual_columns
from pipeline.media.video import read_frames
from pipeline.prediction.contact_sheet import as_html, as_png, heading
from pipeline.prediction.preview import TILE_WIDTH, preview
from pipeline.prediction.recording import Recording, as_segment
from tests.media.recordings import numbered_pictures, write_recording
from tests.prediction.models import LOOKING, VISUAL


def sheet_of(observed, n_tiles=4, spoken=None):
    return preview(
        observed.segment, spoken or observed.spoken, faces=FaceSettings(**LOOKING), n_tiles=n_tiles
    )


@pytest.fixture(scope="module")
def sheet(observed):
    return sheet_of(observed)


def test_tiles_are_pictures_of_the_extractor_with_its_numbers(sheet, observed):
    visual = observed.sequences["visual"]
    assert (sheet.n_frames, sheet.n_faces) == (len(visual.valid), visual.valid.sum())
    assert len(sheet.tiles) == 4
    for tile in sheet.tiles:
        (position,) = np.flatnonzero(visual.times_s == tile.time_s)
        assert tile.valid == visual.valid[position]
        row = dict(zip(visual_columns(landmarks=False), visual.values[position].tolist(), strict=True))
        assert tile.pose == (row["yaw_deg"], row["pitch_deg"], row["roll_deg"])
        assert tile.face_size == row["face_size"]


def test_tiles_lie_evenly_over_the_segment(sheet, observed):
    wanted_s = (np.arange(4) + 0.5) / 4 * observed.segment.duration_s
    found_s = np.array([tile.time_s for tile in sheet.tiles])
    assert (found_s <= wanted_s + 1e-9).all()
    assert (wanted_s - found_s <= 1 / VISUAL["frame_rate_hz"] + 1e-9).all()


def test_the_word_is_the_one_that_is_spoken_at_that_time(sheet, observed):
    for tile in sheet.tiles:
        spoken = [w.text for w in observed.spoken.words if w.start_s <= tile.time_s < w.end_s]
        assert tile.word == (spoken[0] if spoken else "")
    assert any(tile.word for tile in sheet.tiles)


def test_the_face_is_drawn_upon_and_the_rest_is_not(sheet, observed, clip):
    tile = sheet.tiles[0]
    assert not tile.zoomed
    plain = next(
        frame.image
        for frame in read_frames(clip, start_s=0.0, end_s=9.0, frame_rate_hz=10.0)
        if frame.time_s == tile.time_s
    )
    height, width = tile.image.shape[:2]
    scaled = cv2.resize(
        plain, (width, height), interpolation=cv2.INTER_AREA if width < plain.shape[1] else cv2.INTER_CUBIC
    )
    differs = (tile.image != scaled).any(axis=2)
    assert width == TILE_WIDTH or height == 480
    assert 0.002 < differs.mean() < 0.6
    assert not differs[0].any()


def test_more_tiles_than_pictures_are_as_many_as_there_are_pictures(observed, clip):
    segment = as_segment(Recording(media=clip, start_s=0.0, end_s=0.35), language="en")
    few = preview(segment, observed.spoken, faces=FaceSettings(**LOOKING), n_tiles=50)
    assert len(few.tiles) == few.n_frames == len(extract_visual(segment, MeshSettings(**VISUAL)).valid)


def test_a_picture_without_a_face_is_shown_as_not_valid(tmp_path, observed):
    path = write_recording(tmp_path / "grey.mkv", pictures=numbered_pictures(np.arange(8) / 10))
    segment = as_segment(Recording(media=path), language="en")
    sheet = preview(segment, SegmentWords("a", "none", ()), faces=FaceSettings(**LOOKING), n_tiles=2)
    assert [(tile.valid, tile.pose) for tile in sheet.tiles] == [(False, None)] * 2
    assert "not valid: no face found" in as_html(sheet)
    assert heading(sheet).endswith("a face in 0 of 8 pictures; no words")


def test_a_small_face_is_enlarged(tmp_path, material, observed):
    _, image = material[0][5]
    small = cv2.resize(image, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    scene = np.full((480, 640, 3), 120, np.uint8)
    scene[100 : 100 + small.shape[0], 300 : 300 + small.shape[1]] = small
    path = write_recording(
        tmp_path / "far.mkv",
        pictures=[(i / 10, scene) for i in range(4)],
        video_options={"qmin": "2", "qmax": "2"},
    )
    segment = as_segment(Recording(media=path), language="en")
    (tile,) = preview(segment, SegmentWords("a", "none", ()), faces=FaceSettings(**LOOKING), n_tiles=1).tiles
    assert tile.valid
    assert tile.zoomed
    assert ", enlarged" in as_html(sheet_of_one(segment, tile))


def sheet_of_one(segment, tile):
    from pipeline.prediction.preview import Sheet

    return Sheet(segment, SegmentWords("a", "none", ()), [tile], 1, 1)


def test_the_page_holds_its_pictures(sheet):
    page = as_html(sheet)
    assert len(re.findall(r'src="data:image/jpeg;base64,', page)) == 4
    assert not re.search(r"https?:", page)
    assert all(f"{tile.time_s:.2f} s" in page for tile in sheet.tiles)


def test_the_png_is_a_picture_and_the_same_every_time(sheet):
    content = as_png(sheet)
    assert content == as_png(sheet)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1] == 3 * (TILE_WIDTH + 12) + 12


def test_letters_that_the_font_has_not_are_a_sentence(observed):
    words = SegmentWords("a", "proportional", (Word("好", 0.0, 9.0),))
    sheet = sheet_of(observed, n_tiles=1, spoken=words)
    with pytest.raises(PipelineError, match="has no '好', which is in the words"):
        as_png(sheet)
    assert "好" in as_html(sheet)


def test_a_recording_without_pictures_is_a_sentence(tmp_path):
    path = write_recording(tmp_path / "sound.wav", sound=np.full((1, 16000), 0.1))
    segment = as_segment(Recording(media=path), language="en")
    with pytest.raises(PipelineError, match="has no video, so there is nothing to draw"):
        preview(segment, SegmentWords("a", "none", ()), faces=FaceSettings(**LOOKING), n_tiles=2)
