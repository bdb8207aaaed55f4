"""dvc.yaml is the architecture: what it declares is what the stages import, read, write and load."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from pipeline.execution.source import import_closure

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
NAMES = [
    "manifest", "words", "text", "audio", "visual", "align", "degrade", "rank", "calibrate", "pointwise", "evaluate",
    "report",
]  # fmt: skip


def paths(entries) -> set[str]:
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def outputs(stage: str) -> set[str]:
    return set().union(*(paths(STAGES[stage].get(kind, [])) for kind in ("outs", "metrics", "plots")))


def code_deps(stage: str) -> set[str]:
    return {path for path in STAGES[stage]["deps"] if path.startswith(("stages/", "pipeline/"))}


def takes_plugins(stage: str) -> bool:
    """Whether the stage loads what a parameter or a corpus may name in `plugins/`, which no import shows."""
    loaders = {
        name
        for name, file in import_closure(f"stages.{stage}").items()
        if name != "pipeline.plugins" and "load_plugin(" in file.read_text()
    }
    return bool(loaders)


def data_deps(stage: str) -> set[str]:
    return set(STAGES[stage]["deps"]) - code_deps(stage) - {"plugins"}


def source(stage: str) -> str:
    return (ROOT / "stages" / f"{stage}.py").read_text()


def test_the_twelve_stages_are_there_in_order():
    assert list(STAGES) == NAMES


@pytest.mark.parametrize("stage", NAMES)
def test_one_name_in_every_place(stage):
    assert STAGES[stage]["cmd"] == f"python -m stages.{stage}"
    assert STAGES[stage]["desc"]
    assert (ROOT / "stages" / f"{stage}.py").is_file()


@pytest.mark.parametrize("stage", NAMES)
def test_code_dependencies_are_the_import_closure(stage):
    # The reader of params.yaml is left out, its values are tracked by `params`; so is what decides no result. A package's own file holds a docstring only.
    needed = {
        str(file.relative_to(ROOT))
        for name, file in import_closure(f"stages.{stage}").items()
        if name not in ("pipeline.params", "pipeline.strict", "pipeline.yaml12", "pipeline.terminal")
        and file.name != "__init__.py"
    }
    covered = {
        dep: {path for path in needed if path == dep or path.startswith(dep + "/")}
        for dep in code_deps(stage)
    }
    assert needed - set().union(*covered.values()) == set(), "imported but not declared"
    assert [dep for dep, found in covered.items() if not found] == [], "declared but not imported"


@pytest.mark.parametrize("stage", NAMES)
def test_a_stage_that_loads_plugins_depends_on_them(stage):
    assert ("plugins" in STAGES[stage]["deps"]) == takes_plugins(stage)


def test_packages_hold_a_docstring_and_nothing_else():
    for folder in ("pipeline", "stages", "plugins"):
        for file in (ROOT / folder).rglob("__init__.py"):
            body = ast.parse(file.read_text()).body
            assert len(body) == 1, file
            assert ast.get_docstring(ast.parse(file.read_text())), file


@pytest.mark.parametrize("stage", NAMES)
def test_params_are_the_sections_that_the_stage_loads(stage):
    sections = {name.lower() for name in re.findall(r"\bparams\.([A-Z]\w*)", source(stage))} - {"section"}
    if "params.Section.__subclasses__()" in source(stage):
        sections = set(yaml.safe_load((ROOT / "params.yaml").read_text()))
    assert sections == set(STAGES[stage]["params"])


@pytest.mark.parametrize("stage", NAMES)
def test_files_named_in_a_stage_are_declared(stage):
    named = set(re.findall(r'"((?:data|reports)/[^"{]+)"', source(stage))) - {"data/raw"}
    declared = data_deps(stage) | outputs(stage)
    inside = {path for path in declared if any(path.startswith(name + "/") for name in named)}
    assert named <= declared | {str(Path(path).parent) for path in inside}
    raw = {path for path in declared if path.startswith("data/raw/")}
    assert declared - raw <= named | inside


def test_only_evaluate_sees_the_test_split():
    readers = [
        stage for stage in NAMES if any("test" in path or "degraded" in path for path in data_deps(stage))
    ]
    assert readers == ["evaluate", "report"]
    assert data_deps("report") & {"data/degraded", "data/align/test"} == set()
    for stage in ("rank", "calibrate", "pointwise"):
        assert not re.search(r"\btest\b", source(stage), re.IGNORECASE)


def test_the_baseline_never_loads_a_ranking_loss():
    assert not {"margin", "advantage"} & set(STAGES["pointwise"]["params"])
    assert not [name for name in import_closure("stages.pointwise") if name.startswith("pipeline.grcf.loss")]


@pytest.mark.parametrize("stage", NAMES)
def test_nothing_switches_the_run_cache_off(stage):
    for entry in STAGES[stage].get("outs", []):
        assert isinstance(entry, str), (
            "an out with options: cache: false and persist both disable the run cache"
        )
    for kind in ("metrics", "plots"):
        for entry in STAGES[stage].get(kind, []):
            assert isinstance(entry, dict)
            assert next(iter(entry.values()))["cache"] is False


def test_margin_and_advantage_reach_only_the_stages_that_rank():
    for section in ("margin", "advantage"):
        users = [stage for stage in NAMES if section in STAGES[stage]["params"]]
        assert users == ["rank", "calibrate", "report"]


def test_nothing_knows_the_corpus_that_comes_with_the_repository():
    for folder in ("pipeline", "stages"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and file.suffix != ".pyc":
                found = re.findall(r"(?i)\bdemo\b", file.read_text().replace("`make demo`", ""))
                assert not found, file


def test_stage_bodies_are_thin():
    for stage in NAMES:
        for node in ast.walk(ast.parse(source(stage))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno <= 40, f"{stage}.{node.name}"
