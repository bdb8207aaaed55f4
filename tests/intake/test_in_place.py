"""A corpus whose recordings stay where they are: what comes in, what DVC says of it, and what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.corpus.inspection import inspect_all
from pipeline.corpus.layouts import layout_of
from pipeline.corpus.manifest import media_files
from pipeline.storage.media_list import LIST_FILE
from pipeline.storage.place import StorageError
from tests.intake.repositories import enter_empty_repository
from tests.storage.workspace import list_of, manifest, write_corpus

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MINE = Path("data/raw/mine")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """One with parameters, where nothing says yet where media lie."""
    repository = enter_empty_repository(tmp_path, monkeypatch, cache_type="copy")
    monkeypatch.delenv("GRCF_MEDIA", raising=False)
    monkeypatch.delenv("GRCF_CACHE", raising=False)
    shutil.copy(ROOT / "params.yaml", repository)
    return repository


def dvc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def status() -> str:
    return subprocess.run(dvc("status"), check=True, capture_output=True, text=True).stdout


def bring_in(source: object, *options: str, layout: str = "folder") -> int:
    return main(["import", layout, str(source), "--in-place", *options])


def test_tables_come_in_and_the_place_is_no_part_of_what_dvc_knows(repository, tmp_path, monkeypatch, capsys):
    away = write_corpus(tmp_path / "away")
    (away / "README.md").write_text("a corpus")
    before = sorted(away.rglob("*"))
    assert bring_in(away, "--name", "mine") == 0
    output = capsys.readouterr().out
    assert f"export GRCF_MEDIA={away}" in output
    assert f"its recordings stay at {away}; {MINE / LIST_FILE} has their digests" in output
    assert sorted(path.name for path in MINE.rglob("*")) == [
        "README.md", "corpus.yaml", LIST_FILE, "segments.csv",
    ]  # fmt: skip
    assert (MINE / LIST_FILE).read_text() == list_of(away)
    assert sorted(away.rglob("*")) == before
    assert sorted(path.name for path in MINE.parent.iterdir()) == [".gitignore", "mine", "mine.dvc"]
    assert not any(str(away) in path.read_text() for path in [MINE.with_name("mine.dvc"), *MINE.iterdir()])

    (repository / "dvc.yaml").write_text(
        "stages:\n  look:\n    cmd: cat data/raw/mine/* > seen\n    deps: [data/raw/mine]\n    outs: [seen]\n"
    )
    subprocess.run(dvc("repro", "-q"), check=True)
    assert "up to date" in status()
    away.rename(tmp_path / "moved")
    monkeypatch.setenv("GRCF_MEDIA", str(tmp_path / "moved"))
    assert "up to date" in status()
    assert len(manifest(MINE)) == 6
    assert "up to date" in status()
    first, *others = (MINE / LIST_FILE).read_text().splitlines(keepends=True)
    others[0] = others[0].replace(others[0].split(",")[1], "0" * 64)
    (MINE / LIST_FILE).write_text("".join([first, *others]))
    assert "modified:           data/raw/mine" in status()


def test_the_same_again_changes_nothing_and_other_recordings_are_another_corpus(repository, tmp_path, capsys):
    away = write_corpus(tmp_path / "away")
    assert bring_in(away, "--name", "mine") == 0
    assert bring_in(away, "--name", "mine") == 0
    (away / "clips/c1.mp4").write_bytes((away / "clips/c2.mp4").read_bytes())
    capsys.readouterr()
    assert bring_in(away, "--name", "mine") == 1
    assert "exists and holds other files" in capsys.readouterr().err


def test_a_part_of_a_pool_may_have_its_recordings_elsewhere(repository, tmp_path, monkeypatch):
    away = write_corpus(tmp_path / "away")
    assert bring_in(away, "--name", "mine") == 0
    assert main(["import", "folder", str(away), "--name", "here"]) == 0
    assert main(["import", "pool", "mine", "here", "--name", "both"]) == 0
    rows = layout_of("pool").read(Path("data/raw/both"))
    assert [row.media for row in rows] == [
        f"{part}/clips/c{n}.mp4" for part in ("mine", "here") for n in range(6)
    ]
    monkeypatch.setenv("GRCF_MEDIA", f"mine={away}")
    inspected = inspect_all(media_files(rows), folder=Path("data/raw/both"))
    assert [found.reason for found in inspected.values()] == [None] * 12
    digests = {name.partition("/")[2]: found.sha256 for name, found in inspected.items()}
    assert all(digests[name.partition("/")[2]] == found.sha256 for name, found in inspected.items())
    assert not Path("data/raw/both/mine/clips").exists()


def test_a_check_says_what_is_not_there(repository, tmp_path, monkeypatch, capsys):
    away = write_corpus(tmp_path / "away")
    assert bring_in(away, "--name", "mine") == 0
    capsys.readouterr()
    assert main(["check", "mine"]) == 1
    assert "GRCF_MEDIA is not set" in " ".join(capsys.readouterr().out.split())
    main(["check", "mine", "--open", "0"])
    assert "GRCF_MEDIA" not in capsys.readouterr().out
    monkeypatch.setenv("GRCF_MEDIA", str(away))
    (away / "clips/c1.mp4").unlink()
    (away / "clips/c2.mp4").write_bytes(b"short")
    assert main(["check", "mine", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (problem,) = [one for one in found["problems"] if one["kind"] == "media"]
    assert problem["n"] == 2
    assert f"data/raw/mine/clips/c1.mp4: not found at {away}/clips/c1.mp4" in problem["sentence"]


def test_a_check_says_that_one_other_recording_ends_a_run_however_many_may_be_lost(
    repository, tmp_path, monkeypatch, capsys
):
    away = write_corpus(tmp_path / "away")
    assert bring_in(away, "--name", "mine") == 0
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("max_rejected_share: 0.1", "max_rejected_share: 0.9"))
    monkeypatch.setenv("GRCF_MEDIA", str(away))
    assert main(["check", "mine"]) == 0
    recording = away / "clips/c1.mp4"
    content = recording.read_bytes()
    for other, sentence in [
        (content[:-1] + bytes([content[-1] ^ 1]), "is another recording"),
        (content + b" ", "by its list"),
        (None, "not found at"),
    ]:
        if other is None:
            recording.unlink()
        else:
            recording.write_bytes(other)
        capsys.readouterr()
        assert main(["check", "mine", "--json"]) == 1
        (problem,) = [
            one for one in json.loads(capsys.readouterr().out)["problems"] if one["kind"] == "media"
        ]
        assert (problem["level"], problem["n"]) == ("error", 1)
        assert sentence in problem["sentence"]
        assert "A run ends with the first of these" in problem["sentence"]
        with pytest.raises(StorageError):
            manifest(MINE)


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("nowhere", (), "not found"),
        ("away/segments.csv", (), "is no folder; --in-place is for a corpus that is unpacked"),
        ("away/clips", (), "segments.csv"),
        ("empty", (), "segments.csv"),
        ("away", ("--label", "label"), "options on columns are for a table"),
        ("repository", (), "lies around or inside of"),
        ("textual", (), "holds no recording that a table of the corpus names; leave --in-place out"),
    ],
)
def test_what_cannot_stay_in_place_is_refused(repository, tmp_path, capsys, source, options, sentence):
    write_corpus(tmp_path / "away")
    (tmp_path / "empty").mkdir()
    write_corpus(tmp_path / "textual")
    shutil.rmtree(tmp_path / "textual/clips")
    assert bring_in(tmp_path / source, "--name", "mine", *options) == 1
    assert sentence in capsys.readouterr().err
    assert not MINE.exists()


def test_an_address_needs_in_place_and_a_pool_none(repository, capsys):
    assert main(["import", "folder", "s3://me:secret@bucket/corpus"]) == 1
    said = capsys.readouterr().err
    assert "s3://bucket/corpus: is an address; leave the recordings there by --in-place" in said
    assert main(["import", "pool", "a", "b", "--name", "c", "--in-place"]) == 1
    assert "a pool is made of those that are" in capsys.readouterr().err
