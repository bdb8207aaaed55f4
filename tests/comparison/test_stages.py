import pytest

from pipeline.comparison.stages import data_changes, read_stages, stage_changes
from pipeline.errors import PipelineError


def stage(*, deps=(), outs=(), params=None, cmd="run"):
    recorded = {"cmd": cmd}
    for name, entries in (("deps", deps), ("outs", outs)):
        recorded[name] = [{"path": path, "hash": "md5", "md5": md5} for path, md5 in entries]
    return recorded | ({"params": {"params.yaml": params}} if params else {})


def lock(**stages):
    return read_stages({"schema": "2.0", "stages": stages}, source="dvc.lock of HEAD")


def changes(base, experiment, *, same_libraries=True):
    return stage_changes(base, experiment, same_libraries=same_libraries)


def chain(*, raw="r", base=0.2, code="c", rank="k", words="w", align="a"):
    """Three stages whose alphabetical order is not that of the data."""
    return lock(
        align=stage(deps=[("data/words", words)], outs=[("data/align", align)]),
        manifest=stage(deps=[("data/raw", raw)], outs=[("data/manifest", raw)]),
        words=stage(deps=[("data/manifest", raw)], outs=[("data/words", words)]),
        rank=stage(
            deps=[("data/align", align), ("pipeline/grcf", code)],
            outs=[("data/rank", rank)],
            params={"margin": {"base": base}, "rank": {"learning_rate": 0.001}},
        ),
    )


def test_stages_stand_in_the_order_of_the_data():
    assert list(chain()) == ["manifest", "words", "align", "rank"]


def test_equal_locks_have_no_changes():
    assert changes(chain(), chain()) == ()


def test_a_change_of_a_parameter_names_its_section():
    (change,) = changes(chain(), chain(base=0.5, rank="other"))
    assert change.name == "rank"
    assert change.differences == ("parameters (margin)", "outputs")


def test_what_a_change_began_with_is_named_and_what_another_stage_made_is_not():
    found = {change.name: change.differences for change in changes(chain(), chain(raw="s", code="d"))}
    assert found == {
        "manifest": ("inputs (data/raw)", "outputs"),
        "words": ("inputs (from manifest)",),
        "rank": ("inputs (pipeline/grcf)",),
    }


def test_what_differs_although_nothing_that_was_read_does_was_made_on_another_machine():
    """A run of `margin.base=0.5` on another class of machine, whose recogniser places words in other rounding."""
    found = {
        change.name: change.differences
        for change in changes(chain(), chain(words="w2", align="a2", base=0.5, rank="k2"))
    }
    assert found == {
        "words": ("outputs alone: made on another class of machine",),
        "align": ("inputs (from words, made on another class of machine)", "outputs"),
        "rank": (
            "inputs (from align, made on another class of machine)",
            "parameters (margin)",
            "outputs",
        ),
    }


def test_a_machine_is_not_blamed_for_what_follows_from_a_parameter():
    evaluated = {"evaluate": stage(deps=[("data/rank", "k")], outs=[("reports/metrics.json", "m")])}
    other = {"evaluate": stage(deps=[("data/rank", "k2")], outs=[("reports/metrics.json", "m2")])}
    before = chain() | lock(**evaluated)
    after = chain(base=0.5, rank="k2") | lock(**other)
    assert changes(before, after)[-1].differences == ("inputs (from rank)", "outputs")


def test_other_libraries_may_be_the_reason_too():
    (change,) = changes(chain(), chain(rank="k2"), same_libraries=False)
    assert change.differences == ("outputs alone: made with other libraries or on another class of machine",)


def test_a_changed_command_is_a_change():
    (change,) = changes(lock(a=stage(cmd="one")), lock(a=stage(cmd="two")))
    assert change.differences == ("command",)


def test_stages_that_only_one_run_has_are_added_or_removed():
    found = changes(lock(a=stage(), b=stage()), lock(b=stage(), c=stage()))
    assert [(change.name, change.differences) for change in found] == [("c", ("added",)), ("a", ("removed",))]


def test_the_data_is_the_same_by_the_outputs_of_the_manifest():
    assert data_changes(chain(), chain(code="d")) == ()
    assert data_changes(chain(), chain(raw="s")) == ("data/manifest",)


def test_without_a_manifest_nothing_is_said_of_the_data():
    assert data_changes(chain(), lock(rank=stage())) is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        [],
        {},
        {"stages": None},
        {"stages": [1]},
        {"stages": {"a": None}},
        {"stages": {"a": "cmd"}},
        {"stages": {"a": {"deps": None}}},
        {"stages": {"a": {"deps": {"path": "x"}}}},
        {"stages": {"a": {"outs": [{}]}}},
        {"stages": {"a": {"outs": [{"path": ["x"]}]}}},
        {"stages": {"a": {"outs": [{"path": "x", "md5": ["0"]}]}}},
        {"stages": {"a": {"outs": [{"path": "x", "md5": None}]}}},
        {"stages": {"a": {"params": [1]}}},
        {"stages": {"a": {"params": {"params.yaml": [1, 2]}}}},
        {"stages": {"a": {"params": {"params.yaml": None}}}},
        {"stages": {"a": {"params": {"params.yaml": "margin.base"}}}},
    ],
)
def test_what_is_no_lock_file_is_a_sentence(text):
    with pytest.raises(PipelineError, match=r"^dvc\.lock of HEAD: not a lock file"):
        read_stages(text, source="dvc.lock of HEAD")


def test_a_key_that_is_a_number_stands_among_the_others():
    (change,) = changes(lock(rank=stage(params={"a": 1})), lock(rank=stage(params={1: 2, "a": 2})))
    assert change.differences == ("parameters (1, a)",)
