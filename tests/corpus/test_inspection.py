"""Whatever a corpus names is described or refused with a sentence; nothing it names can stop the stage."""

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline.corpus.inspection import inspect_all, inspect_media
from tests.media.recordings import numbered_pictures, write_recording


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.mp4", "not found"),
        ("folder", "is no file"),
        ("pipe", "is no file"),
        ("loop", "cannot be read (Too many levels of symbolic links)"),
        ("a\0b", "cannot be read (embedded null byte)"),
        ("x" * 5000, "cannot be read (File name too long)"),
        ("/etc/passwd", "leads out of the corpus folder"),
        ("../corpus/film.mp4", "leads out of the corpus folder"),
    ],
)
def test_what_is_no_file_of_the_corpus_is_refused(tmp_path, name, reason):
    corpus = tmp_path / "corpus"
    (corpus / "folder").mkdir(parents=True)
    os.mkfifo(corpus / "pipe")
    (corpus / "loop").symlink_to("loop")
    (corpus / "film.mp4").write_bytes(b"not asked for")

    (refused,) = inspect_all([name], folder=corpus).values()

    assert refused.info is None
    assert reason in refused.reason


def test_a_file_on_which_the_decoder_hangs_or_crashes_is_refused_and_the_others_are_not(
    tmp_path, monkeypatch
):
    write_recording(tmp_path / "good.mp4", pictures=numbered_pictures([0.0, 0.1, 0.2]))
    (tmp_path / "crash.mp4").write_bytes(b"x")
    (tmp_path / "hang.mp4").write_bytes(b"x")
    monkeypatch.setattr("pipeline.corpus.inspection.inspect_media", hostile)
    monkeypatch.setattr("pipeline.corpus.inspection._LIMIT_S", 3.0)

    inspected = inspect_all(["crash.mp4", "good.mp4", "hang.mp4"], folder=tmp_path)

    assert inspected["crash.mp4"].reason.startswith(
        f"{tmp_path}/crash.mp4: its worker process died of SIGABRT"
    )
    assert inspected["hang.mp4"].reason.startswith(
        f"{tmp_path}/hang.mp4: took longer than 3 s and was stopped"
    )
    assert asdict(inspected["good.mp4"]) == asdict(inspect_media("good.mp4", folder=tmp_path))


def hostile(media: str, *, folder: Path):
    """Stands for a decoder with a bug, which no file at hand sets off."""
    if media == "crash.mp4":
        os.abort()
    if media == "hang.mp4":
        while True:
            pass
    return inspect_media(media, folder=folder)
