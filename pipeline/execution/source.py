"""Which code a result rests on: the import closure of a module within this repository, and its digest."""

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_ROOTS = ("pipeline", "stages", "plugins")


def import_closure(module: str) -> dict[str, Path]:
    """All modules of this repository that importing `module` runs, itself and its packages included.

    Read from the source by its import statements, those inside functions too, so nothing is executed.

    Returns:
        module name to source file, sorted by name.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = _source_file(name)
        waiting.extend(_imported_by(found[name], within=_package_of(name, found[name])))
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return dict(sorted(found.items()))


@cache
def source_digest(module: str) -> str:
    """Hex SHA-256 over the sources of the import closure of `module`: edited code never meets old results."""
    digest = hashlib.sha256()
    for name, file in import_closure(module).items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _source_file(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source for {module}")
    return Path(spec.origin)


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
    return name.partition(".")[0] in _ROOTS


def _is_module(name: str) -> bool:
    parent = find_spec(name.rpartition(".")[0])
    return (
        parent is not None and parent.submodule_search_locations is not None and find_spec(name) is not None
    )
