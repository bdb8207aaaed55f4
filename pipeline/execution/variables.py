"""What the environment says: a variable that is empty or blank counts as one that is not set, as a shell script leaves it."""

import os


def variable(name: str) -> str | None:
    """The value of a variable without blanks around it; None where it is not set, empty or blank."""
    return os.environ.get(name, "").strip() or None
