"""The models that a run compares, by the names under which every file has them."""

METHOD, BASELINE = "grcf", "pointwise"
COMPARED = (METHOD, BASELINE)
"""The method first; differences are its values minus those of the other."""


def minus(other: str) -> str:
    """Name of the difference between the method and another model, as files have it: `grcf - pointwise`."""
    return f"{METHOD} - {other}"
