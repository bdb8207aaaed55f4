"""A feature pickle in the corpus folder and one word in params.yaml: all twelve stages run."""

import json
import pickle
from pathlib import Path

from stages.entry import run

import numpy as np
import pytest
import yaml

from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.corpus.words import read_words
from pipeline.artifacts.features.shards import read_sequences
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.splits import split_candidates
from pipeline.yaml12 import parse_yaml
from stages import align, audio, manifest, text, visual, words
from tests.pickles.examples import DIMS, N, mmsa, mult, multibench
from tests.stages.repositories import ROOT, Repository, make_repository
from tests.tasks import write_facts

pytestmark = pytest.mark.slow


def repository_with(tmp_path, content, layout: str) -> Repository:
    source = tmp_path / "source.pkl"
    source.write_bytes(pickle.dumps(content, protocol=4))
    repository = make_repository(
        tmp_path / "repository", [{"id": "unused", "label": "0"}], {"features.pkl": source}, layout=layout
    )
    repository.set_params("evaluate.missing_rates=[]", "evaluate.noise_scales=[]")
    return repository


def extract(tmp_path, monkeypatch, content, layout: str, *, sound: str | None = None, **label) -> None:
    """The stages up to align, in this process; `sound` is the file of `audio.precomputed`."""
    folder = tmp_path / "data/raw/given"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.pkl").write_bytes(pickle.dumps(content, protocol=4))
    settings = parse_yaml((ROOT / "params.yaml").read_text())
    settings["corpus"]["name"] = "given"
    settings["audio"]["precomputed"] = sound
    write_facts(folder, layout, **label)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.chdir(tmp_path)
    for stage in (manifest, words, text, audio, visual, align):
        stage.main()


def test_an_unaligned_mmsa_pickle_runs_to_the_report(tmp_path):
    repository = repository_with(tmp_path, mmsa(aligned=False), "mmsa")
    repository.run("dvc", "repro")
    report = (repository.path / "reports/report.md").read_text()
    assert "48 segments" in report
    coverage = json.loads((repository.path / "reports/coverage.json").read_text())
    assert coverage["given_rows"]["audio"]["padding"] > 0
    assert coverage["align_methods"] == {"given": sum(N.values())}
    header = read_sequences(repository.path / "data/audio").extractor
    assert header["precomputed"] == "features.pkl"
    assert "evenly" in header["times"]
    finished = repository.run(
        "python", "-m", "pipeline", "predict", "--transcript", "So it goes.", check=False
    )
    assert "made elsewhere (features.pkl)" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("layout", "content"),
    [("mmsa", mmsa(aligned=True)), ("mult", mult(aligned=True)), ("multibench", multibench(classes=(-1, 1)))],
)
def test_rows_of_an_aligned_pickle_are_the_words(tmp_path, monkeypatch, layout, content):
    rows = content["test"]
    rows["vision"][0, :, :] = 0
    rows["audio"][1, rows["text"][1].any(axis=1).argmax(), 0] = -np.inf
    # Classes of −1 and 1 are read as 0 and 1, which are no values to regress on.
    binary = {"kind": "binary"} if layout == "multibench" else {}
    extract(tmp_path, monkeypatch, content, layout, **binary)
    aligned = read_aligned(Path("data/align/test"))
    assert [aligned.features[m].shape[1] for m in ("text", "audio", "visual")] == list(DIMS.values())
    by_id = dict(zip(aligned.ids, zip(aligned.offsets[:-1], aligned.offsets[1:], strict=True), strict=True))
    train = content["train"]
    mean, std = (
        getattr(train["audio"][train["text"].any(axis=2)].astype(np.float32).astype(np.float64), name)(axis=0)
        for name in ("mean", "std")
    )
    for sample, id_ in enumerate(rows["id"]):
        name = id_ if isinstance(id_, str) else id_[0].decode() if isinstance(id_[0], bytes) else str(id_[0])
        start, end = by_id[name]
        is_word = rows["text"][sample].any(axis=1)
        assert end - start == is_word.sum()
        expected = (rows["audio"][sample][is_word] - mean) / std
        valid = np.isfinite(expected).all(axis=1)
        assert aligned.valid["audio"][start:end].tolist() == valid.tolist()
        assert np.allclose(aligned.features["audio"][start:end][valid], expected[valid], atol=1e-4)
        assert aligned.valid["visual"][start:end].any() == (sample != 0)
    coverage = json.loads(Path("reports/coverage.json").read_text())
    assert coverage["given_rows"]["audio"]["not_finite"] == 1
    assert coverage["given_rows"]["visual"]["zero"] == rows["text"][0].any(axis=1).sum()
    spoken = {row.id: row.words for row in read_words(Path("data/words/words.jsonl"))}
    assert {word.text for words in spoken.values() for word in words} >= (
        {"word"} if layout == "mmsa" else {"[1]"}
    )


class Attack:
    def __reduce__(self):
        return eval, ("open('attacked', 'w')",)


def test_a_malicious_pickle_ends_the_run_with_a_sentence(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="1"):
        run(lambda: extract(tmp_path, monkeypatch, {"train": Attack()}, "mmsa"))
    assert "refused, because it asks for the global builtins.eval" in capsys.readouterr().err
    assert not (tmp_path / "attacked").exists()


def test_a_video_in_two_splits_is_said_and_taken_as_it_is(tmp_path, monkeypatch, capsys):
    content = mmsa(aligned=True)
    for split in ("train", "test"):
        content[split]["id"][0] = f"same$_${split}"
    extract(tmp_path, monkeypatch, content, "mmsa")
    assert "2 speakers and videos are in two splits, because the published split" in capsys.readouterr().err
    segments = {segment.id: segment for segment in read_segments(Path("data/manifest/segments.jsonl"))}
    found = [segments[f"same$_${split}"] for split in ("train", "test")]
    assert [segment.split for segment in found] == ["train", "test"]
    assert {segment.video for segment in found} == {"same"}


def test_a_split_that_is_drawn_of_a_pickle_keeps_a_video_together(tmp_path):
    """As in every file of CH-SIMS, whose split is by clip."""
    content = mmsa(aligned=True)
    for split, of in content.items():
        of["id"] = [f"video{position % 3}$_${split}{position}" for position in range(len(of["id"]))]
    (tmp_path / "given.pkl").write_bytes(pickle.dumps(content))
    rows = LAYOUTS["mmsa"].read(tmp_path)
    cut = [len({row.split for row in rows if row.video == video}) for video in ("video0", "video1", "video2")]
    assert max(cut) > 1
    splits = split_candidates(rows, split="drawn", valid_share=0.2, test_share=0.2, split_seed=1)
    assert [len({splits[row.id] for row in rows if row.video == f"video{n}"}) for n in range(3)] == [1, 1, 1]


def test_a_modality_may_come_from_another_file(tmp_path, monkeypatch):
    content = mmsa(aligned=True)
    ids = [id_ for of in content.values() for id_ in of["id"]]
    (tmp_path / "data/raw/given").mkdir(parents=True)
    np.savez(tmp_path / "data/raw/given/sound.npz", ids=ids, values=np.ones((len(ids), 2), np.float32))
    extract(tmp_path, monkeypatch, content, "mmsa", sound="sound.npz")
    aligned = read_aligned(Path("data/align/train"))
    assert [aligned.features[m].shape[1] for m in ("text", "audio", "visual")] == [6, 2, 3]
