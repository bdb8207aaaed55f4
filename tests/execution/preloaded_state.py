"""What a worker says of its process; apart, because workers import it by name."""

import gc
import sys


def state(module: str) -> tuple[bool, bool]:
    """Whether a module was loaded before the work began, and whether garbage is collected."""
    return module in sys.modules, gc.isenabled()
