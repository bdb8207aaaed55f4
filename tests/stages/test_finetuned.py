"""With `text.mode: finetuned`, the same twelve stages train an encoder, measure it and predict with it."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.trained.checkpoint import read_checkpoints
from pipeline.execution.device import may_have_gpu
from tests.grcf.encoders import FILLERS, WORDS, save_bert
from tests.stages.measuring import measured_by_workers, written
from tests.stages.repositories import Repository, make_repository

pytestmark = pytest.mark.slow


def rows() -> list[dict[str, str]]:
    """Seven speakers who say how much they liked it, and no media."""
    rng = np.random.default_rng(0)
    return [
        {
            "id": f"{speaker}{n}",
            "speaker": f"speaker {speaker}",
            "label": str(n - 3),
            "text": f"{' '.join(rng.choice(FILLERS, 3))} {WORDS[n]} {speaker}",
        }
        for speaker in "abcdefg"
        for n in range(7)
    ]


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after one `dvc repro` whose text encoder learnt."""
    repository = make_repository(tmp_path_factory.mktemp("finetuned") / "repository", rows(), {})
    save_bert(repository.path / "models/bert")
    repository.set_params(
        "text.mode=finetuned",
        "text.model=models/bert",
        "finetuning.layers=2",
        "training.chunk_size=20",
        "calibrate.scope=all",
        "training.seeds=[7,8]",
    )
    repository.run("dvc", "repro")
    return repository


def answer(repository: Repository, text: str, *options: str) -> float:
    done = repository.run(
        sys.executable, "-m", "pipeline", "predict", "--transcript", text, "--json", *options
    )
    return json.loads(done.stdout)["recordings"][0]["prediction"]


def test_the_text_stage_writes_tokens_and_no_vectors(finetuned):
    train = read_aligned(finetuned.path / "data/align/train")
    assert train.tokens is not None
    assert len(train.tokens) == len(train)
    assert train.features["text"].shape[1] == 0
    assert train.valid["text"].all()


def test_all_three_trained_stages_carry_the_layers_that_learnt(finetuned):
    for stage in ("rank", "calibrate", "pointwise"):
        for checkpoint in read_checkpoints(finetuned.path / "data" / stage, stage=stage):
            layers = {name.split(".")[5] for name in checkpoint.tensors if "word_encoder" in name}
            assert layers == {"1", "2"}


def test_every_report_is_written(finetuned):
    metrics = json.loads((finetuned.path / "reports/metrics.json").read_text())
    assert metrics["test"]["grcf"]["mae"]["mean"] > 0
    for name in ("report.html", "inspector.html", "model_card.md", "robustness.csv"):
        assert (finetuned.path / "reports" / name).stat().st_size > 500


@pytest.mark.skipif(may_have_gpu(), reason="with a GPU the stage itself measures")
def test_no_worker_has_a_copy_of_the_encoder_however_small_the_checkpoints_are(finetuned):
    before = written(finetuned)
    assert not measured_by_workers(finetuned)
    assert written(finetuned) == before


def test_a_new_sentence_gets_the_prediction_of_its_twin_in_the_corpus(finetuned):
    # A row of test, by the mean over the seeds.
    table = pd.read_csv(finetuned.path / "reports/predictions.csv").query("split == 'test'")
    row = table[table["id"] == table["id"].iloc[0]]
    (text,) = (each["text"] for each in rows() if each["id"] == row["id"].iloc[0])
    assert answer(finetuned, text) == pytest.approx(row["grcf"].mean(), abs=1e-5)


def test_the_encoder_may_lie_elsewhere_but_must_be_the_same(finetuned):
    text = rows()[-1]["text"]
    expected = answer(finetuned, text)
    folder = finetuned.path / "models/bert"
    moved = folder.rename(finetuned.path / "models/moved")
    try:
        assert answer(finetuned, text, "--text-model", str(moved)) == pytest.approx(expected, abs=1e-6)
        other = save_bert(Path(f"{moved}-other"), seed=5)
        done = finetuned.run(
            sys.executable, "-m", "pipeline", "predict", "--transcript", "good", "--text-model", str(other),
            check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "tokens of another encoder" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        moved.rename(folder)
