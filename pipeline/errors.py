"""The one exception that a user is meant to read."""


class PipelineError(Exception):
    """Something a person can mend: one sentence with the file, what was found, what was expected, what to do.

    Entries print the sentence alone and exit with status 1; every other exception is a bug and keeps its traceback.
    """
