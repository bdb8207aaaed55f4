"""`$GRCF_MEDIA`: what it may say, and a sentence for what it may not."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from pipeline.storage.place import StorageError, place_at, place_of


@pytest.mark.parametrize(
    ("setting", "corpus", "place"),
    [
        ("/corpora", "mosi", "/corpora"),
        ("s3://bucket/mosi", "mosi", "s3://bucket/mosi"),
        ("s3://bucket/year=2026,part=1", "mosi", "s3://bucket/year=2026,part=1"),
        ("/corpora/a=b", "mosi", "/corpora/a=b"),
        ("file:///corpora/a%20b", "mosi", "/corpora/a b"),
        ("mosi=/a,mosei=s3://b/c", "mosi", "/a"),
        ("mosi=/a,mosei=s3://b/c", "mosei", "s3://b/c"),
        ("mosi=/with, comma,mosei=/b", "mosi", "/with, comma"),
    ],
)
def test_the_place_of_a_corpus(monkeypatch, setting, corpus, place):
    monkeypatch.setenv("GRCF_MEDIA", setting)
    assert place_of(corpus).text == place


def test_a_home_that_is_nobodys_is_a_name_like_any_other(monkeypatch):
    monkeypatch.setenv("GRCF_MEDIA", "~nobody-has-this-name/corpora")
    with pytest.raises(StorageError, match="'~nobody-has-this-name/corpora', which is no absolute path"):
        place_of("mosei")


def test_a_path_below_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert place_at("~/corpora").text == "/home/someone/corpora"


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("", "GRCF_MEDIA is not set"),
        ("corpora/mosi", "no absolute path"),
        ("sims=/a,mosei=/b", "says where the media of sims, mosei lie, but not those of 'mosi'"),
        ("mosi=a", "no absolute path"),
    ],
)
def test_what_it_may_not_say(monkeypatch, setting, sentence):
    monkeypatch.setenv("GRCF_MEDIA", setting)
    with pytest.raises(StorageError) as caught:
        place_of("mosi")
    assert sentence in str(caught.value)


def test_users_and_passwords_are_shown_to_nobody():
    assert place_at("sftp://me:secret@host/corpora").shown("a.mp4") == "sftp://host/corpora/a.mp4"
    assert place_at("https://host/corpora?signature=secret").shown() == "https://host/corpora"


def test_an_address_that_no_library_knows(tmp_path):
    with pytest.raises(StorageError, match="nothing:// need a library that is not here"):
        place_at("nothing://bucket/folder").sizes()


def test_any_file_system_of_fsspec(tmp_path):
    from fsspec.implementations.memory import MemoryFileSystem

    files = MemoryFileSystem()
    files.pipe({"/corpus/clips/a.mp4": b"abc", "/corpus/segments.csv": b"id\n", "/corpora/other.mp4": b"x"})
    place = place_at("memory://corpus")
    assert place.sizes() == {"clips/a.mp4": 3, "segments.csv": 3}
    assert b"".join(place.blocks("clips/a.mp4")) == b"abc"
    with pytest.raises(StorageError, match=r"memory://corpus/clips/b.mp4: not found; put it there"):
        list(place.blocks("clips/b.mp4"))
    with pytest.raises(StorageError, match="holds no files; check the address"):
        place_at("memory://nowhere").sizes()


@pytest.fixture
def web(tmp_path):
    """A web server of a folder, by its address, as people start one with Python."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/a b é.mp4").write_bytes(b"abcd")
    (tmp_path / "segments.csv").write_bytes(b"id\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_web_server_whose_listing_has_no_sizes_and_quoted_names(web):
    place = place_at(web)
    assert place.sizes() == {"clips/a b é.mp4": 4, "segments.csv": 3}
    assert b"".join(place.blocks("clips/a b é.mp4")) == b"abcd"
