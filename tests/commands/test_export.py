"""The command writes what the stages made, where it is asked to, and says how much."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.artifacts.aligned.normalisation import Normalisation
from pipeline.artifacts.aligned.preprocessing import Preprocessing, preprocessing_path, write_preprocessing
from pipeline.artifacts.corpus.segments import read_segments, write_segments
from pipeline.artifacts.corpus.task import write_task
from pipeline.artifacts.corpus.words import write_words
from pipeline.artifacts.features.shards import write_sequences
from pipeline.pickles.restricted import read_pickle
from tests.exporting.examples import DIMS, make_extracted
from tests.stages.repositories import ROOT
from tests.tasks import MOSI, write_facts


@pytest.fixture
def made(tmp_path, monkeypatch):
    """What the stages leave behind, entered."""
    extracted = make_extracted()
    write_segments(tmp_path / "data/manifest/segments.jsonl", extracted.segments)
    write_task(tmp_path / "data/manifest/task.json", MOSI)
    corpus = tmp_path / "data/raw/mine"
    corpus.mkdir(parents=True)
    write_facts(corpus)
    write_words(tmp_path / "data/words/words.jsonl", extracted.spoken.values())
    for modality in DIMS:
        write_sequences(tmp_path / f"data/{modality}", extracted.sequences[modality])
    scaler = {modality: np.ones(dim, np.float32) for modality, dim in DIMS.items()}
    columns = {modality: list(extracted.sequences[modality].columns) for modality in DIMS}
    write_preprocessing(
        preprocessing_path(tmp_path / "data/align"),
        Preprocessing(
            "en", {}, {modality: {} for modality in DIMS}, columns, extracted.align, {}, Normalisation(scaler, scaler)
        ),
    )  # fmt: skip
    (tmp_path / "params.yaml").write_text(
        (ROOT / "params.yaml").read_text().replace("name: demo", "name: mine")
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["mmsa"], "exports/mine.mmsa.pkl"),
        (["mmsa", "--unaligned", "--out", "deep/er.pkl"], "deep/er.pkl"),
        (["npz"], "exports/mine.npz/audio.npz"),
        (["datasets", "--out", "set"], "set/README.md"),
    ],
)
def test_every_format_is_written(made, capsys, arguments, written):
    assert main(["export", *arguments]) == 0
    assert (made / written).is_file()
    assert capsys.readouterr().out.endswith("4 train, 4 valid, 4 test segments\n")


def test_another_language_than_that_of_the_tokens_is_said(made, capsys):
    path = made / "data/manifest/segments.jsonl"
    path.write_text(path.read_text().replace('"language": "en"', '"language": "zh"'))
    main(["export", "mmsa"])
    assert "text_bert holds tokens of bert-base-uncased, which is of no use for zh" in capsys.readouterr().err


def test_what_it_writes_is_what_mmsa_reads(made):
    main(["export", "mmsa", "--unaligned"])
    assert read_pickle(made / "exports/mine.mmsa.pkl")["valid"]["audio"].shape == (4, 40, 4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["npz", "--unaligned"], "--unaligned is for mmsa"),
        (["npz", "--out", "data"], "data: is there already"),
        *(
            (
                [form, "--out", "params.yaml/below/it"],
                "params.yaml is no folder; name another place with --out",
            )
            for form in ("npz", "datasets", "textgrid", "vtt", "huggingface")
        ),
    ],
)
def test_what_cannot_be_is_a_sentence(made, capsys, arguments, sentence):
    assert main(["export", *arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_before_the_first_run_there_is_a_sentence(made, capsys):
    (made / "data/audio/index.json").unlink()
    assert main(["export", "mmsa"]) == 1
    assert "data/audio/index.json: not found; run `dvc repro`" in capsys.readouterr().err


def test_features_of_other_segments_are_refused(made, capsys):
    path = made / "data/manifest/segments.jsonl"
    path.write_text(path.read_text().split("\n", 1)[1])
    assert main(["export", "mmsa"]) == 1
    assert "are of other segments" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["mmsa", "npz", "datasets", "textgrid", "vtt"])
def test_features_of_another_corpus_do_not_get_the_facts_of_this_one(made, capsys, form):
    path = made / "data/manifest/segments.jsonl"
    write_segments(path, [replace(segment, corpus="demo") for segment in read_segments(path)])
    assert main(["export", form]) == 1
    assert (
        "segments.jsonl: is of demo, and params.yaml names mine; run `dvc repro`" in capsys.readouterr().err
    )
    assert not (made / "exports").exists()
