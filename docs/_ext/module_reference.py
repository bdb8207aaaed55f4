"""The reference of public functions, from the docstrings of modules: `{module-reference} pipeline.evaluation.metrics`.

A package stands for all its modules, so that a module which is added or moved within it needs no edit here. `first` names
those to begin with, `without` those to leave out.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, ClassVar

from docutils import nodes
from generated import PAGE, GeneratedDirective
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import OptionSpec


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
    option_spec: ClassVar[OptionSpec] = {"first": str.split, "without": str.split}

    def markdown(self) -> str:
        """A heading and autodoc's directive for each module."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names = [module for argument in self.arguments for module in modules_of(argument)]
        first = [
            name for last in self.options.get("first", []) for name in names if name.endswith(f".{last}")
        ]
        left_out = tuple(f".{last}" for last in self.options.get("without", []))
        for name in (name for name in dict.fromkeys(first + names) if not name.endswith(left_out)):
            yield f"## {name.removeprefix('pipeline.')}\n"
            yield f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"


class Dashes(SphinxTransform):
    """An en dash between the name of an argument and its meaning, where Sphinx writes two hyphens."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Replace each of them."""
        for text in list(self.document.findall(nodes.Text)):
            if text == " -- ":
                text.parent.replace(text, nodes.Text(" – "))


def prepare_docstring(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Turn names of pages into links, before Napoleon reads the docstring.

    Napoleon would take what stands before a colon for a type, in the docstring of a variable and under `Returns:`.
    """
    lines[:] = [PAGE.sub(lambda page: f":doc:`/{page[1].removesuffix('.md')}`", line) for line in lines]
    below = (
        -1
        if what in ("data", "attribute", "property")
        else next((n for n, line in enumerate(lines) if line.strip() in ("Returns:", "Yields:")), len(lines))
    )
    for n in range(below + 1, len(lines)):
        if not lines[n].strip() or lines[n].strip() in ("Raises:", "Example:"):
            break
        lines[n] = lines[n].replace(": ", " – ", 1)


def escape_types(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Escape stars in the types that Napoleon writes: one of an array's shape, as in "segment *class", would begin an emphasis."""
    lines[:] = [line.replace("*", r"\*") if line.startswith(":vartype ") else line for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("module-reference", ModuleReference)
    app.add_transform(Dashes)
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    app.connect("autodoc-process-docstring", escape_types, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
