"""A segment whose fields are told only where a test is about them."""

from typing import Any

from pipeline.artifacts.corpus.segments import Segment


def make_segment(**fields: Any) -> Segment:
    """Two seconds of train without a recording or a transcript, and `fields` in the place of what they name."""
    plain = {
        "id": "a",
        "split": "train",
        "label": 0.0,
        "speaker": "s",
        "video": "v",
        "language": "en",
        "text": None,
        "media": None,
        "media_sha256": None,
        "has_audio": False,
        "has_video": False,
        "start_s": 0.0,
        "end_s": 2.0,
    }
    return Segment(**plain | fields)
