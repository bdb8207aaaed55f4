"""When Python looks for garbage: hardly ever while libraries are loaded."""

import gc
from collections.abc import Generator
from contextlib import contextmanager

# Objects that may be made in addition until the collector looks, in place of 700: what makes garbage beside the imports is cleared away.
_MANY = 50_000


@contextmanager
def loading() -> Generator[None]:
    """Collect rarely while libraries are loaded, then leave aside for good all that there is.

    The collector goes through every object. What an import makes is large and none of it is garbage: for torch and transformers that
    takes some 0.8 s, and again as long when the process ends, unless they are left aside.
    """
    before = gc.get_threshold()
    gc.set_threshold(_MANY, *before[1:])
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*before)
