"""No command writes over what this project did not make, and each says which file it wrote."""

import importlib
import os
import pickle
from argparse import ArgumentParser
from pathlib import Path

import pytest

from pipeline.artifacts.formats.outputs import require_writable, write_output, write_whole_output
from pipeline.errors import PipelineError


def refusal(path: Path, *, force: bool = False) -> str:
    with pytest.raises(PipelineError) as caught:
        write_output(path, b"page", force=force)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_ours_is_replaced_and_of_others_only_by_force(tmp_path):
    path = tmp_path / "a.html"
    for content in (b"first", b"second"):
        write_output(path, content)
        assert path.read_bytes().startswith(content)
    path.write_bytes(b"my diary")
    assert "was not written by this command; name another file, or replace it with --force" in refusal(path)
    assert path.read_bytes() == b"my diary"
    write_output(path, b"third", force=True)
    assert path.read_bytes().startswith(b"third")


def test_an_empty_file_holds_nothing_to_lose(tmp_path):
    (tmp_path / "a.html").touch()
    write_output(tmp_path / "a.html", b"page")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.mp4", b"x"),
        ("new.MOV", None),
        ("noname", b"\0\0\0 ftypisom"),
        ("a.html", b"\x1aE\xdf\xa3 matroska"),
        ("b.html", b"RIFF....WAVE"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_a_recording_is_never_written_over(tmp_path, name, content, force):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert "a recording, which is never written over" in refusal(tmp_path / name, force=force)
    assert content is None or (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("force", [False, True])
def test_devices_pipes_folders_and_dead_links_are_refused(tmp_path, force):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere/x")
    (tmp_path / "null").symlink_to("/dev/null")
    assert "is a device or a pipe" in refusal(Path("/dev/null"), force=force)
    assert "is a device or a pipe" in refusal(Path("/dev/full"), force=force)
    assert "is a device or a pipe" in refusal(tmp_path / "null", force=force)
    assert "is a device or a pipe" in refusal(tmp_path / "pipe", force=force)
    assert "is a folder" in refusal(tmp_path / "folder", force=force)
    assert "is a link to nothing" in refusal(tmp_path / "dead", force=force)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dead", "folder", "null", "pipe"]


def test_a_place_that_cannot_be_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "cannot be written (Not a directory)" in refusal(tmp_path / "file/page.html")
    assert "cannot be written (File name too long)" in refusal(tmp_path / ("x" * 300))
    with pytest.raises(PipelineError, match="null"):
        require_writable(Path("a\0b"))


def test_a_link_to_a_page_of_ours_stays_a_link(tmp_path):
    write_output(tmp_path / "page.html", b"first")
    (tmp_path / "link.html").symlink_to("page.html")
    write_output(tmp_path / "link.html", b"second")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "page.html").read_bytes().startswith(b"second")


def test_a_pickle_is_read_as_it_was_written(tmp_path):
    write_whole_output(tmp_path / "a.pkl", lambda file: pickle.dump({"a": 1}, file))
    with (tmp_path / "a.pkl").open("rb") as file:
        assert pickle.load(file) == {"a": 1}
    write_whole_output(tmp_path / "a.pkl", lambda file: pickle.dump({"a": 2}, file))


def test_a_failed_write_leaves_what_was_there_and_the_true_sentence(tmp_path, monkeypatch):
    write_output(tmp_path / "a.html", b"first")

    def refuse(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert "could not be written (No space left on device)" in refusal(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_bytes().startswith(b"first")


@pytest.mark.parametrize("name", ["check", "compare", "export", "inspect", "predict", "preview"])
def test_every_command_that_writes_can_be_forced(name):
    parser = ArgumentParser()
    importlib.import_module(f"pipeline.commands.{name}").add_arguments(parser)
    assert "--force" in parser.format_help()
