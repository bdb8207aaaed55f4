"""Modules that a library imports and nobody here uses: they are loaded when somebody does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """Stands for a module until one of its names is wanted."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:  # or it would be found in place of the module
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def deferred(package: str, *modules: str) -> Iterator[None]:
    """Within it, an import of a package and of some of its modules binds their names and loads nothing.

    Whoever imported them meanwhile loads them with the first attribute that is wanted; every later import finds the package itself.
    Without effect where the package is loaded already.

    Args:
        package: name of a package.
        modules: names of modules of that package, without its own.
    """
    if package in sys.modules:
        yield
        return
    parent = _Deferred(package)
    standing = [parent]
    for name in modules:
        standing.append(_Deferred(f"{package}.{name}"))
        setattr(parent, name, standing[-1])
    sys.modules |= {module.__name__: module for module in standing}
    try:
        yield
    finally:
        for module in standing:
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]
