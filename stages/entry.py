"""How every stage starts and ends: an error for people is a sentence, everything else is a bug with its traceback."""

import gc
import sys
from collections.abc import Callable

from pipeline.errors import PipelineError, sentence_of_machine
from pipeline.terminal import (
    INTERRUPTED,
    INTERRUPTED_SENTENCE,
    end_quietly_when_interrupted,
    prepare_streams,
    raise_when_interrupted,
    sentence_of_link,
)

# Stages import this module before anything else: from here on Ctrl-C is answered by a sentence, and no file that a library
# opens can take the number of a standard stream.
prepare_streams()
end_quietly_when_interrupted()

# The module that was started with `python -m`; something else where a stage is imported, in tests and in workers.
PROGRAM = getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", "")
if PROGRAM.startswith("stages."):
    gc.disable()  # until all is imported: it would look through all that was imported, again and again


def run(stage: Callable[[], None]) -> None:
    """Run a stage as a program; exit with 1 after a `PipelineError` or a fault of the machine, with 130 after Ctrl-C."""
    gc.freeze()  # what was imported is large, and none of it is garbage
    gc.enable()
    try:
        raise_when_interrupted()
        stage()
    except PipelineError as error:
        sys.stderr.write(f"\n{error}\n")
        sys.exit(1)
    except (OSError, MemoryError, RuntimeError) as error:
        sentence = sentence_of_machine(error) or sentence_of_link(error)
        if sentence is None:
            raise
        sys.stderr.write(f"\n{sentence}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{INTERRUPTED_SENTENCE}\n")
        sys.exit(INTERRUPTED)
