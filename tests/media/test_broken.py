"""Damaged recordings are read as far as they go, or refused with a sentence that names them; nothing else happens."""

import os
import random
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.execution.executor import map_guarded
from pipeline.media.container import MediaError
from pipeline.media.probe import probe
from tests.media.broken import absurd, damage, read_all, truncated, whole_recordings
from tests.media.recordings import numbered_pictures, write_recording

pytestmark = pytest.mark.slow

# A minute of damage in 20 s; another seed finds other damage.
N_MUTATED = 400
SEED = int(os.environ.get("GRCF_FUZZ_SEED", "1"))
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> list[Path]:
    return whole_recordings(tmp_path_factory.mktemp("whole"))


def read_each(paths: list[Path]) -> dict[str, str]:
    """`read_all` of each in worker processes, so that a crash or a hang is found to be one."""
    outcomes = map_guarded(
        read_all,
        paths,
        title="broken",
        unit="file",
        limit_s=lambda _: LIMIT_S,
        on_loss=lambda _, sentence: f"LOST {sentence}",
    )
    return {path.name: sentence for path, sentence in zip(paths, outcomes, strict=True)}


def assert_read_or_refused(outcomes: dict[str, str]) -> None:
    for name, sentence in outcomes.items():
        assert sentence == "read" or (f"{name}: " in sentence and not sentence.startswith("LOST")), sentence
        assert "\n" not in sentence


def test_recordings_cut_at_every_tenth(whole, tmp_path):
    outcomes = read_each([path for recording in whole for path in truncated(recording, tmp_path)])

    assert_read_or_refused(outcomes)
    assert {outcomes[f"film_{tenth}0.mkv"] for tenth in range(1, 10)} == {"read"}
    assert all("no sound or video" in outcomes[f"film_{tenth}0.mp4"] for tenth in range(1, 10))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("one_hertz.wav", "its sound has 1 samples a second; expected 1000 to 768000"),
        ("gigahertz.wav", "its sound has 2000000000 samples a second"),
        ("endless.wav", "read"),
        ("no_samples.wav", "holds neither sound nor video"),
        ("no_channels.wav", "nothing of its audio stream (pcm_s16le) can be decoded"),
        ("slow_pictures.avi", "says that it lasts 2,018,634,628,180 s, but has"),
        ("giant_pictures.mp4", "read"),
        ("giant_pictures.gif", "can be decoded as pictures of at most 134 megapixels"),
        ("flat_pixels.y4m", "with pixels 1e+06 times as wide as high, are too large"),
        ("looping.gif", "read"),
        ("zeros.mp4", "no sound or video could be found in it"),
    ],
)
def test_headers_that_claim_what_cannot_be(whole, tmp_path, name, sentence):
    assert sentence in read_all(absurd(whole, tmp_path)[name])


def test_no_absurd_header_crashes_or_hangs(whole, tmp_path):
    assert_read_or_refused(read_each(list(absurd(whole, tmp_path).values())))


@pytest.mark.parametrize("name", ["lasting.mkv", "lasting_a_day.mkv"])
def test_a_length_that_the_bytes_contradict_is_that_of_the_packets(whole, tmp_path, name):
    assert probe(absurd(whole, tmp_path)[name]).duration_s == pytest.approx(1.0, abs=0.1)


def test_a_still_picture_of_few_bytes_has_the_length_that_it_says(tmp_path):
    path = write_recording(tmp_path / "still.mp4", pictures=numbered_pictures(np.arange(8) * 5.0))

    assert path.stat().st_size < 8000 * 35
    assert probe(path).duration_s == pytest.approx(35.0, abs=5.1)


def test_mutated_recordings(whole, tmp_path):
    n_parts = 8
    wrong = map_guarded(
        partial(damage, whole=whole, folder=tmp_path, n_files=N_MUTATED // n_parts, seed=SEED),
        range(n_parts),
        title="mutated",
        unit="part",
        limit_s=lambda _: LIMIT_S,
        on_loss=lambda part, sentence: [f"seed {SEED}, part {part}: {sentence}"],
    )
    assert [sentence for part in wrong for sentence in part] == []


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server that notes who calls."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.called.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.called = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{target}'\n"


@pytest.mark.parametrize("name", ["list.m3u8", "list.ts", "list.mp4"])
@pytest.mark.parametrize("text", [HLS, CONCAT])
@pytest.mark.parametrize("target", ["inside", "outside", "server"])
def test_a_playlist_is_refused_and_nothing_in_it_is_opened(tmp_path, whole, server, name, text, target):
    (tmp_path / "inside.ts").write_bytes(next(path for path in whole if path.suffix == ".ts").read_bytes())
    targets = {
        "inside": "inside.ts",
        "outside": str(next(path for path in whole if path.suffix == ".ts")),
        "server": f"http://127.0.0.1:{server.server_port}/film.ts",
    }
    (tmp_path / name).write_text(text.format(target=targets[target]))

    with pytest.raises(MediaError, match=rf"{name}: is a list of other recordings, which are not followed"):
        probe(tmp_path / name)
    assert server.called == []


def test_a_name_that_is_a_pattern_of_names_opens_no_other_file(tmp_path):
    for number in range(3):
        Image.new("RGB", (64, 48)).save(tmp_path / f"picture{number}.png")
    (tmp_path / "picture%d.png").write_bytes(random.Random(1).randbytes(100))

    with pytest.raises(MediaError, match=r"picture%d\.png: no sound or video"):
        probe(tmp_path / "picture%d.png")


def test_a_description_of_a_broadcast_is_refused(tmp_path):
    (tmp_path / "live.sdp").write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
    )
    with pytest.raises(MediaError, match=r"live\.sdp: no sound or video"):
        probe(tmp_path / "live.sdp")
