"""The one way to ask git something."""

import subprocess

from pipeline.errors import PipelineError


def ask(*arguments: str, given: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run git in the working directory, whatever it answers.

    Args:
        arguments: arguments of the command `git`.
        given: text for its standard input.

    Raises:
        PipelineError: there is no git.
    """
    try:
        return subprocess.run(
            ["git", *arguments],
            input=given.encode(errors="surrogateescape"),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise PipelineError(
            "git was not found; install it: everything but this workspace is read through it"
        ) from error


def answer(*arguments: str) -> bytes | None:
    """What git printed; None where it failed.

    Raises:
        PipelineError: there is no git.
    """
    ended = ask(*arguments)
    return ended.stdout if ended.returncode == 0 else None
