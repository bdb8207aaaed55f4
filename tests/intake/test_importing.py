"""A corpus comes in whole or not at all, and the same command goes on where it was interrupted."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.intake.importing import CACHE_TYPES, Imported, corpus_name, import_corpus
from tests.corpus.replicas import REPLICAS, ROOT
from tests.intake.repositories import enter_empty_repository
from tests.pickles.examples import N, mmsa

pytestmark = pytest.mark.slow

RAW = Path("data/raw")


@pytest.fixture
def source(tmp_path):
    REPLICAS["sims"](tmp_path / "source")
    return tmp_path / "source"


def bring_in(source: Path, layout: str = "sims", name: str = "mine") -> Imported:
    return import_corpus(layout, source, name=name, raw=RAW, links=("copy",))


def files(folder: Path) -> dict[str, bytes]:
    """What a folder holds beside the facts that import writes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "corpus.yaml"
    }


def wanted(source: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(source).items() if "._" not in name}


def test_a_folder_comes_in_and_is_tracked_and_stays_where_it_was(repository, source):
    before = files(source)
    done = bring_in(source)
    assert files(RAW / "mine") == wanted(source)
    assert files(source) == before
    assert (RAW / "mine.dvc").is_file()
    assert "/mine" in (RAW / ".gitignore").read_text()
    assert (done.n_files, done.set_cache_type, done.missing_media) == (7, False, [])
    assert sorted(path.name for path in RAW.iterdir()) == [".gitignore", "mine", "mine.dvc"]
    # The same again changes nothing; another corpus does not take the name.
    bring_in(source)
    (source / "label.csv").write_text((source / "label.csv").read_text() + "\n")
    with pytest.raises(PipelineError, match="exists and holds other files than"):
        bring_in(source)


def test_where_nobody_said_how_the_cache_is_linked_it_is_said(source, tmp_path, monkeypatch):
    enter_empty_repository(tmp_path, monkeypatch)
    assert bring_in(source).set_cache_type
    assert CACHE_TYPES in Path(".dvc/config").read_text()


def test_an_archive_with_a_folder_around_everything(repository, source, tmp_path):
    with zipfile.ZipFile(tmp_path / "CH-SIMS.zip", "w") as archive:
        for name, content in files(source).items():
            archive.writestr(f"CH SIMS/{name}", content)
    bring_in(tmp_path / "CH-SIMS.zip")
    assert files(RAW / "mine") == wanted(source)
    assert sorted(path.name for path in RAW.iterdir()) == [".gitignore", "mine", "mine.dvc"]


def test_a_killed_import_leaves_no_corpus_and_goes_on(repository, source):
    # Enough files that the kill comes while they are copied, whatever else the machine does.
    for number in range(4000):
        (source / f"Raw/{number}.txt").write_text(str(number))
    command = (
        "from pathlib import Path; "
        "from pipeline.intake.importing import import_corpus; "
        f"import_corpus('sims', Path({str(source)!r}), name='mine', raw=Path('data/raw'), links=('copy',))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", command], env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    incomplete = RAW / ".mine.incomplete"
    while process.poll() is None and sum(1 for _ in incomplete.rglob("*.txt")) <= 50:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert incomplete.is_dir()
    assert not (RAW / "mine").exists()
    bring_in(source)
    assert files(RAW / "mine") == wanted(source)
    assert not incomplete.exists()


def test_a_corpus_that_came_in_and_was_not_tracked_is_tracked(repository, source):
    bring_in(source)
    (RAW / "mine.dvc").unlink()
    bring_in(source)
    assert (RAW / "mine.dvc").is_file()


def test_a_corpus_that_lies_in_place_is_tracked_there(repository, source):
    RAW.mkdir(parents=True)
    shutil.copytree(source, RAW / "mine")
    bring_in(RAW / "mine")
    assert (RAW / "mine.dvc").is_file()


def test_a_corpus_that_is_one_file(repository, tmp_path):
    pickled = tmp_path / "aligned_50.pkl"
    pickled.write_bytes(pickle.dumps(mmsa(aligned=True)))
    done = bring_in(pickled, "mmsa")
    assert files(RAW / "mine") == {"aligned_50.pkl": pickled.read_bytes()}
    assert len(done.candidates) == sum(N.values())


def test_a_file_of_another_layout_leaves_nothing_behind(repository, tmp_path):
    (tmp_path / "notes.txt").write_text("not a corpus")
    with pytest.raises(PipelineError, match="expected the table of CH-SIMS"):
        bring_in(tmp_path / "notes.txt")
    assert list(RAW.iterdir()) == []


def test_a_folder_of_which_no_media_are_there_is_refused(repository, source):
    (source / "Raw").rename(source / "Elsewhere")
    (source / "Raw").mkdir()
    with pytest.raises(PipelineError, match="holds none of the 6 media files that its table names"):
        bring_in(source)
    assert not RAW.exists()


def test_an_empty_folder_of_clips_is_named_to_whoever_has_text_alone(repository, tmp_path):
    texts = tmp_path / "texts"
    (texts / "clips").mkdir(parents=True)
    (texts / "segments.csv").write_text("id,label,text\na,1,yes\nb,2,no\n")
    with pytest.raises(PipelineError, match="for a corpus of text alone, remove its empty folder clips"):
        bring_in(texts, "folder")
    (texts / "clips").rmdir()
    assert bring_in(texts, "folder").missing_media == []


def test_ids_with_the_ending_of_their_file_are_told_to_leave_it_out(repository, tmp_path):
    named = tmp_path / "named"
    (named / "clips").mkdir(parents=True)
    (named / "clips" / "another.mp4").write_bytes(b"a film")
    (named / "segments.csv").write_text("id,label\na.mp4,1\n")
    with pytest.raises(PipelineError, match="an id is the name of its file without the ending"):
        bring_in(named, "folder")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("segments.xlsx", "save it as segments.csv beside it"),
        ("Segments.csv", "rename it to segments.csv"),
        ("labels.csv", "rename it to segments.csv"),
        ("words.csv", "put the file there or correct its name"),
    ],
)
def test_another_table_in_place_of_the_one_that_counts_is_named(repository, tmp_path, name, remedy):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / name).write_text("id,label\na,1\n")
    with pytest.raises(PipelineError, match=rf"segments\.csv: not found.*{remedy}"):
        bring_in(folder, "folder")


def test_some_missing_media_are_told(repository, source):
    (source / "Raw/video_0001/0001.mp4").unlink()
    (sentence,) = bring_in(source).missing_media
    assert sentence.endswith(
        "Raw/video_0001/0001.mp4: not found; put the file there or correct the corpus's table"
    )


@pytest.mark.parametrize("where", ["data/raw/mine/below", "data"])
def test_a_source_around_or_inside_of_its_place_is_refused(repository, source, where):
    shutil.copytree(source, repository / where)
    with pytest.raises(PipelineError, match=r"exists and holds other files|lies around or inside"):
        bring_in(repository / where)


def test_outside_of_a_repository(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="no DVC repository; run from the root"):
        bring_in(source)


@pytest.mark.parametrize(
    ("path", "name"),
    [("CH-SIMS v2", "ch-sims_v2"), ("_x_/..", None), ("Ünï corpus!", "ünï_corpus")],
)
def test_a_name_from_the_source(path, name, tmp_path):
    (tmp_path / path.split("/")[0]).mkdir()
    expected = name or corpus_name(tmp_path)
    assert corpus_name(tmp_path / path) == expected


def test_the_name_of_an_archive_is_that_of_its_corpus(tmp_path):
    for archive in ("mmsd.zip", "mmsd.tar.gz", "mmsd.tgz"):
        (tmp_path / archive).touch()
        assert corpus_name(tmp_path / archive) == "mmsd"


@pytest.mark.parametrize("name", ["sub/x.dvc", "dvc.yaml", "sub/dvc.lock", ".dvc/config"])
def test_a_corpus_with_files_of_dvc_is_refused_before_anything_is_copied(repository, source, name):
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text("outs: [{path: /etc/passwd}]")
    with pytest.raises(PipelineError, match="is a file of DVC"):
        bring_in(source)
    assert not RAW.exists() or not list(RAW.glob("*mine*"))


def test_a_failure_of_dvc_shows_its_own_reason(repository, source):
    (repository / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo\n    outs: [data/raw]\n")
    with pytest.raises(PipelineError, match=r"`dvc add data/raw/mine` failed: .*[Oo]verlap|within|output"):
        bring_in(source)


def test_a_corrected_archive_of_the_same_size_is_another_corpus(repository, source, tmp_path):
    bring_in(source)
    table = source / "label.csv"
    known = table.stat()
    table.write_bytes(table.read_bytes().swapcase())
    os.utime(table, ns=(known.st_atime_ns, known.st_mtime_ns))
    with pytest.raises(PipelineError):
        bring_in(source)
