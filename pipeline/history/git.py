"""The one way to ask git something."""

import os
import subprocess
from pathlib import Path

from pipeline.errors import PipelineError

# Set by git around a hook or an alias: they lead every git below it to that repository, wherever it is run.
_OF_ANOTHER_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX", "GIT_WORK_TREE",
)  # fmt: skip
IDENTITY = ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")
"""What `git var` has to know before it commits."""


def ask(*arguments: str, given: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run git, whatever it answers.

    Args:
        arguments: arguments of the command `git`.
        given: text for its standard input.
        folder: where it is run, for the repository there and no other; None for the working directory.

    Raises:
        PipelineError: there is no git.
    """
    try:
        return subprocess.run(
            ["git", *arguments],
            input=given.encode(errors="surrogateescape"),
            capture_output=True,
            check=False,
            cwd=folder,
            env=None
            if folder is None
            else {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY},
        )
    except FileNotFoundError as error:
        raise PipelineError(
            "git was not found; install it: everything but this workspace is read through it"
        ) from error


def why_failed(ended: subprocess.CompletedProcess[bytes], *, otherwise: str) -> str:
    """Why git failed in the working directory, and what to do about it; its own first line, and one remedy.

    Args:
        ended: what git answered.
        otherwise: what to do where git says nothing that is known here.
    """
    reason = ended.stderr.decode(errors="replace").strip().split("\n")[0]
    if "dubious ownership" in reason:
        otherwise = (
            f"the folder belongs to another user, which git refuses: run `git config --global --add safe.directory {Path.cwd()}` if you "
            "trust it"
        )
    return f"({reason}); {otherwise}"


def is_outside_of_git(ended: subprocess.CompletedProcess[bytes]) -> bool:
    """Whether git failed because the working directory is in no repository, and for no other reason."""
    return ended.returncode != 0 and b"not a git repository" in ended.stderr


def answer(*arguments: str, folder: Path | None = None) -> bytes | None:
    """What git printed; None where it failed. See `ask` for `folder`.

    Raises:
        PipelineError: there is no git.
    """
    ended = ask(*arguments, folder=folder)
    return ended.stdout if ended.returncode == 0 else None
