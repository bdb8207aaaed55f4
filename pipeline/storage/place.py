"""`$GRCF_MEDIA`: where media lie that a corpus only lists. A path or an address that fsspec knows; no parameter, and part of no key."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar
from urllib.parse import quote, unquote, urlsplit

from pipeline.errors import MachineError, PipelineError, machine_error
from pipeline.execution.cache import path_named
from pipeline.execution.variables import variable

T = TypeVar("T")

VARIABLE = "GRCF_MEDIA"
"""One place, or `NAME=PLACE,NAME=PLACE` for corpora that lie in several."""
_NAMED = re.compile(r"(\w[\w.-]*)=(.*)", re.DOTALL)
_NEXT = re.compile(r",(?=\w[\w.-]*=)")
_SECRET = re.compile(r"(?<=://)[^/@\s]*@")
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")
_MAX_REASON = 300
_BLOCK = 1 << 20
# By name: the libraries that raise these need not be installed.
_NO_CREDENTIALS = {
    "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenRetrievalError", "SSOTokenLoadError",
    "CredentialRetrievalError", "UnauthorizedSSOTokenError", "DefaultCredentialsError",
}  # fmt: skip
_NO_NETWORK = {
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "ProxyConnectionError",
    "ClientConnectorError", "ClientConnectorDNSError", "ServerDisconnectedError", "ConnectionError", "TimeoutError", "HTTPClientError",
    "ConnectionRefusedError", "ConnectionResetError", "gaierror", "FSTimeoutError", "SSLError", "ClientOSError",
    "ClientConnectionError", "ServerTimeoutError", "ClientConnectionResetError", "ConnectionAbortedError",
}  # fmt: skip
# A transfer that ended before its time.
_CUT_OFF = {
    "ClientPayloadError", "ContentLengthError", "TransferEncodingError", "IncompleteRead", "IncompleteReadError",
    "ResponseStreamingError", "ChunkedEncodingError", "ProtocolError",
}  # fmt: skip
_REFUSED = {401, 403, 407}
_GONE = {404, 410}
# What a server answers that is at work again a little later.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
# How long to wait before something is tried again that may have passed by then, seconds. The clients of S3 have tried by themselves.
_WAITS_S = (0.2, 1.0, 3.0)


class StorageError(MachineError):
    """Media that are listed cannot be had here and now, which says nothing about them: nothing is rejected because of it."""


@dataclass(frozen=True)
class Place:
    """Where the media of a corpus lie; `name` stands for a name as the list of the corpus has it.

    Attributes:
        text: an absolute path, or an address such as `s3://bucket/folder`.
    """

    text: str

    @property
    def is_remote(self) -> bool:
        """Whether files have to be fetched before they can be read."""
        return is_address(self.text)

    def shown(self, name: str = "") -> str:
        """The place, or a file there, for people: without the user and the password that an address may hold."""
        return without_secrets("/".join(part for part in (self.text.rstrip("/"), name) if part))

    def path(self, name: str = "") -> Path:
        """Where a file is on this machine; for places that are no addresses."""
        return Path(self.text) / name

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        with self._sentences(""):
            return _file_system(self.text, os.getpid())

    @property
    def _is_web(self) -> bool:
        """Whether names are parts of addresses there, in which a space is `%20`."""
        return urlsplit(self.text).scheme in ("http", "https")

    def _inside(self, name: str) -> str:
        root = self._opened[1].rstrip("/")
        if self._is_web:
            name = quote(name)
        return f"{root}/{name}" if root else name

    def sizes(self) -> dict[str, int]:
        """Size in bytes of every file at an address, by name.

        Raises:
            StorageError: the place cannot be listed.
        """
        root = self._inside("").rstrip("/")
        found = self._tried("", lambda: _found_below(self._opened[0], root))
        sizes: dict[str, int] = {}
        for path, info in found.items():
            # What consoles make of a "folder" is a file of this name without content.
            if info.get("type") != "file" or path.endswith("/"):
                continue
            # Pages that list files also lead to themselves, in another order; what a name has of these characters is quoted.
            if self._is_web and ("?" in path or "#" in path):
                continue
            name = path.removeprefix(root).lstrip("/")
            name = unquote(name) if self._is_web else name
            # A page that lists files says nothing of their sizes.
            sizes[name] = self.size(name) if info.get("size") is None else int(info["size"])
        if not sizes:
            raise StorageError(f"{self.shown()}: holds no files; check the address")
        return sizes

    def version(self, name: str) -> str:
        """What tells that a file at an address is still the same, as far as its server says.

        Raises:
            StorageError: it is not there, or cannot be asked for.
        """
        return repr(sorted((key, str(value)) for key, value in self._info(name).items()))

    def size(self, name: str) -> int:
        """Size in bytes of a file at an address.

        Raises:
            StorageError: it is not there, or cannot be asked for, or its server does not say.
        """
        size = self._info(name).get("size")
        if size is None:
            raise StorageError(
                f"{self.shown(name)}: its server does not say how large it is; fetch it, or use another server"
            )
        return int(size)

    def _info(self, name: str) -> Mapping[str, Any]:
        info: Mapping[str, Any] = self._tried(name, lambda: self._opened[0].info(self._inside(name)))
        return info

    def _tried(self, name: str, ask: Callable[[], T]) -> T:
        """What asking a server comes to, again where the reason that it did not may have passed."""
        with self._sentences(name):
            for wait_s in _WAITS_S:
                try:
                    return ask()
                except Exception as error:
                    if not _may_pass(error):
                        raise
                time.sleep(wait_s)
            return ask()

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file at an address. A transfer that breaks off goes on from there, as long as anything comes.

        Raises:
            StorageError: it is not there, or cannot be read.
        """
        n_bytes, waits_s = 0, list(_WAITS_S)
        with self._sentences(name):
            while True:
                try:
                    for block in self._blocks_from(name, n_bytes):
                        n_bytes, waits_s = n_bytes + len(block), list(_WAITS_S)
                        yield block
                    return
                except Exception as error:
                    if not waits_s or not _may_pass(error):
                        raise
                time.sleep(waits_s.pop(0))

    def _blocks_from(self, name: str, n_bytes: int) -> Iterator[bytes]:
        file: BinaryIO
        with self._opened[0].open(self._inside(name), "rb") as file:
            if n_bytes and file.seekable():
                file.seek(n_bytes)
                n_bytes = 0
            while block := file.read(_BLOCK):
                kept, n_bytes = block[n_bytes:], max(0, n_bytes - len(block))
                if kept:
                    yield kept

    @contextmanager
    def _sentences(self, name: str) -> Iterator[None]:
        """Turn what file systems raise into sentences."""
        try:
            yield
        except (PipelineError, GeneratorExit):
            raise
        except Exception as error:
            _refuse(self, name, error)


def is_address(text: str) -> bool:
    """Whether a place is an address for fsspec and no path."""
    return "://" in text or "::" in text


def without_secrets(text: str) -> str:
    """A text without users and passwords in addresses, and without what signs them."""
    return _QUERY.sub(r"\1", _SECRET.sub("", text))


def place_of(corpus: str) -> Place:
    """Where the media of a corpus lie, by `$GRCF_MEDIA`.

    Args:
        corpus: name of the folder that has the list.

    Raises:
        StorageError: the variable is not set, names no place for this corpus, or a relative path.
    """
    chosen = variable(VARIABLE)
    if not chosen:
        raise StorageError(
            f"the media of {corpus!r} are not in the repository, and {VARIABLE} is not set; set it to the folder or address where they "
            f"lie, such as {VARIABLE}=/corpora/{corpus} or s3://bucket/{corpus}"
        )
    by_name = places_by_corpus(chosen)
    if isinstance(by_name, Place):
        return by_name
    if corpus not in by_name:
        raise StorageError(
            f"{VARIABLE} says where the media of {', '.join(by_name)} lie, but not those of {corpus!r}; add {corpus}=PLACE to it, "
            "behind a comma"
        )
    return by_name[corpus]


def places_by_corpus(text: str) -> Place | Mapping[str, Place]:
    """What `$GRCF_MEDIA` says: one place for every corpus, or one by name.

    Raises:
        StorageError: a path is relative.
    """
    if not _NAMED.fullmatch(text):
        return place_at(text)
    parts = [_NAMED.fullmatch(part) for part in _NEXT.split(text)]
    return {part[1]: place_at(part[2].strip()) for part in parts if part is not None}


def place_at(text: str) -> Place:
    """The place that a path or an address names.

    Raises:
        StorageError: it is a relative path, which would mean another folder for `dvc exp run --temp`.
    """
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    if not is_address(text):
        path = path_named(text)
        if not path.is_absolute():
            raise StorageError(
                f"{VARIABLE} names {text!r}, which is no absolute path and no address such as s3://bucket/folder; write it whole, "
                "since experiments run in other folders"
            )
        text = str(path)
    return Place(text)


@lru_cache(maxsize=16)
def _file_system(text: str, _: int) -> tuple[Any, str]:
    """The file system of an address, and where it points there; one for each process, since connections cannot be forked."""
    from fsspec.core import url_to_fs  # and whatever library it names: only for media that lie there

    file_system, root = url_to_fs(text)
    return file_system, root


def _refuse(place: Place, name: str, error: Exception) -> NoReturn:
    """Raise the sentence for what a file system raised.

    Raises:
        StorageError: always.
    """
    what, chain = place.shown(name), _chain(error)
    names, status = {type(found).__name__ for found in chain}, _status(chain)
    reason = without_secrets(" ".join(str(error).split()))[:_MAX_REASON] or type(error).__name__
    if status is not None:
        reason = f"its server answered {status}{_phrase(status)}"
    scheme = place.text.partition("://")[0]
    if isinstance(error, ImportError | ModuleNotFoundError) or "Protocol not known" in str(error):
        install = (
            "install it by `pip install --no-deps --requirement requirements-s3.lock`"
            if scheme in ("s3", "s3a")
            else "install the package that fsspec names, or mount the place and name its path"
        )
        sentence = f"{what}: addresses of {scheme}:// need a library that is not here ({reason}); {install}"
    elif names & _NO_CREDENTIALS or status in _REFUSED or isinstance(error, PermissionError):
        sentence = (
            f"{what}: access was refused ({reason}); give credentials that may read it, for S3 by AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY or a profile, on every machine that works"
        )
    elif status in _PASSING:
        sentence = (
            f"{what}: could not be read ({reason}), nor when it was asked again; wait until it is at work, or ask who runs it, then run "
            "the same command again"
        )
    elif "TooManyRedirects" in names or (status is not None and 300 <= status < 400):
        sentence = (
            f"{what}: its server sends elsewhere, to where nothing can be had ({reason}); name the address where it lies, for S3 its "
            "region by AWS_DEFAULT_REGION"
        )
    elif status is not None and status not in _GONE:
        sentence = f"{what}: could not be read ({reason}); check the address, then run the same command again"
    elif names & _CUT_OFF:
        sentence = (
            f"{what}: the transfer broke off ({reason}), and again when it was tried anew; check the network, then run the same command "
            "again"
        )
    # A file system may take a server that does not answer for one that has no such file.
    elif status in _GONE or (isinstance(error, FileNotFoundError) and not names & _NO_NETWORK):
        sentence = f"{what}: not found; put it there as it was, or correct {VARIABLE}"
    elif names & _NO_NETWORK or isinstance(error, ConnectionError | TimeoutError):
        sentence = (
            f"{what}: could not be reached ({reason}); check the network and the address, for servers other than AWS "
            "AWS_ENDPOINT_URL, then run the same command again"
        )
    else:
        fault = machine_error(error, what)
        sentence = (
            str(fault)
            if fault is not None
            else f"{what}: could not be read ({type(error).__name__}: {reason}); check that it can be read with other tools, then run "
            "the same command again"
        )
    raise StorageError(sentence) from error


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _found_below(file_system: Any, root: str) -> Mapping[str, Any]:
    """Every file below, by its path there, with what is known of it, from the server and not from what was listed before.

    Raises:
        Exception: whatever the file system raises, also for a folder inside: most leave out what they cannot list.
    """
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    def refuse(error: Exception) -> None:
        if not isinstance(error, FileNotFoundError) or _may_pass(error):
            raise error

    kind = type(file_system)
    walks = (
        kind._find is AsyncFileSystem._find
        if issubclass(kind, AsyncFileSystem)
        else kind.find is AbstractFileSystem.find
    )
    file_system.invalidate_cache()
    found: Mapping[str, Any] = file_system.find(root, detail=True, **({"on_error": refuse} if walks else {}))
    return found


def _may_pass(error: Exception) -> bool:
    """Whether what a file system raised may not come about a little later."""
    chain = _chain(error)
    if any(isinstance(getattr(found, "response", None), Mapping) for found in chain):
        return False  # the client of S3 has asked again and again by itself
    status, names = _status(chain), {type(found).__name__ for found in chain}
    return status in _PASSING or (status is None and bool(names & (_NO_NETWORK | _CUT_OFF)))


def _status(chain: Sequence[BaseException]) -> int | None:
    """What a server of the web or of S3 answered, None where nothing says so."""
    for error in chain:
        answered: Any = getattr(error, "status", None)  # of aiohttp
        response = getattr(error, "response", None)
        if isinstance(response, Mapping):  # of botocore
            answered = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if isinstance(answered, int) and 300 <= answered < 600:
            return answered
    return None


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return f" ({HTTPStatus(status).phrase})"
    return ""
