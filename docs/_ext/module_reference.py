"""The reference of public functions, from the docstrings of modules: `{module-reference} pipeline.evaluation.metrics`.

A package stands for all its modules, so that a module which is added or moved within it needs no edit here.
"""

import importlib
import pkgutil
from collections.abc import Iterator

from generated import GeneratedDirective
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def modules_of(name: str) -> list[str]:
    """The module itself, or the modules of a package, by name."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ExtensionError(f"{name} cannot be imported: {error}") from error
    below = sorted(found.name for found in pkgutil.iter_modules(getattr(module, "__path__", [])))
    return [f"{name}.{module}" for module in below] or [name]


class ModuleReference(GeneratedDirective):
    """A section for each module, with all that is public in it."""

    required_arguments = 1
    optional_arguments = 100

    def markdown(self) -> str:
        """A heading and autodoc's directive for each module."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for name in (module for argument in self.arguments for module in modules_of(argument)):
            yield f"## {name.removeprefix('pipeline.')}\n"
            yield f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("module-reference", ModuleReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
