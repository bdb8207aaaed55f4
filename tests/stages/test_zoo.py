"""A corpus of files that break pipelines: each is extracted, or refused with a sentence that names it and says why."""

import re

import pytest

from pipeline.artifacts.corpus.rejections import read_rejections
from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.corpus.words import read_words
from pipeline.artifacts.features.shards import read_sequences
from tests.media.broken import absurd, truncated, whole_recordings
from tests.media.recordings import shared_data
from tests.stages.repositories import Repository, make_repository

pytestmark = pytest.mark.slow


def corpus(tmp_path, media) -> Repository:
    rows = [
        {"id": f"{number:02d}", "media": name, "speaker": f"s{number}", "label": "1", "text": "Hello there."}
        for number, name in enumerate(sorted(media))
    ]
    repository = make_repository(tmp_path / "repository", rows, media)
    repository.edit("params.yaml", "max_rejected_share: 0.2", "max_rejected_share: 0.9")
    return repository


def assert_extracted_or_refused(repository: Repository) -> None:
    """Run the stages that open media."""
    for stage in ("manifest", "words", "audio", "visual"):
        assert "Traceback" not in repository.stage(stage).stderr
    data = repository.path / "data"
    for rejection in read_rejections(data / "manifest/rejected.csv"):
        # The file, a cause, and what to do.
        assert re.search(rf"{re.escape(rejection.media)}: .{{15,}}[;:] ", rejection.reason), rejection
    segments = {segment.id: segment for segment in read_segments(data / "manifest/segments.jsonl")}
    assert len(segments) >= 3
    for modality in ("audio", "visual"):
        packed = read_sequences(data / modality)
        for id_, segment in segments.items():
            failure = packed[id_].failure
            assert len(packed[id_].values) or failure, segment
            assert failure is None or id_ in failure or segment.media in failure, failure
    assert {row.id for row in read_words(data / "words/words.jsonl")} == set(segments)


def test_the_zoo(tmp_path):
    assert_extracted_or_refused(corpus(tmp_path, {path.name: path for path in shared_data("zoo").iterdir()}))


def test_damage_of_our_own(tmp_path):
    folder = tmp_path / "made"
    whole = whole_recordings(folder / "whole")
    made = [
        path
        for name in ("film.mp4", "film.avi", "sound.wav")
        for path in truncated(folder / "whole" / name, folder)
    ]
    media = {path.name: path for path in [*made, *absurd(whole, folder).values()]}
    (folder / "list.mp4").write_text("ffconcat version 1.0\nfile film_90.avi\n")
    assert_extracted_or_refused(corpus(tmp_path, media | {"list.mp4": folder / "list.mp4"}))
