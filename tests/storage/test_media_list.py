"""The list that stands for recordings elsewhere: readers see by it what they would see on the disk, and damage is a sentence."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.corpus.inspection import refuse_name
from pipeline.corpus.layouts import layout_of
from pipeline.corpus.media_index import is_medium
from pipeline.errors import PipelineError
from pipeline.storage.media_list import LIST_FILE, Listed, list_to_text, listed_at, read_media_list
from tests.corpus.replicas import REPLICAS

HEADER = "media,sha256,n_bytes\n"
DIGEST = "0123456789abcdef" * 4


def take_media_out(folder: Path) -> None:
    """Leave a list in the place of the recordings of a corpus, and nothing of their folders."""
    media = [path for path in folder.rglob("*") if path.is_file() and is_medium(path.name)]
    listed = {path.relative_to(folder).as_posix(): Listed(DIGEST, path.stat().st_size) for path in media}
    for path in media:
        path.unlink()
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    (folder / LIST_FILE).write_text(list_to_text(listed))


@pytest.mark.parametrize("layout", REPLICAS)
def test_every_layout_reads_the_same_segments_by_a_list(tmp_path, layout):
    whole, listed = tmp_path / "whole", tmp_path / "listed"
    REPLICAS[layout](whole)
    shutil.copytree(whole, listed)
    take_media_out(listed)

    def seen(folder: Path):
        return [
            replace(row, place=row.place.replace(str(folder), ""), excluded=(row.excluded or "").replace(str(folder), ""))
            for row in layout_of(layout).read(folder)
        ]  # fmt: skip

    found = seen(listed)
    assert found == seen(whole)
    used = [row.media for row in found if row.media is not None and not row.excluded]
    assert used
    assert [refuse_name(name, folder=listed) for name in used] == [None] * len(used)
    assert not any((listed / name).exists() for name in used)


def test_what_is_written_is_read(tmp_path):
    files = {
        name: Listed(DIGEST, number)
        for number, name in enumerate(
            ["clips/a.mp4", "=1+1.wav", "a, b.mp4", 'quo"ted.mp4', "Ünïcode/é.mov", "line\nend.mp4"]
        )
    }
    (tmp_path / LIST_FILE).write_text(list_to_text(files))
    assert read_media_list(tmp_path).files == files
    assert read_media_list(tmp_path).names_in(".") == sorted(
        ["clips", "=1+1.wav", "a, b.mp4", 'quo"ted.mp4', "Ünïcode", "line\nend.mp4"]
    )
    assert listed_at(tmp_path / "clips/a.mp4") == Listed(DIGEST, 0)
    assert listed_at(tmp_path / "clips/b.mp4") is None


def test_a_list_that_changed_is_read_again(tmp_path):
    (tmp_path / LIST_FILE).write_text(list_to_text({"a.mp4": Listed(DIGEST, 1)}))
    assert set(read_media_list(tmp_path).files) == {"a.mp4"}
    (tmp_path / LIST_FILE).write_text(list_to_text({"longer.mp4": Listed(DIGEST, 1)}))
    assert set(read_media_list(tmp_path).files) == {"longer.mp4"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "line 1: is ''; expected media,sha256,n_bytes"),
        ("name,md5\n", "line 1: is 'name,md5'"),
        (HEADER + f"a.mp4,{DIGEST}\n", "line 2: has 2 cells"),
        (HEADER + f"a.mp4,{DIGEST[:-1]},1\n", "line 2: sha256 is"),
        (HEADER + f"a.mp4,{DIGEST.upper()},1\n", "line 2: sha256 is"),
        (HEADER + f"a.mp4,{DIGEST},-1\n", "line 2: n_bytes is '-1'"),
        (HEADER + f"a.mp4,{DIGEST},1\na.mp4,{DIGEST},1\n", "line 3: names 'a.mp4' a second time"),
        (HEADER + f"../a.mp4,{DIGEST},1\n", "leads out of the corpus folder"),
        (HEADER + f"clips/../../a.mp4,{DIGEST},1\n", "leads out of the corpus folder"),
        (HEADER + f"/etc/a.mp4,{DIGEST},1\n", "leads out of the corpus folder"),
        (HEADER + f"..\\a.mp4,{DIGEST},1\n", "leads out of the corpus folder"),
        (HEADER + f"C:\\a.mp4,{DIGEST},1\n", "leads out of the corpus folder"),
        (HEADER + f"./a.mp4,{DIGEST},1\n", "is another way to write 'a.mp4'"),
        (HEADER + f"clips//a.mp4,{DIGEST},1\n", "is another way to write 'clips/a.mp4'"),
    ],
)  # fmt: skip
def test_damage_is_a_sentence(tmp_path, content, sentence):
    (tmp_path / LIST_FILE).write_text(content)
    with pytest.raises(PipelineError) as caught:
        read_media_list(tmp_path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / LIST_FILE))
