"""What the documentation site is made from is there, also where Sphinx is not installed; `make docs` builds it."""

import doctest
import importlib.util
import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = parse_yaml((ROOT / ".github/workflows/docs.yml").read_text())


@pytest.fixture(scope="module")
def comments() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "parameter_comments", ROOT / "docs/_ext/parameter_comments.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_parameter_has_a_comment(comments):
    text = (ROOT / "params.yaml").read_text()
    names = {f"{section}.{key}" for section, values in parse_yaml(text).items() for key in values}
    found = comments.read_comments(text)
    assert {name for name in names if not found.get(name)} == set()


def test_the_example_of_the_comments_is_right(comments):
    tested = doctest.testmod(comments)
    assert tested.attempted > 0
    assert tested.failed == 0


@pytest.mark.parametrize("module", ["generated", "parameter_reference"])
def test_the_examples_of_what_writes_the_reference_are_right(monkeypatch, module):
    pytest.importorskip("sphinx", reason="Sphinx is not installed; `make docs` installs it")
    monkeypatch.syspath_prepend(ROOT / "docs/_ext")
    tested = doctest.testmod(importlib.import_module(module))
    assert tested.attempted > 0
    assert tested.failed == 0


def test_pages_that_comments_and_messages_name_exist():
    texts = [ROOT / "params.yaml", *(ROOT / "pipeline").rglob("*.py"), *(ROOT / "pipeline").rglob("*.j2")]
    named = {page for text in texts for page in re.findall(r"\bdocs/[\w/-]+\.md", text.read_text())}
    assert named
    assert {page for page in named if not (ROOT / page).exists()} == set()


def test_the_workflow_follows_the_schema_and_may_only_read():
    schema = json.loads(
        (files("check_jsonschema.builtin_schemas") / "vendor/github-workflows.json").read_text()
    )
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert list(validator.iter_errors(WORKFLOW)) == []
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {"run": "make docs"} in WORKFLOW["jobs"]["site"]["steps"]


def test_the_lock_pins_what_no_other_lock_pins():
    def pinned(lock: str) -> set[str]:
        lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
        return {line.split("==")[0].lower().replace("_", "-") for line in lines}

    assert pinned("requirements-docs.lock") & pinned("requirements.lock") == set()
