"""What stage 1 says of the pairs of train is of the segments that it learnt from."""

from dataclasses import replace
from pathlib import Path

import yaml

from pipeline.artifacts.aligned.writing import write_aligned
from pipeline.artifacts.corpus.task import Task, write_task
from pipeline.artifacts.trained.checkpoint import write_checkpoints
from pipeline.artifacts.trained.hardest_pairs import read_hardest_pairs
from pipeline.yaml12 import parse_yaml
from stages import rank as stage
from tests.grcf.models import MARGIN, rank
from tests.grcf.synthetic import make_split
from tests.stages.repositories import ROOT


def test_segments_without_a_rater_are_not_weighed_where_raters_are_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = make_split("train", 60, seed=0)
    train = replace(train, rater=tuple(f"r{n % 3}" if n < 36 else "" for n in range(60)))
    valid = replace(make_split("valid", 30, seed=1), rater=tuple(f"r{n % 3}" for n in range(30)))
    settings = parse_yaml((ROOT / "params.yaml").read_text())
    settings["margin"]["within"] = "rater"
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    write_aligned(stage.TRAIN, train)
    write_task(stage.TASK, Task("regression", "label", -3.0, 3.0, "mosi", "integer"))
    write_checkpoints(stage.CHECKPOINTS, [rank(train, valid, margin=replace(MARGIN, within="rater"))])
    stage.describe()
    assert read_hardest_pairs(stage.HARDEST_PAIRS).n_segments == 36
