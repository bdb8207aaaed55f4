"""The standard streams as a program finds them, open or not, the end that Ctrl-C asks for, and what is said of links in a circle."""

import contextlib
import errno
import io
import multiprocessing
import os
import signal
import sys
from types import FrameType, TracebackType
from typing import NoReturn

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended
INTERRUPTED_SENTENCE = "interrupted; what is done is kept, and the same command goes on from there"


def prepare_streams() -> bool:
    """Make the three standard streams usable whatever they are: UTF-8 whatever the locale, and none of them closed.

    Where a shell closed one (`>&-`), the next file that the program opens would get its number, and whatever a library or a
    child prints would go into that file.

    Returns:
        whether standard output was open.
    """
    was_open = True
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            was_open &= number != 1
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    # Python has None in place of a stream that was closed when it started.
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name of a file may be no UTF-8, and is shown nevertheless.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return was_open


def end_quietly_when_interrupted() -> None:
    """Answer Ctrl-C with one sentence also while modules are imported, before anybody could catch it.

    Until `raise_when_interrupted` the program ends at once, because an import may swallow the exception that Ctrl-C raises (a
    compiled module does) and go on. A worker process says nothing: Ctrl-C reaches it as well, and the process that started it
    speaks for all.
    """
    sys.excepthook = _excepthook
    # A shell makes what it starts in the background ignore Ctrl-C, and that stays so.
    if _is_the_program() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)


def raise_when_interrupted() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again: all is imported, and what runs from here on tidies up after itself."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_the_program() -> bool:
    """Whether a stage or a command is what was started, and not a test, a notebook or a worker that imports one."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return (
        multiprocessing.parent_process() is None
        and spec is not None
        and spec.name.partition(".")[0] in ("stages", "pipeline")
    )


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, f"\n{INTERRUPTED_SENTENCE}\n".encode())
    os._exit(INTERRUPTED)


def _excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    elif multiprocessing.parent_process() is None:
        sys.stderr.write(f"\n{INTERRUPTED_SENTENCE}\n")


def sentence_of_link(error: Exception) -> str | None:
    """What to say of a link that leads round in a circle, whoever met it; None for every other error.

    `Path.resolve` has no type of its own for it: it raises a `RuntimeError` while it handles what the operating system says.
    """
    found = error.__context__ if isinstance(error, RuntimeError) else error
    if not isinstance(found, OSError) or found.errno != errno.ELOOP:
        return None
    name = "a file" if found.filename is None else os.fsdecode(found.filename)
    return f"{name}: is a link that leads round in a circle; repair it or take it away"
