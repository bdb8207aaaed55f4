"""Pretrained encoders on Dask: each slot loads one and encodes pieces of the corpus, to the bits of this machine."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.execution.device import device_class
from pipeline.execution.engines import agent
from pipeline.execution.engines.pieces import Piece
from pipeline.execution.engines.surroundings import Surroundings
from pipeline.execution.pool import Done, Lost
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.frames import CachedEncoder, FrameEncoding
from pipeline.extract.cached.text import text_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.text.encoder import TextSettings
from pipeline.yaml12 import read_yaml
from tests.extract.encoders import save_image_encoder, save_speech_encoder
from tests.grcf.encoders import save_bert
from tests.segments import make_segment

CLIPS = [Path(f"data/raw/demo/clips/s01_0{number}.mp4") for number in (1, 2)]


def segments(*media: Path) -> list:
    return [
        make_segment(
            id=f"{clip.stem} {start_s}",
            media=str(clip),
            media_sha256=str(position) * 64,
            has_audio=True,
            has_video=True,
            start_s=start_s,
            end_s=start_s + 0.7,
        )
        for position, clip in enumerate(media)
        for start_s in (0.0, 0.4)
    ]


def extractor_of(kind: str, folder: Path) -> CachedEncoder:
    settings = read_yaml(Path("params.yaml"))[kind] | {"encoder": str(folder)}
    made = {"audio": audio_extractor, "visual": visual_extractor}[kind](settings)
    assert isinstance(made, CachedEncoder)
    return made


def entries() -> dict[Path, bytes]:
    folder = Path(os.environ["GRCF_CACHE"])
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def encoder_folder(tmp_path, kind) -> Path:
    save = {"audio": save_speech_encoder, "visual": save_image_encoder}[kind]
    return save(tmp_path / "encoder")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["audio", "visual"])
def test_an_encoder_leaves_the_same_bytes_under_either_engine(encoder_folder, kind, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="requirements-cluster.lock is not installed")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no recording")
    asked = segments(*CLIPS, broken)
    found = {}
    for engine in ("", "local:2"):
        monkeypatch.setenv("GRCF_ENGINE", engine)
        monkeypatch.setenv("GRCF_CACHE", str(tmp_path / (engine.rpartition(":")[0] or "pool")))
        made = extractor_of(kind, encoder_folder).map(asked)
        found[engine] = [row.to_bytes() for row in made], entries()
        assert [row.failure is None for row in made] == [True] * 4 + [False] * 2
        assert made[0].valid.any()
    assert found[""] == found["local:2"]


@pytest.mark.slow
def test_words_are_encoded_there_too_and_what_is_stored_is_not_encoded_again(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="requirements-cluster.lock is not installed")
    settings = TextSettings(
        model=str(save_bert(tmp_path / "model")), layers=(-1,), precision="float32", mode="frozen"
    )
    rows = [
        SegmentWords(f"{position}", "given", tuple(Word(word, 0.1 * n, 0.1) for n, word in enumerate(words)))
        for position, words in enumerate([["good", "film"], [], ["bad"], ["good", "film"]])
    ]
    found = {}
    for engine in ("", "local:2"):
        monkeypatch.setenv("GRCF_ENGINE", engine)
        monkeypatch.setenv("GRCF_CACHE", str(tmp_path / (engine.rpartition(":")[0] or "pool")))
        extractor = text_extractor(settings)
        found[engine] = [row.to_bytes() for row in extractor.map(rows)], entries()
    assert found[""] == found["local:2"]
    monkeypatch.setenv("GRCF_ENGINE", "tcp://127.0.0.1:1")
    assert [row.to_bytes() for row in text_extractor(settings).map(rows)] == found[""][0]


@pytest.mark.parametrize("kind", ["audio", "visual"])
def test_an_encoder_travels_without_what_it_has_loaded(encoder_folder, kind):
    encoding = extractor_of(kind, encoder_folder).work
    (segment, *_) = segments(CLIPS[0])
    before = len(pickle.dumps(encoding))
    ((_, here),) = encoding.outcomes({0: segment}, n_workers=1)
    sent = pickle.dumps(encoding)
    assert len(sent) == before < encoder_folder.joinpath("model.safetensors").stat().st_size
    ((_, there),) = pickle.loads(sent).outcomes({0: segment}, n_workers=1)
    assert here.result.to_bytes() == there.result.to_bytes()


def piece_of(encoding: FrameEncoding) -> Piece:
    return Piece(pickle.dumps(encoding), pickle.dumps({}), (), Surroundings.here())


@pytest.mark.parametrize("kind", ["audio"])
def test_a_machine_with_another_device_is_refused(encoder_folder, kind):
    encoding = extractor_of(kind, encoder_folder).work
    assert list(agent.compute(piece_of(encoding))) == []
    (answer,) = agent.compute(piece_of(replace(encoding, device="cuda Of Nobody")))
    assert answer.difference == f"its device is {device_class()}, and here it is cuda Of Nobody"
    assert "CUDA_VISIBLE_DEVICES" in answer.remedy


@pytest.mark.parametrize("kind", ["audio"])
def test_all_pieces_of_a_stage_share_what_an_agent_has_loaded(encoder_folder, kind):
    encoding = extractor_of(kind, encoder_folder).work
    one, same = (agent._loaded(piece_of(encoding).work) for _ in range(2))
    assert one is same
    assert agent._loaded(pickle.dumps("another")) == "another"


@pytest.mark.parametrize("kind", ["audio"])
def test_a_clip_that_kills_its_decoder_costs_itself_alone(encoder_folder, kind, monkeypatch, tmp_path):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    encoding = extractor_of(kind, encoder_folder).work
    good, bad = segments(CLIPS[0])
    encoding.encoder.prepare = Dying(encoding.encoder.prepare, of=bad.id)
    outcomes = dict(encoding.outcomes({3: bad, 5: good}, n_workers=2))
    assert isinstance(outcomes[3], Lost)
    assert isinstance(outcomes[5], Done)
    assert isinstance(outcomes[5].result, FeatureSequence)


class Dying:
    """A way to decode during which the process of one segment dies."""

    def __init__(self, prepare, *, of: str) -> None:
        self.prepare, self.of = prepare, of

    def __call__(self, segment):
        if segment.id == self.of:
            os.kill(os.getpid(), 9)
        return self.prepare(segment)
