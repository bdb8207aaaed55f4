"""The one exception that a user is meant to read."""

import difflib
import errno
import os
from collections.abc import Collection

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEDIES = {
    errno.EMFILE: "raise the limit with `ulimit -n`, or set GRCF_WORKERS=1",
    errno.ENFILE: "the whole machine has too many files open; close other programs",
    errno.ENOMEM: "free some memory, or set GRCF_WORKERS=1",
    errno.EIO: "the disk or the network that holds it fails; check it",
    errno.EACCES: "correct its permissions",
    errno.EPERM: "correct its permissions",
    errno.ESTALE: "the network that holds it has lost it; mount it again",
    **dict.fromkeys(_NO_ROOM, "free some space"),
}
# Control characters but for the line feed and the tab, separators of lines, and marks of direction.
_WRITTEN_OUT = {
    code: ascii(chr(code))[1:-1]
    for code in (
        *range(9),
        *range(11, 32),
        *range(0x7F, 0xA0),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
}

# JSON has escapes of its own for what lies below a space.
_WRITTEN_OUT_IN_JSON = {code: f"\\u{code:04x}" for code in _WRITTEN_OUT}


def written_out(text: str) -> str:
    r"""A text for a terminal: characters that would move it, which names and contents of files may hold, as escapes.

    >>> written_out("clip\x1b[2J.mp4")
    'clip\\x1b[2J.mp4'
    """
    return text.translate(_WRITTEN_OUT)


def written_out_in_json(text: str) -> str:
    r"""JSON for a terminal: the characters that `written_out` writes out, as escapes of JSON, so that its values stay as they are.

    >>> written_out_in_json('["\x9b2J"]')
    '["\\u009b2J"]'
    """
    return text.translate(_WRITTEN_OUT_IN_JSON)


class PipelineError(Exception):
    """Something a person can mend: one sentence with the file, what was found, what was expected, what to do.

    Entries print the sentence alone and exit with status 1; every other exception is a bug and keeps its traceback. Characters that
    would move a terminal, which names of files may hold, are written out.
    """

    def __str__(self) -> str:
        return written_out(super().__str__())


class MachineError(PipelineError):
    """A fault of the machine that says nothing about the data at hand, so that nothing is rejected because of it."""


def machine_error(error: Exception, what: object) -> MachineError | None:
    """The sentence for an error of the machine (no memory, no free file, no room, no permission), None for any other.

    Args:
        error: exception with an `errno`, from the operating system or through a library.
        what: the file that was being read or written.
    """
    number = getattr(error, "errno", None)
    if number not in _REMEDIES:
        return None
    remedy = _REMEDIES[number]
    return MachineError(
        f"{what}: could not be read or written ({os.strerror(number)}), which is a fault of the machine and not of the data; "
        f"{remedy}, then run the same command again"
    )


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A clause that names the nearest of the known names, empty where none is near.

    >>> did_you_mean("spaker", ["speaker", "label"])
    " (did you mean 'speaker'?)"
    """
    lowered = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(name.casefold(), lowered, n=1)
    return f" (did you mean {lowered[near[0]]!r}?)" if near else ""


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is torch's way to say that there is no memory, of the machine or of its GPU; it has no type of its own for both."""
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in ("can't allocate memory", "out of memory", "not enough memory")
    )


def sentence_of_machine(error: Exception) -> str | None:
    """What to tell a person whose machine is at fault, whoever met the error; None for every other error."""
    if isinstance(error, MemoryError) or is_out_of_memory(error):
        return (
            "the machine has no memory left; free some, set GRCF_WORKERS=1, or ask for less (network.width, training.batch_size), then run "
            "the same command again"
        )
    fault = machine_error(error, getattr(error, "filename", None) or "a file")
    return None if fault is None else f"{fault}: what is done is kept"
