"""The standard streams as a program finds them, open or not, and the end that Ctrl-C asks for."""

import io
import multiprocessing
import os
import sys
from types import TracebackType

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
            stream.reconfigure(encoding="utf-8")
    return was_open


def end_quietly_when_interrupted() -> None:
    """Answer Ctrl-C with one sentence also while modules are imported, before anybody could catch it.

    A worker process says nothing: Ctrl-C reaches it as well, and the process that started it speaks for all.
    """
    sys.excepthook = _excepthook


def _excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    elif multiprocessing.parent_process() is None:
        sys.stderr.write(f"\n{INTERRUPTED_SENTENCE}\n")
