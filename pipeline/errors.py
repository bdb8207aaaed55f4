"""The one exception that a user is meant to read."""

import errno

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PipelineError(Exception):
    """Something a person can mend: one sentence with the file, what was found, what was expected, what to do.

    Entries print the sentence alone and exit with status 1; every other exception is a bug and keeps its traceback.
    """


def sentence_of_full_disk(error: OSError) -> str | None:
    """What to tell a person where a disk is full, whoever wrote to it; None for every other error."""
    if error.errno not in _NO_ROOM:
        return None
    return (
        f"{error.filename or 'standard output or a file'}: could not be written ({error.strerror}); free some space, then run the same command again: "
        "what is done is kept"
    )
