"""Runs tests of the code in the working directory, each in a fork of this process: `python tests/mutants_server.py`.

The libraries are imported once, the code and its tests in each fork, as it then is. A line of standard input is the id of a
test; its answer is a line of JSON with the exit status of pytest and what it printed.
"""

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

LIBRARIES = (
    "av", "beartype", "hypothesis", "jaxtyping", "jinja2", "numpy", "pydantic", "pytest",
    "safetensors.torch", "scipy.linalg", "scipy.signal", "scipy.special", "scipy.stats", "torch", "yaml",
)  # fmt: skip
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")


def run_test(test: str) -> int:
    """The exit status of pytest, which finds what it imports in the working directory."""
    import pytest

    return int(pytest.main([*OPTIONS, test]))


def in_fork(work: Callable[[], int]) -> tuple[int, str]:
    """What work returns, 70 where it does not return, and what it prints."""
    with tempfile.NamedTemporaryFile() as printed:
        process = os.fork()
        if not process:
            status = 70
            try:
                for stream in (sys.stdout, sys.stderr):
                    os.dup2(printed.fileno(), stream.fileno())
                status = work()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, status = os.waitpid(process, 0)
        return os.waitstatus_to_exitcode(status), Path(printed.name).read_text(errors="replace")


def main() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    # As `python -m` has it: the working directory, not the folder of this file.
    sys.path[0] = str(Path.cwd())
    for line in sys.stdin:
        test = line.strip()
        status, printed = in_fork(lambda test=test: run_test(test))
        print(json.dumps({"status": status, "printed": printed}), flush=True)


if __name__ == "__main__":
    main()
