"""Which code parts of one's own rest on, for cache keys."""

from collections.abc import Iterator
from importlib.metadata import packages_distributions
from typing import Any

from pipeline.execution.source import ROOTS, package_digest, source_digest
from pipeline.execution.versions import library_versions
from pipeline.plugins import is_plugin, module_of


def plugin_sources(settings: Any) -> dict[str, dict[str, str | None]]:
    """Digest of the source of each part that settings name, for cache keys.

    It is that of the part with all that it imports of ours and of `plugins/`; or of the whole package, where the part is in an
    installed one.

    Args:
        settings: JSON values, at any depth.
    """
    return {reference: _source(reference) for reference in sorted(set(_references(settings)))}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if is_plugin(value):
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _references(inner)


def _source(reference: str) -> dict[str, str | None]:
    module = module_of(reference)
    top = module.partition(".")[0]
    if top not in ROOTS:
        return {
            "source": package_digest(top),
            **library_versions(*packages_distributions().get(top, [])),
        }
    try:
        return {"source": source_digest(module)}
    except (ModuleNotFoundError, SyntaxError):
        return {"source": None}  # whoever loads it says what is wrong
