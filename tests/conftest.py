"""Every test runs with the array shapes and dtypes of all annotations checked."""

import signal

from hypothesis import settings
from jaxtyping import install_import_hook

# Before the first import of the library, or its functions stay unchecked.
install_import_hook("pipeline", "beartype.beartype")

# A shell makes what it starts in the background ignore Ctrl-C, and so do all children of that: tests that send it would wait.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
