"""`python -m pipeline predict` and `preview`, as a person runs them."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.artifacts.trained.checkpoint import write_checkpoints
from tests.media.recordings import numbered_pictures, tone, write_many_channels, write_recording
from tests.prediction.conftest import CLIP, SAID
from tests.prediction.models import make_checkpoint, write_model
from tests.test_params import PARAMS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIP.is_file(), reason="the corpus of the repository is not here"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A working directory with a trained model and nothing else."""
    root = tmp_path_factory.mktemp("elsewhere")
    write_model(root / "data/calibrate", seeds=(1, 2))
    return root


@pytest.fixture
def command(trained, monkeypatch, capsys):
    """Run the command there; status, output and errors."""
    monkeypatch.chdir(trained)

    def run(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_a_prediction_needs_no_repository(command):
    status, printed, errors = command("predict", CLIP, "--transcript", SAID)
    assert status == 0
    assert errors == ""
    assert printed.startswith(f"{CLIP}, 0.00 to ")
    assert "2 seeds from" in printed


def test_several_recordings_and_one_that_is_broken(command, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no media")
    page = tmp_path / "page.html"
    status, printed, errors = command("predict", CLIP, broken, CLIP, "--json", "--html", page)
    answer = json.loads(printed)
    assert status == 1
    assert "broken.mp4: no sound or video could be found" in errors
    assert ["error" in recording for recording in answer["recordings"]] == [False, True, False]
    assert answer["recordings"][0] == answer["recordings"][2]
    assert page.read_text().count("<article>") == 2
    assert answer["warning"] is None


def test_a_checkpoint_of_numbers_that_are_none_is_refused(command, tmp_path):
    folder = write_model(tmp_path / "nan", seeds=(1,))
    checkpoint = make_checkpoint(2)
    tensors = {name: np.full_like(tensor, np.nan) for name, tensor in checkpoint.tensors.items()}
    write_checkpoints(folder, [dataclasses.replace(checkpoint, tensors=tensors)])
    status, printed, errors = command("predict", CLIP, "--model", folder)
    assert (status, printed) == (1, "")
    assert "seed_2.safetensors" in errors
    assert "are not finite" in errors


def test_a_recording_that_crashed_pyav_is_answered_beside_another(command, tmp_path):
    many = write_many_channels(tmp_path / "many.mkv", n_channels=16)
    status, printed, errors = command("predict", many, CLIP, "--json")
    refused, predicted = json.loads(printed)["recordings"]
    assert status == 1
    assert "its sound has 16 channels; expected at most 8" in refused["error"]
    assert refused["error"] in errors
    assert predicted["prediction"] is not None


def test_a_megabyte_of_transcript_is_cut(command):
    status, printed, _ = command("predict", CLIP, "--transcript", "It was fine. " * 80_000, "--json")
    (recording,) = json.loads(printed)["recordings"]
    assert status == 0
    assert recording["notes"][0].startswith(
        "The transcript has 1,039,999 characters, more than anybody can say"
    )


def test_what_a_file_does_not_have_is_said_plainly(command, tmp_path):
    sound = write_recording(tmp_path / "sound.wav", sound=tone(200.0, 1.0))
    _, printed, _ = command("predict", sound, "--json")
    assert (
        f"{sound} has no pictures, so the face counts as absent."
        in json.loads(printed)["recordings"][0]["notes"]
    )
    _, printed, _ = command("predict", "--transcript", SAID, "--json")
    assert json.loads(printed)["recordings"][0]["notes"] == [
        "There is no recording, so the sound and the face count as absent."
    ]


def test_words_alone_are_enough(command):
    status, printed, _ = command("predict", "--transcript", SAID)
    assert status == 0
    assert "a transcript without a recording" in printed
    assert "audio absent, visual absent" in printed


def test_the_transcript_of_a_file(command, tmp_path):
    file = tmp_path / "said.txt"
    file.write_text(SAID)
    from_file = command("predict", CLIP, "--transcript-file", file)
    assert from_file == command("predict", CLIP, "--transcript", SAID)


def test_a_span_is_predicted_alone(command):
    _, printed, _ = command("predict", CLIP, "--start-s", "0.5", "--end-s", "1.25", "--json")
    (answer,) = json.loads(printed)["recordings"]
    assert (answer["start_s"], answer["end_s"]) == (0.5, 1.25)
    assert answer["available"]["sound_s"] == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "there is nothing to look at; name a clip, or give a --transcript"),
        (("--transcript", " "), "there is nothing to look at"),
        (("missing.mp4",), "missing.mp4: not found"),
        ((CLIP, CLIP, "--transcript", "Twice."), "one transcript was given for 2 clips"),
        ((CLIP, "--transcript-file", "missing.txt"), "missing.txt: cannot be read"),
        ((CLIP, "--model", "data/rank"), "data/rank: no such folder; run `dvc repro`"),
        ((CLIP, "--model", CLIP), "is no folder; expected the folder of one or more seed_*.safetensors"),
        ((CLIP, "--model", f"{CLIP}/model"), f"{CLIP}/model: no such folder"),
        ((CLIP, "--start-s", "90"), "but --start-s is 90; choose a start before its end"),
    ],
)
def test_a_mistake_is_one_sentence(command, arguments, sentence):
    status, printed, errors = command("predict", *arguments)
    assert (status, printed) == (1, "")
    assert sentence in errors
    assert errors.count("\n") == 1


def test_a_recording_of_nothing_is_one_sentence(command, tmp_path):
    path = write_recording(tmp_path / "grey.mkv", pictures=numbered_pictures(np.arange(8) / 10))
    status, _, errors = command("predict", path)
    assert status == 1
    assert "no word, no sound and no face was found in it" in errors


@pytest.fixture
def with_params(command, trained):
    shutil.copy(PARAMS, trained / "params.yaml")
    yield command
    (trained / "params.yaml").unlink()


@pytest.mark.parametrize("name", ["sheet.html", "sheet.png"])
def test_a_preview_is_written(with_params, tmp_path, name):
    status, printed, _ = with_params(
        "preview", CLIP, "--transcript", SAID, "--out", tmp_path / name, "--n", 2, "--end-s", 1
    )
    assert status == 0
    assert printed.startswith(f"{CLIP.name}, 0.00 to 1.00 s: a face in 10 of 10 pictures; 7 words, ")
    assert (tmp_path / name).stat().st_size > 10_000


def test_a_preview_is_named_after_its_clip(with_params, trained):
    status, _, _ = with_params("preview", CLIP, "--n", 1, "--end-s", 0.3)
    assert status == 0
    (trained / f"{CLIP.stem}.preview.html").unlink()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((CLIP, CLIP), "preview draws one clip, found 2"),
        (("--transcript", "Words alone."), "preview draws the pictures of one clip, and none is named"),
        ((CLIP, "--n", "0"), "--n is 0; expected at least 1"),
        ((CLIP, "--out", "sheet.gif"), "sheet.gif: expected a name that ends in .html or .png"),
    ],
)
def test_a_mistake_of_preview_is_one_sentence(with_params, arguments, sentence):
    status, printed, errors = with_params("preview", *arguments)
    assert (status, printed) == (1, "")
    assert sentence in errors


def test_a_preview_outside_of_a_repository_says_so(command):
    assert command("preview", CLIP)[2] == "params.yaml: not found; run from the root of the repository\n"
