from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.media.audio import read_audio
from pipeline.media.container import MediaError
from pipeline.media.probe import MediaInfo, probe
from pipeline.media.video import read_frames
from tests.media.recordings import numbered_pictures, shared_data, tone, write_recording

pytestmark = pytest.mark.slow

TIMES_S = np.arange(50) / 25

ZOO = [
    "-leading-dash.mp4",
    "animation.gif",
    "audio_with_cover_picture.mp3",
    "corrupt_after_28_frames.mp4",
    "face_leaves_audio_shorter.mov",
    "h264_10bit.mp4",
    "no_duration_header.webm",
    "no_face.mp4",
    "one_pixel.mp4",
    "random_bytes.mp4",
    "rotated_0.mov",
    "rotated_90.mov",
    "silent_audio_track.mp4",
    "six_channel_audio.mp4",
    "speech_no_face.mp4",
    "truncated.mp4",
    "unordered_timestamps.mov",
    "variable_frame_rate_no_audio.mp4",
    "zero_bytes.webm",
]
REFUSED = {"random_bytes.mp4", "truncated.mp4", "zero_bytes.webm"}


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    path = tmp_path_factory.mktemp("probe") / "talk.mp4"
    return write_recording(
        path,
        pictures=numbered_pictures(TIMES_S),
        sound=tone(200, 2.0),
        audio_codec="aac",
        sound_rate_hz=16000,
    )


def test_length_streams_size_and_rate_are_found(talk):
    info = probe(talk)

    assert info.duration_s == pytest.approx(2.0, abs=0.1)
    assert (info.has_audio, info.has_video, info.width, info.height) == (True, True, 64, 48)
    assert info.frame_rate_hz == pytest.approx(25, rel=0.05)


@pytest.mark.parametrize("name", ZOO)
def test_every_odd_file_is_usable_to_its_end_or_refused_with_its_name(name):
    path = shared_data("zoo") / name
    if name in REFUSED:
        with pytest.raises(MediaError, match=name):
            probe(path)
        return

    info = probe(path)

    assert info.duration_s > 0
    assert info.has_audio or info.has_video
    if info.has_audio:
        assert read_audio(path, start_s=0.0, end_s=info.duration_s, sample_rate_hz=16000).recorded.any()
    if info.has_video:
        shapes = {
            f.image.shape for f in read_frames(path, start_s=0.0, end_s=info.duration_s, frame_rate_hz=5.0)
        }
        assert shapes == {(info.height, info.width, 3)}


def test_the_zoo_listed_here_is_the_zoo_that_there_is():
    assert sorted(path.name for path in shared_data("zoo").iterdir()) == sorted(ZOO)


def test_a_cover_picture_is_no_video():
    info = probe(shared_data("zoo") / "audio_with_cover_picture.mp3")

    assert info == MediaInfo(info.duration_s, True, False, 0, 0, None)
    assert info.duration_s == pytest.approx(1.02, abs=0.01)


def test_an_animated_picture_is_video_without_sound():
    info = probe(shared_data("zoo") / "animation.gif")

    assert (info.has_audio, info.has_video, info.duration_s) == (False, True, pytest.approx(3.0))


def test_a_header_without_a_length_costs_a_walk_to_the_end():
    assert probe(shared_data("zoo") / "no_duration_header.webm").duration_s == pytest.approx(4.938, abs=0.05)


@pytest.mark.parametrize(
    ("rotation_deg", "size"), [(0, (64, 48)), (90, (48, 64)), (180, (64, 48)), (-90, (48, 64))]
)
def test_the_size_is_that_of_the_picture_as_it_is_shown(tmp_path, rotation_deg, size):
    path = write_recording(
        tmp_path / "turned.mp4", pictures=numbered_pictures(TIMES_S), rotation_deg=rotation_deg
    )

    info = probe(path)

    assert (info.width, info.height) == size


def test_the_size_is_in_square_pixels(tmp_path):
    path = write_recording(
        tmp_path / "wide.mp4", pictures=numbered_pictures(TIMES_S), pixel_aspect=Fraction(3, 2)
    )

    assert (probe(path).width, probe(path).height) == (96, 48)


def test_sound_alone_is_a_recording(tmp_path):
    info = probe(write_recording(tmp_path / "voice.wav", sound=tone(200, 1.5)))

    assert info == MediaInfo(1.5, True, False, 0, 0, None)


def test_a_stream_of_which_nothing_decodes_is_refused(talk, tmp_path):
    path = tmp_path / "dead_video.mkv"
    with av.open(str(talk)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                dead = av.Packet(b"\x55" * packet.size)
                dead.pts, dead.dts, dead.time_base = packet.pts, packet.dts, packet.time_base
                dead.stream = stream
                target.mux(dead)

    with pytest.raises(MediaError, match=r"dead_video\.mkv: nothing of its video stream \(mpeg4\)"):
        probe(path)


def write_bare(path, codec, *, kind):
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=25, width=64, height=48, pix_fmt="yuv420p")
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=0"}
        for _, image in numbered_pictures(TIMES_S):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["bare.264", "bare.mp4"])
@pytest.mark.parametrize(("codec", "kind"), [("libx264", "h264"), ("libx265", "hevc")])
def test_pictures_without_times_are_told_from_those_that_cannot_be_decoded(tmp_path, name, codec, kind):
    path = write_bare(tmp_path / name, codec, kind=kind)

    with pytest.raises(
        MediaError,
        match=rf"bare\.\w+: its video stream \({kind}\) is bare, .* `ffmpeg -r RATE -i FILE",
    ):
        probe(path)


def test_bare_pictures_that_say_their_rate_are_a_recording(tmp_path):
    info = probe(write_bare(tmp_path / "bare.mp4", "mpeg4", kind="m4v"))

    assert (info.duration_s, info.has_video) == (pytest.approx(2.0, abs=0.05), True)


@pytest.mark.parametrize("name", ["voice.mp4", "voice.mov"])
@pytest.mark.parametrize(("suffix", "codec"), [("m4a", "aac"), ("wav", "pcm_s16le"), ("aac", "aac")])
def test_sound_alone_is_a_recording_whatever_its_name_is(tmp_path, name, suffix, codec):
    written = write_recording(tmp_path / f"sound.{suffix}", sound=tone(200, 2.0), audio_codec=codec)

    info = probe(written.rename(tmp_path / name))

    assert (info.duration_s, info.has_audio, info.has_video) == (pytest.approx(2.0, abs=0.2), True, False)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WebP", "TIFF"])
def test_a_still_picture_is_called_one_whatever_its_name_is(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / "talk.mp4"
    with path.open("wb") as file:
        Image.fromarray(noise).save(file, format=kind)

    with pytest.raises(MediaError, match=rf"talk\.mp4: is a still picture \({kind}\)"):
        probe(path)


def test_text_is_no_recording(tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("nothing but words\n" * 100)

    with pytest.raises(MediaError, match=r"notes\.mp4: no sound or video"):
        probe(path)


@pytest.mark.parametrize("seed", range(40))
def test_damage_anywhere_ends_in_features_or_in_a_sentence(talk, tmp_path, seed):
    rng = np.random.default_rng(seed)
    content = np.frombuffer(talk.read_bytes(), np.uint8).copy()
    at = rng.integers(0, len(content))
    match seed % 4:
        case 0:
            content = content[:at]
        case 1:
            content[rng.integers(0, len(content), 20)] = rng.integers(0, 256, 20)
        case 2:
            content = np.delete(content, slice(at, at + 300))
        case 3:
            content[at : at + 2000] = 0
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content.tobytes())

    refusal = None
    try:
        info = probe(path)
        if info.has_audio:
            assert np.isfinite(read_audio(path, start_s=0.5, end_s=2.0, sample_rate_hz=16000).samples).all()
        if info.has_video:
            times_s = [f.time_s for f in read_frames(path, start_s=0.5, end_s=2.0, frame_rate_hz=10.0)]
            assert times_s == sorted(set(times_s))
    except MediaError as error:
        refusal = str(error)

    assert refusal is None or f"{path}: " in refusal
