"""What docs/howto/remotes.md promises: push, clone afresh, pull, and there is nothing to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci.repositories import clone, with_origin
from tests.sweeping.repositories import Repository

pytest.importorskip("dvc_s3", reason="requirements-s3.lock is not installed")
from tests.s3 import s3_client, s3_server

pytestmark = pytest.mark.slow
BUCKET = "grcf-test"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that speaks the protocol of S3, with an empty bucket."""
    with s3_server(BUCKET, monkeypatch) as address:
        yield address


def assert_nothing_is_left_to_do(repository: Repository) -> None:
    assert repository.run("dvc", "status", "--quiet", check=False).returncode == 0
    output = repository.run("dvc", "repro").stdout
    assert "Running stage" not in output
    assert "Data and pipelines are up to date." in output
    assert repository.run("git", "status", "--porcelain").stdout == ""


def test_a_folder_as_remote(started, tmp_path):
    repository = with_origin(started, tmp_path)
    fresh = clone(repository, tmp_path / "clone")
    assert not (fresh.path / "data/segments.jsonl").exists()
    fresh.run("dvc", "pull")
    assert (fresh.path / "data/segments.jsonl").read_text() == "segment\n"
    assert_nothing_is_left_to_do(fresh)


def test_s3_as_remote(started, tmp_path, endpoint):
    repository = with_origin(started, tmp_path)
    repository.run("dvc", "remote", "add", "--default", "--force", "store", f"s3://{BUCKET}/grcf")
    repository.run("dvc", "remote", "modify", "store", "endpointurl", endpoint)
    repository.commit("S3")
    repository.run("git", "push", "--quiet")
    repository.run("dvc", "push")
    stored = s3_client(endpoint).list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [Path(one["Key"]).parts[0] for one in stored] == ["grcf"] * len(stored)
    fresh = clone(repository, tmp_path / "clone")
    fresh.run("dvc", "pull")
    assert (fresh.path / "data/segments.jsonl").read_text() == "segment\n"
    assert_nothing_is_left_to_do(fresh)
