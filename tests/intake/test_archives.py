"""An archive is unpacked whole or refused by a sentence that names what is wrong with it."""

import gzip
import io
import json
import os
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.intake.archives import unpack, unpacked_bytes

CONTENT = {
    "label.csv": b"video_id,clip_id,text,label\n" * 40,
    "Raw/v/1.mp4": random.Random(1).randbytes(20_000),
}


def zipped(path: Path, content=CONTENT, compression=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, bytes_ in content.items():
            file.writestr(name, bytes_)
    return path


def tarred(path: Path, content=CONTENT, mode="w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, bytes_ in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(bytes_)
            file.addfile(info, io.BytesIO(bytes_))
    return path


def measure_and_unpack(archive: Path, folder: Path) -> None:
    """What the headers do not show, the content does."""
    unpacked_bytes(archive)
    unpack(archive, folder)


def refusal(archive: Path, folder: Path) -> str:
    with pytest.raises(PipelineError) as caught:
        measure_and_unpack(archive, folder)
    assert "\n" not in str(caught.value)
    assert archive.name in str(caught.value)
    return str(caught.value)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def flipped(path: Path, place: int, mask: int = 0xFF) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= mask
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_every_kind_arrives_whole(tmp_path, kind):
    archive = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(archive)
    else:
        tarred(archive, mode=f"w:{kind.removeprefix('tar').removeprefix('.')}")
    assert unpacked_bytes(archive) == sum(map(len, CONTENT.values()))
    unpack(archive, tmp_path / "there")
    assert files(tmp_path / "there") == CONTENT


def test_a_wrong_checksum_names_the_member(tmp_path):
    archive = zipped(tmp_path / "a.zip", compression=zipfile.ZIP_STORED)
    flipped(archive, archive.read_bytes().index(CONTENT["Raw/v/1.mp4"]) + 99)
    assert "the member 'Raw/v/1.mp4' cannot be read: Bad CRC-32" in refusal(archive, tmp_path / "there")


def test_broken_compression_names_the_member(tmp_path):
    archive = zipped(tmp_path / "a.zip")
    place = 30 + len("label.csv")
    content = bytearray(archive.read_bytes())
    content[place : place + 20] = b"\xff" * 20
    archive.write_bytes(content)
    assert "the member 'label.csv' cannot be read: " in refusal(archive, tmp_path / "there")


@pytest.mark.parametrize(
    ("offset", "value", "sentence"), [(8, 1, "is encrypted"), (10, 77, "cannot be read: ")]
)
def test_encryption_and_unknown_compression_are_named(tmp_path, offset, value, sentence):
    archive = zipped(tmp_path / "a.zip", {"label.csv": b"x"})
    content = bytearray(archive.read_bytes())
    central = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, central + offset, value)
    struct.pack_into("<H", content, offset - 2, value)
    archive.write_bytes(content)
    assert sentence in refusal(archive, tmp_path / "there")
    assert "'label.csv'" in refusal(archive, tmp_path / "there")


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2"])
def test_a_flipped_byte_in_a_compressed_tar_is_found_wherever_it_is(tmp_path, kind):
    whole = tarred(tmp_path / f"whole.tar.{kind}", mode=f"w:{kind}").read_bytes()
    archive = tmp_path / f"a.tar.{kind}"
    # The first bytes of gzip are a time and a name, which nothing depends on.
    for place in [*range(40, len(whole), len(whole) // 8), len(whole) - 8]:
        archive.write_bytes(whole)
        flipped(archive, place)
        assert "cannot be unpacked" in refusal(archive, tmp_path / "there")


def test_a_damaged_header_in_a_tar_is_no_end(tmp_path):
    archive = tarred(tmp_path / "a.tar", {"a.csv": b"x" * 600, "b.csv": b"y"})
    flipped(archive, 512 + 1024 + 3)
    assert "a header in it is damaged" in refusal(archive, tmp_path / "there")
    whole = tarred(tmp_path / "a.tar", {"a.csv": b"x" * 600, "b.csv": b"y"}).read_bytes()
    archive.write_bytes(whole[: 512 + 1024])
    assert "cut short" in refusal(archive, tmp_path / "there")


def test_headers_of_gigabytes_are_not_read(tmp_path):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 3 << 30
    archive = tmp_path / "a.tar"
    archive.write_bytes(info.tobuf() + b"\0" * 4096)
    assert "a header says that it has 3,221,225,472 bytes" in refusal(archive, tmp_path / "there")


def test_many_headers_in_a_chain_are_no_endless_recursion(tmp_path):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 0
    archive = tmp_path / "a.tar"
    archive.write_bytes(info.tobuf() * 5000 + b"\0" * 1024)
    assert "cannot be unpacked" in refusal(archive, tmp_path / "there")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, kind):
    archive = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(archive, {"a.csv": b"\0" * (300 << 20)})
    else:
        with gzip.open(archive, "wb", compresslevel=1) as file:
            info = tarfile.TarInfo("a.csv")
            info.size = 300 << 20
            file.write(info.tobuf())
            for _ in range(300):
                file.write(b"\0" * (1 << 20))
            file.write(b"\0" * 1024)
    assert "say that they unpack to more than" in refusal(archive, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_name_of_chinese_windows_is_decoded(tmp_path):
    name = "视频_01/片段.mp4"
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        info = zipfile.ZipInfo("x")
        info.filename = name.encode("gbk").decode("cp437")
        file.writestr(info, b"clip")
    content = archive.read_bytes()
    # What zipfile wrote as UTF-8 with its flag becomes the bytes of GBK without.
    utf8, gbk = name.encode("gbk").decode("cp437").encode(), name.encode("gbk")
    out = bytearray()
    for signature, flags, length in ((b"PK\x03\x04", 6, 26), (b"PK\x01\x02", 8, 28)):
        start = content.index(signature)
        end = content.index(utf8, start)
        head = bytearray(content[start:end])
        struct.pack_into("<H", head, flags, 0)
        struct.pack_into("<H", head, length, len(gbk))
        out += head + gbk
        if signature == b"PK\x03\x04":
            out += b"clip"
            central = len(out)
    directory = len(out) - central
    out += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, directory, central, 0)
    archive.write_bytes(out)
    unpack(archive, tmp_path / "there")
    assert files(tmp_path / "there") == {name: b"clip"}


def test_two_names_that_some_systems_hold_for_one_are_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"A.csv": b"1", "a.csv": b"2"})
    assert "holds both 'A.csv' and 'a.csv'" in refusal(archive, tmp_path / "there")


@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar"])
def test_an_archive_is_what_its_bytes_say_whatever_it_is_called(tmp_path, form):
    mode = {"tar": "w", "tar.gz": "w:gz"}.get(form)
    archive = zipped(tmp_path / "a.tgz") if mode is None else tarred(tmp_path / "a.zip", mode=mode)
    measure_and_unpack(archive, tmp_path / "there")
    assert {name for name in files(tmp_path / "there") if name in CONTENT} == set(CONTENT)


@pytest.mark.parametrize(
    ("head", "kind"), [(b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"\x28\xb5\x2f\xfd", "packed by Zstandard")]
)
@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_an_archive_of_another_program_is_named(tmp_path, name, head, kind):
    (tmp_path / name).write_bytes(head + bytes(100))
    assert f"is {kind}; unpack it with a program that reads it" in refusal(
        tmp_path / name, tmp_path / "there"
    )


def test_one_name_for_a_file_and_a_folder_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"A": b"x", "a/b": b"y"})
    assert "holds 'A' both as a file and as a folder" in refusal(archive, tmp_path / "there")


@pytest.mark.parametrize("name", ["a\x1b[2J.csv", "a\nb.csv", "a\u2028b/c.csv"])
def test_a_member_whose_name_would_move_a_terminal_is_refused(tmp_path, name):
    sentence = refusal(zipped(tmp_path / "a.zip", {name: b"x"}), tmp_path / "there")
    assert "has a control character or a line end in its name" in sentence
    assert sentence.isprintable()


def test_what_another_archive_left_is_removed(tmp_path):
    there = tmp_path / "there"
    unpack(zipped(tmp_path / "v1.zip", {"label.csv": b"old!", "stray.csv": b"s"}), there)
    unpack(zipped(tmp_path / "v2.zip", {"label.csv": b"new!"}), there)
    assert files(there) == {"label.csv": b"new!"}


def test_an_interrupted_unpacking_goes_on_and_trusts_no_other(tmp_path, monkeypatch):
    archive, there = zipped(tmp_path / "a.zip"), tmp_path / "there"
    real, n = Path.replace, [0]

    def full(self, target):
        n[0] += 1
        if n[0] == 2:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PipelineError, match=r"No space left.*goes on from there"):
        unpack(archive, there)
    inode = (there / "label.csv").stat().st_ino
    unpack(archive, there)
    assert (there / "label.csv").stat().st_ino == inode
    assert files(there) == CONTENT


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        (b"<html><body>Sign in</body></html>", "is a web page"),
        (b"", "cannot be unpacked"),
        (b"no archive", "cannot be unpacked"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
def test_what_is_no_archive_is_named(tmp_path, kind, content, sentence):
    archive = tmp_path / f"a.{kind}"
    archive.write_bytes(content)
    assert sentence in refusal(archive, tmp_path / "there")


def test_a_named_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "a.zip")
    assert "is a named pipe" in refusal(tmp_path / "a.zip", tmp_path / "there")


def test_the_record_of_an_unfinished_run_is_no_member(tmp_path):
    archive = zipped(tmp_path / "a.zip", {".of-archive": json.dumps("x").encode(), "a.csv": b"1"})
    unpack(archive, tmp_path / "there")
    assert files(tmp_path / "there") == {"a.csv": b"1"}
