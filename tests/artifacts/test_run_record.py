"""The record of a run: what is written is read, and what an earlier version wrote, too."""

import json

import pytest

from pipeline.artifacts.evaluated.run_record import (
    RunRecord,
    read_run_record,
    run_record_from,
    write_run_record,
)
from pipeline.errors import PipelineError
from tests.tasks import MOSI

MACHINES = ({"device": "cpu x86_64 AVX512", "torch": "2.13.0+cpu"}, {"device": "cpu aarch64"})


@pytest.fixture
def written(tmp_path):
    record = RunRecord("demo", MOSI, MACHINES, "cpu x86_64 AVX512")
    write_run_record(tmp_path / "run.json", record)
    assert read_run_record(tmp_path / "run.json") == record
    return json.loads((tmp_path / "run.json").read_text())


def test_machines_in_a_list_are_read_as_those_under_numbers(written):
    found = run_record_from(written | {"trained_on": list(MACHINES)}, source="run.json of old")
    assert found == run_record_from(written, source="run.json")
    assert found.trained_on == MACHINES


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.pop("task"),
        lambda record: record["task"].pop("groups"),
        lambda record: record["task"].update(a_field_of_later="x"),
        lambda record: record.update(trained_on="a cpu"),
        lambda record: record.update(trained_on=["a cpu"]),
        lambda record: record.update(trained_on=None),
        lambda record: record.update(trained_on=[{"device": ["cpu"]}]),
        lambda record: record.update(trained_on={"1": {"device": 3}}),
        lambda record: record["task"].update(label_min=-(10**400)),
    ],
)
def test_a_record_of_another_form_is_a_sentence_without_the_name_of_an_exception(written, damage):
    damage(written)
    with pytest.raises(PipelineError) as caught:
        run_record_from(written, source="reports/run.json of abc1234")
    assert str(caught.value) == (
        "reports/run.json of abc1234: is no record of a run as this version of the project writes it; run "
        "`dvc repro evaluate` there, or read it with the version that wrote it"
    )


@pytest.mark.parametrize("value", [None, [], "run", 3])
def test_another_value_is_no_record(value):
    with pytest.raises(PipelineError, match=r"run\.json: is no record of a run"):
        run_record_from(value, source="run.json")
