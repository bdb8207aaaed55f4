"""The pickle for MMSA: its loader takes it, and what comes back in is what went out."""

import pickle
import warnings
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from pipeline.align.splits import align_segment
from pipeline.artifacts.corpus.segments import SPLITS
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.manifest import build_manifest, check_table
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from pipeline.exporting.mmsa import export_mmsa
from pipeline.extract.precomputed import read_precomputed
from pipeline.extract.words.locate import WordSettings, locate_words
from tests.exporting.examples import DIMS, MAX_WORDS, make_extracted
from tests.extract.word_settings import WITHOUT_MODELS
from tests.tasks import MOSI

pytestmark = pytest.mark.slow

EXTRACTED = make_extracted()
KEYS = {"text": "text", "audio": "audio", "visual": "vision"}
WORDS = {**WITHOUT_MODELS, "aligner": "proportional", "recogniser": "none"}


class LikeMMSA(Dataset):
    """What `MMDataset` of MMSA's data_loader.py does with a file, key by key."""

    def __init__(self, path: Path, mode: str, *, use_bert: bool, need_data_aligned: bool):
        with path.open("rb") as file:
            data = pickle.load(file)[mode]
        self.text = data["text_bert" if use_bert else "text"].astype(np.float32)
        self.vision = data["vision"].astype(np.float32)
        self.audio = data["audio"].astype(np.float32)
        self.raw_text = data["raw_text"]
        self.ids = data["id"]
        self.labels = {"M": np.array(data["regression_labels"]).astype(np.float32)}
        self.aligned = need_data_aligned
        if not need_data_aligned:
            self.audio_lengths = data["audio_lengths"]
            self.vision_lengths = data["vision_lengths"]
        self.audio[self.audio == -np.inf] = 0

    def __len__(self):
        return len(self.labels["M"])

    def __getitem__(self, index):
        sample = {
            "raw_text": self.raw_text[index],
            "text": torch.Tensor(self.text[index]),
            "audio": torch.Tensor(self.audio[index]),
            "vision": torch.Tensor(self.vision[index]),
            "index": index,
            "id": self.ids[index],
            "labels": {k: torch.Tensor(v[index].reshape(-1)) for k, v in self.labels.items()},
        }
        if not self.aligned:
            sample["audio_lengths"] = self.audio_lengths[index]
            sample["vision_lengths"] = self.vision_lengths[index]
        return sample


@pytest.fixture(params=[False, True], ids=["aligned", "unaligned"])
def exported(request, tmp_path):
    export_mmsa(EXTRACTED, tmp_path / "features.pkl", unaligned=request.param, binary=False)
    return tmp_path / "features.pkl", request.param


@pytest.mark.parametrize("use_bert", [False, True])
def test_the_loader_of_mmsa_takes_it(exported, use_bert):
    path, unaligned = exported
    for split in SPLITS:
        loaded = LikeMMSA(path, split, use_bert=use_bert, need_data_aligned=not unaligned)
        (batch,) = DataLoader(loaded, batch_size=len(loaded), shuffle=False)
        n = len(EXTRACTED.of(split))
        assert batch["text"].shape == ((n, 3, MAX_WORDS) if use_bert else (n, MAX_WORDS, DIMS["text"]))
        assert batch["audio"].shape == (n, 40 if unaligned else MAX_WORDS, DIMS["audio"])
        assert batch["vision"].shape == (n, 20 if unaligned else MAX_WORDS, DIMS["visual"])
        assert batch["labels"]["M"].shape == (n, 1)
        assert all(torch.isfinite(batch[key]).all() for key in ("text", "audio", "vision"))
        assert torch.equal(batch["labels"]["M"][:, 0], torch.tensor([s.label for s in EXTRACTED.of(split)]))
        if unaligned:
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                batch["audio"], batch["audio_lengths"], batch_first=True, enforce_sorted=False
            )
            assert len(packed.data) == batch["audio_lengths"].sum()


def test_keys_shapes_and_types_are_those_of_the_layout(exported):
    path, unaligned = exported
    content = pickle.loads(path.read_bytes())
    assert list(content) == ["train", "valid", "test"]
    lengths = {"audio_lengths", "vision_lengths"} if unaligned else set()
    for split, of in content.items():
        n = len(EXTRACTED.of(split))
        assert set(of) == lengths | {
            "raw_text", "audio", "vision", "id", "text", "text_bert", "annotations", "classification_labels",
            "regression_labels",
        }  # fmt: skip
        assert {key: of[key].dtype for key in ("text", "audio", "vision")} == dict.fromkeys(
            KEYS.values(), np.float32
        )
        assert (of["text_bert"].dtype, of["text_bert"].shape) == (np.int64, (n, 3, MAX_WORDS))
        for key in ("raw_text", "id", "annotations"):
            assert of[key].shape == (n,)
            assert all(isinstance(value, str) for value in of[key])
        assert of["regression_labels"].dtype == of["classification_labels"].dtype == np.float32
        assert all(isinstance(of[key], list) and all(type(x) is int for x in of[key]) for key in lengths)
        assert all("$_$" in id_ for id_ in of["id"])
    assert content["train"]["id"][0] == "clips/train0.mp4$_$s00"
    assert content["train"]["annotations"][0] == "Negative"
    assert content["train"]["classification_labels"][0] == 0.0


def test_text_bert_is_ids_mask_and_segments_of_the_transcript(exported):
    ids, mask, kinds = pickle.loads(exported[0].read_bytes())["test"]["text_bert"][0]
    assert ids[0] == 101  # [CLS] of bert-base-uncased
    assert ids[mask.sum() - 1] == 102  # [SEP]
    assert set(kinds) == {0}


def test_numpy_before_2_finds_the_names(exported):
    content = exported[0].read_bytes()
    assert b"numpy._core" not in content
    assert content[:2] == b"\x80\x04"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(content)


def brought_in(folder: Path):
    """The pickle through the reading side, up to one word axis."""
    candidates = LAYOUTS["mmsa"].read(folder)
    check_table(candidates, task=MOSI)
    splits = split_candidates(candidates, valid_share=0.1, test_share=0.1, split_seed=1)
    segments, rejected = build_manifest(
        candidates, splits, folder=PurePosixPath("x"), inspected={}, language="en", max_rejected_share=0.0
    )
    assert rejected == []
    sequences = {
        modality: read_precomputed(modality, segments, folder=folder, layout="mmsa", name=None)
        for modality in DIMS
    }
    spoken = {segment.id: locate_words(segment, WordSettings(**WORDS)) for segment in segments}
    return {segment.id: segment for segment in segments}, spoken, sequences


def test_out_and_in_again_gives_equal_tensors_on_the_words(tmp_path):
    export_mmsa(EXTRACTED, tmp_path / "features.pkl", unaligned=False, binary=False)
    segments, spoken, sequences = brought_in(tmp_path)
    assert len(segments) == len(EXTRACTED.segments)
    for split in SPLITS:
        for before, expected in EXTRACTED.aligned(split):
            after = segments[f"{before.video}$_${before.id}"]
            assert (after.label, after.split, after.video) == (before.label, before.split, before.video)
            rows = {modality: sequences[modality][after.id] for modality in DIMS}
            found = align_segment(after, spoken[after.id], rows, **EXTRACTED.align)
            for modality in DIMS:
                assert np.array_equal(found.features[modality], expected.features[modality])
                assert np.array_equal(found.valid[modality], expected.valid[modality])


def test_out_and_in_again_gives_every_row_that_was_extracted(tmp_path):
    export_mmsa(EXTRACTED, tmp_path / "features.pkl", unaligned=True, binary=False)
    segments, _, sequences = brought_in(tmp_path)
    for before in EXTRACTED.segments:
        after = segments[f"{before.video}$_${before.id}"]
        for modality in ("audio", "visual"):
            expected, found = (
                packed[modality][s.id] for packed, s in ((EXTRACTED.sequences, before), (sequences, after))
            )
            if not len(expected.valid):
                assert found.valid.tolist() == [False]  # a length of nothing cannot be packed
                continue
            assert np.array_equal(found.values, expected.values)
            assert np.array_equal(found.valid, expected.valid)


def test_classes_stay_classes(tmp_path):
    export_mmsa(make_extracted(binary=True), tmp_path / "features.pkl", unaligned=False, binary=True)
    train = pickle.loads((tmp_path / "features.pkl").read_bytes())["train"]
    assert (
        train["classification_labels"].tolist() == train["regression_labels"].tolist() == [0.0, 1.0, 0.0, 1.0]
    )
    assert train["annotations"].tolist() == ["Negative", "Positive"] * 2


def test_the_same_features_give_the_same_bytes(exported, tmp_path):
    path, unaligned = exported
    export_mmsa(make_extracted(), tmp_path / "again.pkl", unaligned=unaligned, binary=False)
    assert (tmp_path / "again.pkl").read_bytes() == path.read_bytes()


def test_a_write_that_fails_leaves_the_file_of_before(tmp_path, monkeypatch):
    (tmp_path / "features.pkl").write_bytes(b"before")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(PipelineError, match=r"could not be written \(No space left"):
        export_mmsa(EXTRACTED, tmp_path / "features.pkl", unaligned=False, binary=False, force=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("features.pkl", b"before")]


@pytest.mark.parametrize(
    ("unaligned", "pad", "side"),
    # Unaligned too: text has no lengths by which a model could stop at its last word.
    [(False, None, "left"), (True, None, "left"), (False, "right", "right"), (True, "right", "right")],
)
def test_zeros_of_the_text_are_on_the_side_that_was_asked_for(tmp_path, unaligned, pad, side):
    export_mmsa(EXTRACTED, tmp_path / "a.pkl", unaligned=unaligned, binary=False, pad=pad)
    text = pickle.loads((tmp_path / "a.pkl").read_bytes())["train"]["text"]
    is_zero = (text == 0).all(axis=2)
    assert is_zero.any(), "nothing is padded here"
    first, last = (is_zero[:, 0], is_zero[:, -1])
    padded, whole = (first, last) if side == "left" else (last, first)
    assert padded.sum() > whole.sum()


def test_unaligned_rows_with_lengths_begin_at_the_first(tmp_path):
    shorter = make_extracted()
    audio = shorter.sequences["audio"]
    # The first segment keeps ten of its forty rows.
    kept = np.r_[0:10, 40 : len(audio.values)]
    offsets = audio.offsets.copy()
    offsets[1:] -= 30
    cut = replace(
        audio,
        values=audio.values[kept],
        times_s=audio.times_s[kept],
        valid=np.ones(len(kept), bool),
        offsets=offsets,
    )
    extracted = replace(shorter, sequences={**shorter.sequences, "audio": cut})
    export_mmsa(extracted, tmp_path / "a.pkl", unaligned=True, binary=False)
    train = pickle.loads((tmp_path / "a.pkl").read_bytes())["train"]
    assert train["audio_lengths"][0] == 10
    assert np.array_equal(train["audio"][0, :10], audio.values[:10])
    assert not train["audio"][0, 10:].any()
