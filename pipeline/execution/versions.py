"""Which versions of other people's code make a result."""

from importlib.metadata import version


def library_versions(*distributions: str) -> dict[str, str]:
    """Installed version of each distribution, for cache keys and headers."""
    return {name: version(name) for name in sorted(distributions)}
