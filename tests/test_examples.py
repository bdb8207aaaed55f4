"""Every example in a docstring is run, wherever it stands."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def examples_of(file: Path) -> list[tuple[str, str, int]]:
    """The module, docstring and line of every documented thing in `file` that has an example."""
    text = file.read_text(encoding="utf-8")
    if ">>>" not in text:
        return []
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return [
        (module, docstring, node.body[0].lineno)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, _DOCUMENTED)
        and ">>>" in (docstring := ast.get_docstring(node, clean=False) or "")
    ]


EXAMPLES = [
    example
    for package in ("pipeline", "stages", "demo", "benchmarks")
    for file in sorted((ROOT / package).rglob("*.py"))
    for example in examples_of(file)
]


# From the source and not by `doctest.testmod`, which passes over functions that a decorator has wrapped: the checks of
# array shapes wrap most of them.
@pytest.mark.parametrize(
    ("module", "docstring", "line"), EXAMPLES, ids=[f"{module}:{line}" for module, _, line in EXAMPLES]
)
def test_the_example_holds(module, docstring, line):
    names = dict(vars(importlib.import_module(module)))
    example = doctest.DocTestParser().get_doctest(docstring, names, module, module, line - 1)
    report: list[str] = []
    outcome = doctest.DocTestRunner().run(example, out=report.append)
    assert outcome.attempted > 0
    assert outcome.failed == 0, "".join(report)
