"""Recordings on S3: listed, fetched once for each machine, checked on arrival, and a sentence where they cannot be had."""

import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="requirements-s3.lock is not installed")

from s3fs import S3FileSystem

from pipeline.artifacts.corpus.segments import Segment
from pipeline.corpus.layouts import layout_of
from pipeline.intake.in_place import list_of as digested
from pipeline.intake.in_place import survey, tables_of
from pipeline.intake.media import open_some
from pipeline.storage.checked_media import checked_medium
from pipeline.storage.media_list import LIST_FILE, read_media_list
from pipeline.storage.place import StorageError, _file_system, place_at
from tests.s3 import s3_client, s3_server
from tests.storage.workspace import CORPUS, list_of, manifest, sound, write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("workspace")]
BUCKET = "grcf-media"


@pytest.fixture
def bucket(tmp_path, monkeypatch) -> Iterator[Path]:
    """A server whose bucket holds six clips and their table below `corpora/mine`, which `$GRCF_MEDIA` names; and their folder."""
    away = write_corpus(tmp_path / "away")
    with s3_server(BUCKET, monkeypatch) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        forget_connections()
        monkeypatch.setenv("GRCF_MEDIA", f"s3://{BUCKET}/corpora/mine")
        for path in away.rglob("*.*"):
            put(path.relative_to(away).as_posix(), path.read_bytes())
        yield away


def put(name: str, content: bytes) -> None:
    s3_client(os.environ["AWS_ENDPOINT_URL"]).put_object(
        Bucket=BUCKET, Key=f"corpora/mine/{name}", Body=content
    )


def forget_connections() -> None:
    """As in a program of its own: a file system that was opened keeps its server and credentials for as long as a process lives."""
    S3FileSystem.clear_instance_cache()
    _file_system.cache_clear()


def remove_all() -> None:
    client = s3_client(os.environ["AWS_ENDPOINT_URL"])
    for found in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
        client.delete_object(Bucket=BUCKET, Key=found["Key"])


def track(folder: Path) -> None:
    """The corpus as its import leaves it."""
    shutil.copytree(folder, CORPUS, ignore=shutil.ignore_patterns("clips"))
    (CORPUS / LIST_FILE).write_text(list_of(folder))


def test_tables_come_in_and_recordings_are_listed_by_their_bytes(bucket, tmp_path):
    put("clips/._c0.mp4", b"what macOS leaves")
    put("clips/unused.mp4", b"what no segment names")
    place = place_at(f"s3://{BUCKET}/corpora/mine/")
    found = survey(place, tmp_path / "fetched tables")
    assert [item.name for item in tables_of(found.folder)] == ["segments.csv"]
    assert not (found.folder / "clips").exists()
    rows = layout_of("folder").read(found.folder)
    (found.folder / LIST_FILE).write_text(digested(place, found, rows))
    assert (found.folder / LIST_FILE).read_text() == list_of(bucket)
    # What was read is not read again; what is another recording now is.
    put("clips/c1.mp4", b"another recording")
    again = digested(place, survey(place, tmp_path / "fetched again"), rows).splitlines()
    differing = [
        line for line, before in zip(again, list_of(bucket).splitlines(), strict=True) if line != before
    ]
    assert differing == [f"clips/c1.mp4,{hashlib.sha256(b'another recording').hexdigest()},17"]


def test_segments_and_features_are_those_of_files_and_every_file_is_fetched_once(
    bucket, tmp_path, monkeypatch
):
    track(bucket)
    segments = manifest()
    copies = sorted(path.name for path in (tmp_path / "fetched").iterdir() if path.is_file())
    assert copies == sorted(f"{one.sha256}.mp4" for one in read_media_list(CORPUS).files.values())
    remove_all()
    rows = sound(segments)
    monkeypatch.setenv("GRCF_MEDIA", str(bucket))
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "another cache"))
    assert manifest() == segments
    assert sound(segments) == rows


def test_a_cache_for_one_recording_at_a_time(bucket, tmp_path, monkeypatch):
    track(bucket)
    sizes = [one.n_bytes for one in read_media_list(CORPUS).files.values()]
    most = max(sizes) + min(sizes) // 2
    monkeypatch.setenv("GRCF_MEDIA_CACHE_GB", str(most / 1e9))
    monkeypatch.setenv("GRCF_WORKERS", "2")
    rows = sound(manifest())
    assert sum(path.stat().st_size for path in (tmp_path / "fetched").iterdir() if path.is_file()) <= most
    monkeypatch.setenv("GRCF_MEDIA", str(bucket))
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "another cache"))
    assert sound(manifest()) == rows


def refused(segment: Segment) -> str:
    """What is said where a recording cannot be had."""
    with pytest.raises(StorageError) as caught, checked_medium(segment.media, segment.media_sha256):
        pass
    return str(caught.value)


def test_what_is_wrong_is_a_sentence(bucket, tmp_path, monkeypatch):
    track(bucket)
    first, second, *others = manifest()
    shutil.rmtree(tmp_path / "fetched")
    content = (bucket / "clips/c0.mp4").read_bytes()
    for changed in (content + b"x", content[:-1] + b"x", b""):
        put("clips/c0.mp4", changed)
        sentence = refused(first)
        assert sentence.startswith(
            f"data/raw/mine/clips/c0.mp4: s3://{BUCKET}/corpora/mine/clips/c0.mp4 is another recording"
        )
    assert [path for path in (tmp_path / "fetched").iterdir() if path.is_file()] == []
    remove_all()
    assert f"s3://{BUCKET}/corpora/mine/clips/c1.mp4: not found" in refused(second)
    monkeypatch.setenv("GRCF_MEDIA", "s3://no-such-bucket/mine")
    assert "s3://no-such-bucket/mine/clips/c2.mp4: not found" in refused(others[0])


def test_no_server_is_a_sentence(bucket, tmp_path, monkeypatch):
    track(bucket)
    segments = manifest()
    shutil.rmtree(tmp_path / "fetched")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv(
            "GRCF_MEDIA", f"s3://{BUCKET}/corpora/elsewhere"
        )  # no file system that is open already
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        assert "could not be reached" in refused(segments[0])


def test_no_credentials_are_a_sentence(bucket, tmp_path, monkeypatch):
    track(bucket)
    segments = manifest()
    shutil.rmtree(tmp_path / "fetched")
    forget_connections()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert "access was refused" in refused(segments[0])


def test_a_check_looks_for_every_recording_without_reading_it(bucket):
    track(bucket)
    put("clips/c3.mp4", b"short")
    rows = layout_of("folder").read(CORPUS)
    opened = open_some(rows, CORPUS, 1)
    assert list(opened.not_had) == ["clips/c3.mp4"]
    assert f"has 5 bytes at s3://{BUCKET}/corpora/mine/clips/c3.mp4" in opened.not_had["clips/c3.mp4"]
    assert list(opened.infos) == ["clips/c0.mp4"]
