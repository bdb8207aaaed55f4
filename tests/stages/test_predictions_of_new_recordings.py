"""A clip of the corpus, given as a new recording, gets the numbers that the run gave it: the same features, the same model."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from pipeline import params
from pipeline.__main__ import main
from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.evaluated.predictions import SplitPredictions, predictions_from_csv
from pipeline.artifacts.formats.files import read_text
from tests.stages.repositories import TOY, Repository

pytestmark = pytest.mark.slow


@pytest.fixture
def predict(capsys):
    def run(*arguments) -> dict:
        capsys.readouterr()
        assert main(["predict", "--json", *map(str, arguments)]) == 0
        (answer,) = json.loads(capsys.readouterr().out)["recordings"]
        return answer

    return run


def predictions(repository: Repository) -> list[SplitPredictions]:
    path = repository.path / "reports/predictions.csv"
    return predictions_from_csv(read_text(path), source=str(path))


def clips(repository: Repository) -> dict[str, tuple[Path, str]]:
    """File and transcript of each segment, as the corpus has them."""
    folder = repository.path / "data/raw" / TOY
    with (folder / "segments.csv").open() as file:
        return {row["id"]: (folder / row["media"], row["text"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize(("stage", "model"), [("calibrate", "grcf"), ("pointwise", "pointwise")])
def test_a_clip_of_the_corpus_gets_its_row_of_the_predictions(
    toy, predict, tmp_path, monkeypatch, stage, model
):
    # A copy of the folder of checkpoints, far from the repository, is all that is needed.
    folder = shutil.copytree(toy.path / "data" / stage, tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    known = clips(toy)
    for split in predictions(toy):
        for position in (0, len(split.ids) - 1):
            clip, transcript = known[split.ids[position]]
            answer = predict(clip, "--transcript", transcript, "--model", folder)
            expected = split.models[model][:, position]
            assert list(answer["seeds"]) == [str(seed) for seed in split.seeds[model]]
            assert list(answer["seeds"].values()) == pytest.approx(expected.tolist(), abs=1e-6)
            assert answer["prediction"] == pytest.approx(expected.mean(), abs=1e-6)
            assert answer["available"]["align_method"] in ("forced", "proportional")


def test_a_stretch_of_the_clip_gets_other_numbers(toy, predict):
    """Else the numbers above could come from anywhere but the clip."""
    split = predictions(toy)[0]
    clip, transcript = clips(toy)[split.ids[0]]
    # The baseline: after four epochs, the slope of stage 2 may be too small to tell anything apart.
    answer = predict(
        clip, "--transcript", transcript, "--model", toy.path / "data/pointwise", "--end-s", "1.0"
    )
    assert abs(answer["prediction"] - split.models["pointwise"][:, 0].mean()) > 1e-4


def test_the_preprocessing_tells_of_train(toy):
    from pipeline.artifacts.aligned.preprocessing import preprocessing_path, read_preprocessing

    train = [s for s in read_segments(toy.path / "data/manifest/segments.jsonl") if s.split == "train"]
    known = read_preprocessing(preprocessing_path(toy.path / "data/calibrate"))
    assert known.language == "en"
    assert known.train["segments"] == len(train)
    assert known.train["corpora"] == {segment.corpus: len(train) for segment in train}
    assert known.train["label_min"] == min(segment.label for segment in train)
    assert known.train["duration_s"]["max"] == pytest.approx(max(segment.duration_s for segment in train))
    assert known.words["settings"] == params.load(params.Words).model_dump()


def test_all_three_copies_of_the_preprocessing_are_the_same_bytes(toy):
    copies = {
        (toy.path / f"data/{stage}/preprocessing.safetensors").read_bytes()
        for stage in ("align", "calibrate", "pointwise")
    }
    assert len(copies) == 1
