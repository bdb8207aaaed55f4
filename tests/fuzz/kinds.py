"""Files of every kind that others give this project, whole ones to be damaged, and what reads them."""

import io
import json
import pickle
import random
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from pipeline import params
from pipeline.artifacts.aligned.preprocessing import read_preprocessing
from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.features.shards import read_sequences, write_sequences
from pipeline.artifacts.formats.files import tensors_to_bytes
from pipeline.artifacts.sharding.files import INDEX
from pipeline.artifacts.trained.checkpoint import Checkpoint, read_checkpoint
from pipeline.corpus.csd import read_csd
from pipeline.corpus.folder import read_folder
from pipeline.corpus.layouts import LAYOUTS
from pipeline.extract.precomputed import read_npz
from pipeline.intake.archives import unpack, unpacked_bytes
from pipeline.intake.columns import ColumnChoice
from pipeline.intake.conversion import convert_table

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: name of the file, by which its reader goes.
        whole: bytes of a sound file.
        read: reads the folder that holds the file; PipelineError is an answer, every other exception a failure.
        own_process: whether its library may crash, so that it is read in a process of its own.
    """

    name: str
    whole: bytes
    read: Callable[[Path], object]
    own_process: bool = False


def kinds() -> dict[str, Kind]:
    """Every kind by its name."""
    return {
        "table": Kind("segments.csv", _table(), read_folder),
        "words": Kind("words.csv", _words(), _read_with_table),
        "labels": Kind("label.csv", _labels(), LAYOUTS["sims"].read),
        "zip": Kind("a.zip", _zip(), lambda folder: _unpack(folder / "a.zip")),
        "tar.gz": Kind("a.tar.gz", _tar("w:gz"), lambda folder: _unpack(folder / "a.tar.gz")),
        "tar": Kind("a.tar", _tar("w"), lambda folder: _unpack(folder / "a.tar")),
        "pickle": Kind("a.pkl", _pickle(), LAYOUTS["mmsa"].read),
        "npz": Kind("rows.npz", _npz(), lambda folder: read_npz("audio", _SEGMENTS, folder=folder, name="rows.npz")),
        "csd": Kind("a_Labels.csd", _csd(), _read_csd, own_process=True),
        "checkpoint": Kind("seed_1.safetensors", _checkpoint(), lambda folder: read_checkpoint(folder / "seed_1.safetensors")),
        "preprocessing": Kind("p.safetensors", _preprocessing(), lambda folder: read_preprocessing(folder / "p.safetensors")),
        "index of sequences": Kind(INDEX, _sequences()[INDEX], _read_sequences),
        "sequences": Kind("shard", _sequences()["shard"], _read_sequences),
        "srt": Kind("a.srt", _SRT, _read_with_recording),
        "vtt": Kind("a.vtt", _VTT, _read_with_recording),
        "TextGrid": Kind("a.TextGrid", _TEXTGRID, _read_with_recording),
        "whisper": Kind("a.json", _WHISPER, _read_with_recording),
        "trs": Kind("a.trs", _TRS, _read_with_recording),
        "foreign table": Kind("t.csv", _foreign_table(), _convert),
        "yaml": Kind("params.yaml", (ROOT / "params.yaml").read_bytes(), _read_params),
    }  # fmt: skip


_SEGMENTS = [
    Segment(
        id=id_, split="train", label=0.0, speaker="s", video="v", language="en", text="yes", media=None,
        media_sha256=None, has_audio=False, has_video=False, start_s=0.0, end_s=2.0,
    )
    for id_ in "abc"
]  # fmt: skip


_SRT = b"1\n00:00:00,500 --> 00:00:02,000\n<i>I don&#39;t</i> love it\n\n2\n00:00:02,100 --> 00:00:03,000\nBye.\n"
_VTT = b"WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.500\n<c>Hi,</c><00:01.500> <00:01.800><c> Anna</c>\n\n00:03.000 --> 00:04.000\nBye\n"
_TEXTGRID = (
    b'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2.3\ntiers? <exists>\nsize = 1\nitem []:\n item [1]:\n'
    b'  class = "IntervalTier"\n  name = "words"\n  xmin = 0\n  xmax = 2.3\n  intervals: size = 2\n  intervals [1]:\n   xmin = 0\n'
    b'   xmax = 1.25\n   text = "say ""a"""\n  intervals [2]:\n   xmin = 1.25\n   xmax = 2.3\n   text = "b"\n'
)
_WHISPER = (
    b'{"text": " It 3", "segments": [{"id": 0, "start": 0.5, "end": 2.0, "text": " It 3", "words": [{"word": " It", "start": 0.5, '
    b'"end": 0.75}, {"word": "3"}]}], "language": "en"}'
)
_TRS = (
    b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<Trans><Turn startTime="0" endTime="5.5">\n<Sync time="0"/>\ncaf\xe9\n'
    b'<Sync time="2.5"/>\nno &amp; no\n</Turn></Trans>'
)


def _foreign_table() -> bytes:
    rows = [f"{i};v{i};1.5e0;;yes, no;train;0.5;-1" for i in range(4)]
    return "\n".join(["utt_id;video_id;Sentiment;note;Text;Mode;mfcc1;mfcc2", *rows, ""]).encode()


def _table() -> bytes:
    rows = [
        f'{id_},m.mp4,p{id_},{split},{label},"Some, words é\nmore",en-US,0,{label + 4}'
        for id_, split, label in (("a", "train", -1.5), ("b", "Val", 0), ("c", "test", 2))
    ]
    return "\n".join(["id,media,speaker,split,label,text,language,start_s,end_s", *rows, ""]).encode()


def _words() -> bytes:
    return b"id,word,start_s,end_s\n" + b"".join(b"%c,some,0,0.5\n%c,more,0.5,1\n" % (i, i) for i in b"abc")


def _labels() -> bytes:
    return b"video_id,clip_id,text,label,mode\n" + b"".join(b"v%d,1,hi,0.5,train\n" % i for i in range(5))


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("label.csv", b"id,label\n" * 50)
        file.writestr("Raw/1.bin", random.Random(1).randbytes(300))
    return content.getvalue()


def _tar(mode: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as file:
        for name, bytes_ in (("label.csv", b"id,label\n" * 50), ("Raw/" + "é" * 120 + "1.bin", b"x" * 300)):
            info = tarfile.TarInfo(name)
            info.size = len(bytes_)
            file.addfile(info, io.BytesIO(bytes_))
    return content.getvalue()


def _pickle() -> bytes:
    rng = np.random.default_rng(1)

    def split(name: str) -> dict[str, object]:
        n = 3
        return {
            "raw_text": np.array([f"hello {i}" for i in range(n)], object),
            "id": np.array([f"{name}$_${i}" for i in range(n)], object),
            **{key: rng.normal(size=(n, 4, 2)).astype(np.float32) for key in ("text", "audio", "vision")},
            "regression_labels": np.array([0.5, -1, 2], np.float32),
        }

    return pickle.dumps({name: split(name) for name in ("train", "valid", "test")}, protocol=4)


def _npz() -> bytes:
    content = io.BytesIO()
    np.savez(
        content, ids=np.array(["a", "b", "c"]), values=np.ones((4, 2), np.float32), offsets=[0, 1, 3, 4],
        times_s=[0.5, 0.2, 0.8, 1.0], valid=np.ones(4, bool), columns=np.array(["x", "y"]),
    )  # fmt: skip
    return content.getvalue()


def _csd() -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for video in ("v1", "v2"):
            file[f"labels/data/{video}/intervals"] = np.array([[0.0, 1.0], [1.0, 2.0]])
            file[f"labels/data/{video}/features"] = np.array([[0.5], [-1.0]], np.float32)
    return content.getvalue()


def _checkpoint() -> bytes:
    weights = {"network.a": np.zeros((4, 4), np.float32), "calibration.a": np.zeros(3, np.float32)}
    return Checkpoint(
        stage="rank", objective="groupwise", leaves_order=True, seed=1, network={"hidden": 4}, columns={"text": ["a"]},
        selected_epoch=1, history=[], link="identity", best_constant=0.0, environment={}, tensors=weights,
    ).to_bytes()  # fmt: skip


def _preprocessing() -> bytes:
    tensors = {
        f"{modality}_{what}": np.ones(2, np.float32) for modality in MODALITIES for what in ("mean", "std")
    }
    header = {"language": "en"} | {name: {} for name in ("words", "extractors", "columns", "align", "train")}
    return tensors_to_bytes(tensors, kind="preprocessing", version=2, header=header)


def _sequences() -> dict[str, bytes]:
    """An index, and the one shard that it names, by another name."""
    one = FeatureSequence(np.ones((2, 2), np.float32), np.array([0.1, 0.2]), np.ones(2, bool))
    packed = pack("audio", ["a", "b"], [one, one], columns=["x", "y"], extractor={"settings": {}})
    with tempfile.TemporaryDirectory() as folder:
        write_sequences(Path(folder), packed)
        return {
            INDEX if path.name == INDEX else "shard": path.read_bytes() for path in Path(folder).iterdir()
        }


def _read_sequences(folder: Path) -> None:
    """Every row, where either the index or the shard is sound and the other is what it is."""
    whole = _sequences()
    index = json.loads(whole[INDEX])
    shard = folder / "shard"
    content = shard.read_bytes() if shard.is_file() else whole["shard"]
    index["shards"][0]["bytes"] = len(content)
    (folder / index["shards"][0]["file"]).write_bytes(content)
    if not (folder / INDEX).is_file():
        (folder / INDEX).write_text(json.dumps(index))
    found = read_sequences(folder)
    for id_ in found.ids:
        found[id_]


def _read_with_table(folder: Path) -> object:
    (folder / "segments.csv").write_bytes(_table())
    return read_folder(folder)


def _unpack(archive: Path) -> None:
    unpacked_bytes(archive)
    unpack(archive, archive.parent / "there")


def _read_with_recording(folder: Path) -> object:
    (folder / "a.mp4").write_bytes(b"x")
    (folder / "segments.csv").write_text("id,label,media,start_s,end_s\na,1,a.mp4,0,1.5\nb,1,a.mp4,1.5,9\n")
    return read_folder(folder)


def _convert(folder: Path) -> object:
    convert_table(folder / "t.csv", folder / "out", ColumnChoice())
    return read_folder(folder / "out")


def _read_csd(folder: Path) -> object:
    found = read_csd(folder / "a_Labels.csd")
    return found, LAYOUTS["mosi"].read(folder)


def _read_params(folder: Path) -> object:
    return [
        params.load(section, folder / "params.yaml")
        for section in (params.Corpus, params.Margin, params.Training)
    ]
