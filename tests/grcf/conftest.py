"""Small aligned splits with a known signal."""

import pytest

from pipeline.artifacts.aligned import AlignedSplit
from tests.grcf.synthetic import make_split


@pytest.fixture(scope="session")
def train() -> AlignedSplit:
    return make_split("train", 70, seed=1)


@pytest.fixture(scope="session")
def valid() -> AlignedSplit:
    return make_split("valid", 30, seed=2)
