"""Files come into place whole; an interruption goes on where it was; nothing leads elsewhere."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.intake.archives import unpack
from pipeline.intake.copying import copy_files, require_space
from pipeline.intake.files import list_files, refuse_member

LONG = "ü" * 125 + ".mp4"  # 254 bytes
NAMES = (
    "a.csv",
    "clips/with a space.mp4",
    "clips/视频 é.mp4",
    f"clips/{LONG}",
    "clips/back\\slash.mp4",
    "-dash",
)


@pytest.fixture
def corpus(tmp_path):
    for name in NAMES:
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the content of {name}")
    return tmp_path / "corpus"


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("links", [("copy",), ("reflink", "copy"), ("hardlink",)])
def test_every_name_arrives_with_its_content(corpus, tmp_path, links):
    copy_files(list_files(corpus), tmp_path / "there", links=links)
    assert (
        contents(tmp_path / "there") == contents(corpus) == {name: f"the content of {name}" for name in NAMES}
    )


def test_what_systems_leave_behind_stays_where_it_is(corpus):
    for junk in (".DS_Store", "._a.csv", "__MACOSX/x"):
        (corpus / junk).parent.mkdir(exist_ok=True)
        (corpus / junk).write_text("")
    assert sorted(item.name for item in list_files(corpus)) == sorted(NAMES)


def test_a_link_inside_of_the_corpus_comes_as_its_file(corpus, tmp_path):
    (corpus / "b.csv").symlink_to("a.csv")
    copy_files(list_files(corpus), tmp_path / "there", links=("copy",))
    assert (tmp_path / "there/b.csv").read_text() == "the content of a.csv"
    assert not (tmp_path / "there/b.csv").is_symlink()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/passwd", "outside of"),
        ("../secret", "outside of"),
        ("nowhere", "to nothing"),
        ("clips", "to a folder"),
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(corpus, target, reason):
    (corpus.parent / "secret").write_text("secret")
    (corpus / "link").symlink_to(target)
    with pytest.raises(PipelineError, match=f"link is a link .*{reason}|link: is a link .*{reason}"):
        list_files(corpus)


def test_something_that_is_no_file_is_refused(corpus):
    os.mkfifo(corpus / "pipe")
    with pytest.raises(PipelineError, match="pipe: is neither a file nor a folder"):
        list_files(corpus)


def test_an_interrupted_import_goes_on_with_what_is_missing(corpus, tmp_path):
    items, there = list_files(corpus), tmp_path / "there"
    gone = corpus / items[-1].name
    moved = gone.rename(tmp_path / "kept")
    with pytest.raises(PipelineError, match="run the same command again"):
        copy_files(items, there, links=("copy",))
    first = (there / items[0].name).stat()
    moved.rename(gone)
    copy_files(items, there, links=("copy",))
    assert (there / items[0].name).stat().st_ino == first.st_ino
    assert contents(there) == contents(corpus)


def test_a_half_file_of_an_interrupted_import_is_written_again(corpus, tmp_path):
    items, there = list_files(corpus), tmp_path / "there"
    copy_files(items, there, links=("copy",))
    (there / "a.csv").write_text("the con")
    copy_files(items, there, links=("copy",))
    assert contents(there) == contents(corpus)


def test_what_the_source_no_longer_has_does_not_stay(corpus, tmp_path):
    there = tmp_path / "there"
    copy_files(list_files(corpus), there, links=("copy",))
    (corpus / "a.csv").unlink()
    copy_files(list_files(corpus), there, links=("copy",))
    assert "a.csv" not in contents(there)


def test_a_full_disk_is_said_before_anything_is_copied(tmp_path):
    with pytest.raises(PipelineError, match=r"1000000000.0 GB are needed and .* GB are free"):
        require_space(tmp_path, 10**18)


EVIL = ["../x", "/etc/x", "a/../../x", "C:\\x", "\\x", "a\\..\\..\\x", "ü" * 200]


@pytest.mark.parametrize("name", EVIL)
def test_a_member_that_cannot_lie_in_the_folder_is_told(name):
    assert refuse_member(name) is not None


def test_an_ordinary_member_is_fine():
    assert refuse_member("Raw/视频 1/0001.mp4") is None


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_writes_nothing_outside(kind, name, tmp_path):
    archive = tmp_path / f"evil.{kind}"
    (tmp_path / "x").write_text("evil")
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            # ZipFile itself would correct a name that is given to write().
            info = zipfile.ZipInfo("innocent")
            info.filename = name
            file.writestr(info, "evil")
    else:
        with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as file:
            info = tarfile.TarInfo(name)
            file.addfile(info)
    (tmp_path / "inside").mkdir()
    (tmp_path / "x").unlink()
    with pytest.raises(PipelineError, match=r"leads out of the corpus folder|no name that this system"):
        unpack(archive, tmp_path / "inside")
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name, "inside"]
    assert {path.name for path in (tmp_path / "inside").iterdir()} <= {".of-archive"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_an_archive_are_refused(kind, tmp_path):
    info = tarfile.TarInfo("innocent")
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "evil.tar", "w") as file:
        file.addfile(info)
    with pytest.raises(PipelineError, match="'innocent' is a link or a device"):
        unpack(tmp_path / "evil.tar", tmp_path / "inside")


def test_an_archive_arrives_with_its_content(corpus, tmp_path):
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as file:
        for name in NAMES[:4]:
            file.write(corpus / name, name)
        file.writestr("__MACOSX/._a.csv", "junk")
    unpack(tmp_path / "corpus.zip", tmp_path / "there")
    assert contents(tmp_path / "there") == {name: f"the content of {name}" for name in NAMES[:4]}


def test_a_damaged_archive_is_a_sentence(tmp_path):
    (tmp_path / "half.zip").write_bytes(b"PK\3\4 half")
    with pytest.raises(PipelineError, match=r"half\.zip: cannot be unpacked"):
        unpack(tmp_path / "half.zip", tmp_path / "there")


@pytest.mark.parametrize("name", [".git/config", "sub/.git/config", "sub/.git"])
def test_a_git_repository_is_refused(corpus, name):
    (corpus / name).parent.mkdir(parents=True, exist_ok=True)
    (corpus / name).write_text("gitdir: elsewhere")
    with pytest.raises(PipelineError, match=r"\.git: is a git repository, .*; copy the files without it"):
        list_files(corpus)
