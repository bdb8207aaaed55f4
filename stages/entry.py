"""How every stage starts and ends: an error for people is a sentence, everything else is a bug with its traceback."""

import sys
from collections.abc import Callable

from pipeline.errors import PipelineError, sentence_of_full_disk


def run(stage: Callable[[], None]) -> None:
    """Run a stage as a program; exit with 1 after a `PipelineError` or on a full disk, with 130 after Ctrl-C."""
    try:
        stage()
    except PipelineError as error:
        sys.stderr.write(f"\n{error}\n")
        sys.exit(1)
    except OSError as error:
        sentence = sentence_of_full_disk(error)
        if sentence is None:
            raise
        sys.stderr.write(f"\n{sentence}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what is done is kept, and the same command goes on from there\n")
        sys.exit(130)
