"""Servers that refuse, fail, break off or send elsewhere: one sentence with the address, and another try where that may help."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from pipeline.storage import place as places
from pipeline.storage.place import StorageError, place_at

CONTENT = bytes(range(256)) * 8192
PAGE = b'<a href="a.mp4">a</a> <a href="?C=N;O=D">Name</a> <a href="inner/">inner</a>'
INNER = b'<a href="b.mp4">b</a>'


class Faulty(BaseHTTPRequestHandler):
    """Answers `answer` to the first `n_faults` requests: a status, or what is done to the connection."""

    protocol_version = "HTTP/1.1"
    answer: int | str
    n_faults: int
    at = ""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.respond()

    def do_GET(self):
        self.respond()

    def respond(self):
        kind = type(self)
        is_faulty = (
            self.path.rstrip("/").endswith(kind.at)
            and kind.n_faults > 0
            and (kind.answer != "cut" or self.command == "GET")
        )
        kind.n_faults -= is_faulty
        if is_faulty and kind.answer == "close":
            self.close_connection = True
            return
        if is_faulty and kind.answer != "cut":
            self.send_response(int(kind.answer))
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        is_medium = self.path.endswith(".mp4")
        content = CONTENT if is_medium else INNER if "inner" in self.path else PAGE
        asked = self.headers.get("Range")
        first, last = (asked or "bytes=0-").removeprefix("bytes=").split("-")
        part = content[int(first) : int(last) + 1 if last else None]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "video/mp4" if is_medium else "text/html")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(part[: len(part) // 2] if is_faulty else part)
        self.close_connection = is_faulty


@pytest.fixture
def server(monkeypatch):
    """Starts a faulty server and gives the place that it serves."""
    monkeypatch.setattr(places, "_WAITS_S", (0.0, 0.0, 0.0))
    started = []

    def start(answer, n_faults, at=""):
        kind = type("Own", (Faulty,), {"answer": answer, "n_faults": n_faults, "at": at})
        running = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        started.append(running)
        Thread(target=running.serve_forever, daemon=True).start()
        return place_at(f"http://127.0.0.1:{running.server_address[1]}/talks")

    yield start
    for running in started:
        running.shutdown()
        running.server_close()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (401, "access was refused"),
        (403, "access was refused"),
        (404, "not found"),
        (410, "not found"),
        (400, r"could not be read .*answered 400 \(Bad Request\)\)"),
        (429, r"answered 429 .*nor when it was asked again"),
        (500, r"answered 500 \(Internal Server Error\).*nor when it was asked again"),
        (503, r"answered 503 .*nor when it was asked again"),
        (302, "sends elsewhere"),
        ("close", "could not be reached"),
        ("cut", "the transfer broke off"),
    ],
)
def test_what_a_server_answers_is_told_as_that(server, answer, sentence):
    place = server(answer, 1000)
    with pytest.raises(StorageError, match=sentence) as refused:
        list(place.blocks("a.mp4"))
    assert str(refused.value).startswith(f"{place.text}/a.mp4: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("answer", "n_faults"), [(500, 2), (503, 4), (429, 2), ("cut", 2)])
def test_what_passes_is_tried_again(server, answer, n_faults):
    place = server(answer, n_faults)
    assert b"".join(place.blocks("a.mp4")) == CONTENT


def test_what_is_refused_is_asked_for_once(server):
    place = server(403, 2)  # by HEAD and by GET
    with pytest.raises(StorageError):
        place.size("a.mp4")
    assert place.size("a.mp4") == len(CONTENT)


def test_links_of_a_page_to_itself_are_no_files(server):
    assert server(500, 0).sizes() == {"a.mp4": len(CONTENT), "inner/b.mp4": len(CONTENT)}


@pytest.mark.parametrize("answer", [403, 503, "close"])
def test_a_folder_that_cannot_be_listed_is_not_left_out(server, answer):
    with pytest.raises(StorageError):
        server(answer, 1000, at="inner").sizes()
    passing = server(503, 2, at="inner")
    assert set(passing.sizes()) == {"a.mp4", "inner/b.mp4"}
