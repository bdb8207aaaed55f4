from pathlib import Path

import pytest

from tests.extract.speech_models import train_ctc


@pytest.fixture(scope="session")
def tone_model(tmp_path_factory) -> Path:
    """A CTC model that has learnt the language of tones."""
    return train_ctc(tmp_path_factory.mktemp("models") / "tones")
