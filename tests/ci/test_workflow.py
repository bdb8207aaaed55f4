"""The workflow for GitHub: its schema, what it may do, and that what it runs exists."""

import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / ".github/workflows/experiment.yml"
WORKFLOW = parse_yaml(FILE.read_text())
STEPS = [(job, step) for job, jobs in WORKFLOW["jobs"].items() for step in jobs["steps"]]
SCRIPTS = [step["run"] for _, step in STEPS if "run" in step]
FORK_SAFE = "github.event.pull_request.head.repo.full_name == github.repository"


def test_it_follows_the_schema_of_workflows():
    schema = files("check_jsonschema.builtin_schemas") / "vendor/github-workflows.json"
    validator = jsonschema.validators.validator_for(json.loads(schema.read_text()))
    errors = list(validator(json.loads(schema.read_text())).iter_errors(WORKFLOW))
    assert errors == []


def test_it_uses_no_action_but_those_of_github_itself():
    used = {step["uses"].split("@")[0] for _, step in STEPS if "uses" in step}
    assert used == {"actions/checkout", "actions/setup-python", "actions/cache", "actions/upload-artifact"}


def test_every_target_that_it_makes_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"\bmake ([\w-]+)", "\n".join(SCRIPTS))
    assert sorted(targets) == ["ci-compare", "ci-experiment", "ci-leaderboard"]
    for target in targets:
        recipe = re.search(rf"^{target}: \$\(VENV\)/\.run\n\t@\.ci/experiment (\w+)", makefile, re.MULTILINE)
        assert recipe, target
        assert re.search(rf"^{recipe[1]}\(\) \{{", (ROOT / ".ci/experiment").read_text(), re.MULTILINE)


@pytest.mark.parametrize("script", [*SCRIPTS, (ROOT / ".ci/experiment").read_text()])
def test_shell_is_shell(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_nothing_that_a_stranger_writes_becomes_part_of_a_script():
    for script in SCRIPTS:
        assert "${{" not in script


def test_a_pull_request_may_read_and_the_one_job_that_writes_runs_none_of_its_code():
    assert set(WORKFLOW["on"]) == {"pull_request", "workflow_dispatch"}, (
        "pull_request_target would hand out secrets"
    )
    assert WORKFLOW["permissions"] == {"contents": "read"}
    writers = {
        name: job["permissions"]
        for name, job in WORKFLOW["jobs"].items()
        if "write" in str(job.get("permissions"))
    }
    assert writers == {
        "comment": {"actions": "read", "pull-requests": "write"},
        "experiment": {"contents": "write"},
    }
    comment = WORKFLOW["jobs"]["comment"]
    assert not any("uses" in step for step in comment["steps"])
    assert FORK_SAFE in comment["if"]
    assert WORKFLOW["jobs"]["experiment"]["if"] == "github.event_name == 'workflow_dispatch'"


def test_every_job_that_compares_has_the_whole_history():
    for job in ("compare", "experiment", "leaderboard"):
        checkout = next(step for name, step in STEPS if name == job and "checkout" in step.get("uses", ""))
        assert checkout["with"]["fetch-depth"] == 0


def test_the_values_that_are_offered_are_parameters_of_the_pipeline():
    known = parse_yaml((ROOT / "params.yaml").read_text())
    for given in WORKFLOW["on"]["workflow_dispatch"]["inputs"].values():
        for assignment in json.loads(given["default"]):
            section, key = assignment.partition("=")[0].split(".")
            assert key in known[section]
