"""An intermediate file that was cut or damaged is a sentence that names the file and the command that makes it anew."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from pipeline.artifacts.aligned.preprocessing import read_preprocessing
from pipeline.artifacts.corpus.rejections import Rejection, read_rejections, write_rejections
from pipeline.artifacts.corpus.segments import Segment, read_segments, write_segments
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.corpus.words import SegmentWords, Word, read_words, write_words
from pipeline.artifacts.evaluated.masks import read_masks
from pipeline.artifacts.evaluated.predictions import (
    SplitPredictions,
    predictions_from_csv,
    predictions_to_csv,
)
from pipeline.artifacts.formats.files import tensors_to_bytes
from pipeline.artifacts.trained.checkpoint import VERSION, read_checkpoint
from pipeline.errors import PipelineError

WORDS = [SegmentWords(id_, "given", (Word("yes", 0.0, 0.5),)) for id_ in "abc"]
SEGMENTS = [
    Segment(
        id=id_, split="train", label=0.0, speaker="s", video="v", language="en", text="yes", media=None,
        media_sha256=None, has_audio=False, has_video=False, start_s=0.0, end_s=1.0,
    )
    for id_ in "abc"
]  # fmt: skip


def refusal(read, path) -> str:
    with pytest.raises(PipelineError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("write", "rows", "read", "stage"),
    [(write_segments, SEGMENTS, read_segments, "manifest"), (write_words, WORDS, read_words, "words")],
)
def test_lines_that_were_cut_or_damaged_name_the_command(tmp_path, write, rows, read, stage):
    path = tmp_path / "rows.jsonl"
    write(path, rows)
    whole = path.read_bytes()
    assert read(path) == rows
    for content in (
        whole[: len(whole) // 2],
        whole[:-1],
        b"",
        whole.replace(b"id", b"di"),
        b"[]\n",
        b"null\n",
        b"{" * 5000 + b"\n",
        whole.replace(b"0.5", b'"x"')
        if stage == "words"
        else whole.replace(b'"label": 0.0', b'"label": "x"'),
    ):
        path.write_bytes(content)
        assert f"dvc repro {stage}" in refusal(read, path)


def test_formulas_in_tables_are_escaped_and_come_back(tmp_path):
    rows = [Rejection("=HYPERLINK(1)", "+1+1", "@x"), Rejection("'=1", "-a.mp4", "plain, with a comma")]
    write_rejections(tmp_path / "rejected.csv", rows)
    text = (tmp_path / "rejected.csv").read_text()
    assert text.splitlines()[1] == "'=HYPERLINK(1),'+1+1,'@x"
    assert read_rejections(tmp_path / "rejected.csv") == rows
    (tmp_path / "rejected.csv").write_text(text[:-5])
    assert "dvc repro manifest" in refusal(read_rejections, tmp_path / "rejected.csv")
    truth = np.array([0.5, -1.0])
    split = SplitPredictions("test", ("=1+1", "-2"), truth, {"median": truth[None]}, {"median": ()})
    table = predictions_to_csv([split])
    assert "'=1+1" in table
    assert predictions_from_csv(table, source="x")[0].ids == split.ids


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (read_masks, "word masks"),
        (read_preprocessing, "preprocessing"),
        (read_checkpoint, "checkpoint"),
    ],
)
def test_tensor_files_of_another_form_are_refused(tmp_path, read, kind):
    path = tmp_path / "x.safetensors"
    for content in (b"", b"x" * 7, b"\xff" * 8, (2).to_bytes(8, "little") + b"[]", b"x" * 4096):
        path.write_bytes(content)
        refusal(read, path)
    for version in range(1, 7):
        path.write_bytes(tensors_to_bytes({"a": np.zeros(2)}, kind=kind, version=version, header={"ids": 3}))
        refusal(read, path)
    header = json.dumps({"__metadata__": {"header": json.dumps(["a list"])}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    refusal(read, path)
    path.unlink()
    path.mkdir()
    refusal(read, path)
    path.rmdir()
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "is a Git LFS pointer" in refusal(read, path)


def checkpoint_bytes(*, tensors: Mapping[str, np.ndarray] | None = None, **changes: object) -> bytes:
    """A checkpoint file, also one that no `Checkpoint` could be written to."""
    header = {
        "stage": "rank", "objective": "groupwise", "seed": 1, "network": {"hidden": 4}, "columns": {"text": ["a"]},
        "selected_epoch": 1, "link": "identity", "best_constant": 0.0, "environment": {}, "leaves_order": True, "history": [],
    }  # fmt: skip
    weights = {"network.a": np.zeros((4, 4), np.float32)} if tensors is None else tensors
    return tensors_to_bytes(weights, kind="checkpoint", version=VERSION, header=header | changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"tensors": {"network.a": np.array([1, np.nan], np.float32)}}, "1 of the 2 numbers in network.a are not finite"),
        ({"link": "exp"}, "the link is 'exp'; expected identity or logistic"),
        ({"best_constant": float("nan")}, "best_constant is nan"),
        ({"network": {"hidden": 10**9}}, "hidden of the network is 1e+09, but its largest weight has 4 rows"),
        ({"network": ["hidden"]}, "network in the header of the checkpoint is"),
        ({"seed": "one"}, "seed in the header of the checkpoint is 'one'"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_predicts_nonsense_is_refused_on_loading(tmp_path, changes, sentence):
    path = tmp_path / "seed_1.safetensors"
    path.write_bytes(checkpoint_bytes())
    read_checkpoint(path)
    path.write_bytes(checkpoint_bytes(**changes))
    assert sentence in refusal(read_checkpoint, path)


@pytest.mark.parametrize(("what", "value"), [("std", 0.0), ("std", -1.0), ("std", np.nan), ("mean", np.inf)])
def test_a_scaler_that_scales_by_nothing_is_refused(tmp_path, what, value):
    path = tmp_path / "preprocessing.safetensors"
    tensors = {
        f"{modality}_{name}": np.ones(2, np.float32) for modality in MODALITIES for name in ("mean", "std")
    }
    header = {"language": "en"} | {name: {} for name in ("words", "extractors", "columns", "align", "train")}
    path.write_bytes(tensors_to_bytes(tensors, kind="preprocessing", version=2, header=header))
    read_preprocessing(path)
    tensors[f"audio_{what}"] = np.array([1.0, value], np.float32)
    path.write_bytes(tensors_to_bytes(tensors, kind="preprocessing", version=2, header=header))
    assert "of audio is not finite, or a standard deviation is not above 0" in refusal(
        read_preprocessing, path
    )
