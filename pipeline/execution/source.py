"""Which code a result rests on: the import closure of a module within this repository, and its digest."""

import ast
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

ROOTS = ("pipeline", "stages", "plugins")
"""The packages of this repository."""


def import_closure(module: str) -> dict[str, Path]:
    """All modules of this repository that importing `module` runs, itself and its packages included.

    Read from the source by its import statements, those inside functions too, so nothing is executed. A folder without
    `__init__.py` runs nothing, and an import of what is not there, as below `try`, is left out until it is there.

    Returns:
        module name to source file, sorted by name.

    Raises:
        ModuleNotFoundError: there is no source for `module` itself.
    """
    if _source_file(module) is None:
        raise ModuleNotFoundError(f"no source for {module}")
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        file = _source_file(name)
        if file is not None:
            found[name] = file
            waiting.extend(_imported_by(file, within=_package_of(name, file)))
    return dict(sorted(found.items()))


@cache
def source_digest(*modules: str) -> str:
    """Hex SHA-256 over the sources of the import closures of modules together: edited code never meets old results."""
    files = {name: file for module in modules for name, file in import_closure(module).items()}
    return digest_of(dict(sorted(files.items())))


def digest_of(files: Mapping[str, Path]) -> str:
    """Hex SHA-256 over the names and contents of some files, in the order of the mapping."""
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@cache
def package_digest(package: str) -> str | None:
    """Hex SHA-256 over all Python sources of an installed package or module at the top, None where it has none.

    Its version alone would not do: a package that is installed in place, or again, can be another one under the same version.
    """
    spec = _spec(package)
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = {path.relative_to(folder).as_posix(): path for folder in folders for path in folder.rglob("*.py")}
    if not folders and spec.origin is not None and Path(spec.origin).is_file():
        files = {Path(spec.origin).name: Path(spec.origin)}
    return digest_of(dict(sorted(files.items()))) if files else None


def _spec(module: str) -> ModuleSpec | None:
    """Where a module or package lies, None where it or a package around it is not there."""
    try:
        return find_spec(module)
    except ModuleNotFoundError:
        return None


def _source_file(module: str) -> Path | None:
    """The file of a module or of a package's `__init__.py`, None where there is none."""
    spec = _spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _package_of(module: str, file: Path) -> str:
    return module if file.name == "__init__.py" else module.rpartition(".")[0]


def _imported_by(file: Path, *, within: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from .module import name` counts from the package of the file.
            above = within.split(".")[: len(within.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            names.add(source)
            # `from package import module` names a module too; an attribute has no source of its own.
            candidates = {f"{source}.{alias.name}" for alias in node.names}
            names.update(name for name in candidates if _is_ours(name) and _is_module(name))
    return {name for name in names if _is_ours(name)}


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in ROOTS


def _is_module(name: str) -> bool:
    parent = _spec(name.rpartition(".")[0])
    return parent is not None and parent.submodule_search_locations is not None and _spec(name) is not None
