"""What systems and tools leave in a corpus, and what is hidden there, counts for nothing in any layout."""

from pathlib import Path

import pytest

from pipeline.corpus.folder import read_folder
from pipeline.corpus.layouts import LAYOUTS
from pipeline.errors import PipelineError
from pipeline.intake.files import list_files
from pipeline.pickles.layouts import find_pickle
from pipeline.storage.left_behind import is_junk, is_left_out
from tests.corpus.replicas import N_SEGMENTS, REPLICAS, write


def litter(folder: Path) -> None:
    """Beside each file what macOS and Windows leave there; and copies of the whole corpus, damaged, in folders that do not count."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        below = path.relative_to(folder)
        for above in (".backup", ".git/modules", "__MACOSX", ".Trashes/501", "lost+found", "@eaDir"):
            write(folder / above / below, b"\0\5\26\7")
        write(folder / "__MACOSX" / below.with_name(f"._{below.name}"), b"\0\5\26\7")
        write(path.with_name(f"._{path.name}"), b"\0\5\26\7")
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", f".{path.name}"):
            write(path.with_name(name), b"\0\5\26\7")
    (folder / ".git/config").symlink_to("/etc/hosts")


@pytest.mark.parametrize("name", REPLICAS)
def test_no_layout_takes_what_is_left_behind_for_content(name, tmp_path):
    REPLICAS[name](tmp_path)
    before = LAYOUTS[name].read(tmp_path)
    litter(tmp_path)
    assert LAYOUTS[name].read(tmp_path) == before


@pytest.mark.parametrize(
    "junk", ["__MACOSX/._a.srt", ".git/a.srt", "._a.srt", "__MACOSX/sub/a.vtt", ".old/a.TextGrid"]
)
def test_transcripts_of_nobody_are_no_transcripts_that_nothing_was_found_of(junk, tmp_path):
    write(tmp_path / "clips/a.mp4", b"x")
    write(tmp_path / f"transcripts/{junk}", b"x")
    write(tmp_path / "segments.csv", "id,label,text\na,1,\n")
    (row,) = read_folder(tmp_path)
    assert not row.text


def test_a_feature_pickle_is_found_beside_what_macos_left(tmp_path):
    for name in ("mosi.pkl", "._mosi.pkl", ".old.pkl"):
        (tmp_path / name).touch()
    assert find_pickle(tmp_path).name == "mosi.pkl"


def test_a_hidden_spreadsheet_is_no_table_to_save(tmp_path):
    for name in ("._corpus.xlsx", "notes.md"):
        (tmp_path / name).touch()
    with pytest.raises(PipelineError) as refused:
        read_folder(tmp_path)
    assert "._corpus.xlsx" not in str(refused.value)


@pytest.mark.parametrize("name", ["THUMBS.DB", "__macosx", "Desktop.ini", ".ds_store"])
def test_letter_case_makes_no_content_of_it(name, tmp_path):
    write(tmp_path / name, b"x")
    assert is_junk(name)
    assert list_files(tmp_path) == []


@pytest.mark.parametrize("name", ["a.mp4", "_a.mp4", "-a.mp4", "__a", "thumbs.db.csv", "…", "a."])
def test_other_names_are_content(name, tmp_path):
    write(tmp_path / name, b"x")
    assert not is_left_out(name)
    assert [item.name for item in list_files(tmp_path)] == [name]


def test_a_corpus_below_a_hidden_folder_is_read(tmp_path):
    folder = tmp_path / ".data/corpora/mer"
    folder.mkdir(parents=True)
    REPLICAS["mer2023"](folder)
    assert len(LAYOUTS["mer2023"].read(folder)) == N_SEGMENTS["mer2023"]


def test_a_table_may_name_a_hidden_recording(tmp_path):
    write(tmp_path / ".clips/a.mp4", b"x")
    write(tmp_path / "segments.csv", "id,label,media\na,1,.clips/a.mp4\n")
    (row,) = read_folder(tmp_path)
    assert row.media == ".clips/a.mp4"
