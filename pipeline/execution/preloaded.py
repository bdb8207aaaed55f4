"""What the process imports that workers are forked from: the modules that `$GRCF_PRELOADED` names, for `preloading`."""

import os
from contextlib import suppress
from importlib import import_module

from pipeline.execution.garbage import loading

with loading():
    for name in os.environ.pop("GRCF_PRELOADED", "").split():
        # Whatever is wrong is left to the worker, which imports it again and can say so.
        with suppress(Exception):
            import_module(name)
