"""Small aligned splits with a known signal."""

from pathlib import Path

import pytest

from pipeline.artifacts.aligned.split import AlignedSplit
from tests.grcf.encoders import make_spoken_split, save_bert
from tests.grcf.synthetic import make_split


@pytest.fixture(scope="session")
def train() -> AlignedSplit:
    return make_split("train", 70, seed=1)


@pytest.fixture(scope="session")
def valid() -> AlignedSplit:
    return make_split("valid", 30, seed=2)


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> Path:
    """A small text encoder in a folder."""
    return save_bert(tmp_path_factory.mktemp("encoders") / "bert")


@pytest.fixture(scope="session")
def spoken_train(bert) -> AlignedSplit:
    return make_spoken_split("train", 60, seed=1, folder=bert)


@pytest.fixture(scope="session")
def spoken_valid(bert) -> AlignedSplit:
    return make_spoken_split("valid", 30, seed=2, folder=bert)


@pytest.fixture(scope="session")
def bert_without_dropout(tmp_path_factory) -> tuple[AlignedSplit, AlignedSplit]:
    """Train and valid for an encoder in which nothing is random."""
    folder = save_bert(tmp_path_factory.mktemp("encoders") / "calm", dropout=0.0)
    return make_spoken_split("train", 60, seed=1, folder=folder), make_spoken_split(
        "valid", 30, seed=2, folder=folder
    )
