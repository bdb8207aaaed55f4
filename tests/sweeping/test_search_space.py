from pathlib import Path

import pytest

from pipeline import params
from pipeline.errors import PipelineError
from pipeline.sweeping.search_space import Choice, Range, described, point_of, search_space

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def space(*axes: str):
    return search_space(axes, check=params.checked)


def test_ranges_and_choices_are_read_by_the_type_of_their_parameter():
    assert space(
        "rank.learning_rate=log:1e-4..3e-3",
        "margin.base=0..1",
        "calibrate.n_knots=2..8",
        "network.width=32,64",
    ) == (
        Range("calibrate.n_knots", 2, 8, False),
        Range("margin.base", 0.0, 1.0, False),
        Choice("network.width", {"32": 32, "64": 64}),
        Range("rank.learning_rate", 1e-4, 3e-3, True),
    )
    whole = {one.key: one.is_whole for one in space("margin.base=0..1", "calibrate.n_knots=2..8")}
    assert whole == {"margin.base": False, "calibrate.n_knots": True}


def test_a_space_is_described_the_same_however_it_was_written():
    one = space("rank.learning_rate=log:0.0001..0.003", "advantage.scope=anchor,batch")
    other = space("advantage.scope=anchor,batch", "rank.learning_rate=log:1e-4..3e-3")
    assert described(one) == described(other)
    assert described(one) == ["advantage.scope=anchor,batch", "rank.learning_rate=log:0.0001..0.003"]


def test_what_is_chosen_has_the_digits_that_a_person_would_write_and_stays_in_its_range():
    one = space("margin.base=0.12344..0.5", "advantage.scope=anchor,batch")
    chosen = point_of(one, {"margin.base": 0.123440001, "advantage.scope": "batch"})
    assert dict(chosen.values) == {"advantage.scope": "batch", "margin.base": 0.12344}
    assert (
        dict(point_of(one, {"margin.base": 0.43718, "advantage.scope": "anchor"}).values)["margin.base"]
        == 0.4372
    )


@pytest.mark.parametrize(
    ("axis", "sentence"),
    [
        ("margin.bsae=0.1..0.5", "did you mean margin.base?"),
        ("margin.base=0.5..0.1", "the lower end has to be below the upper end"),
        ("rank.learning_rate=log:0..0.1", "input should be greater than or equal to 0.000000000001"),
        ("margin.base=log:0..0.1", "the lower end has to be above 0 and below"),
        ("margin.base=-1..0.1", "greater than or equal to 0"),
        ("margin.base=0.3", "one value leaves nothing to choose"),
        ("margin.base=0.1-1.0", "expected margin.base=low..high"),
        ("advantage.scope=anchor,btach", "input should be 'group_pair', 'anchor' or 'batch'"),
        ("calibrate.n_knots=2..8.5", "calibrate.n_knots is 8.5"),
        ("evaluate.n_bins=2..9", "evaluate.n_bins decides what is measured"),
        ("manifest.split_seed=1..9", "manifest.split_seed decides what is measured"),
        ("training.seeds=[1,2],[3]", "a search over seeds finds those that happen to do best on valid"),
        ("report.title=a,b", "report.title decides what the report shows and no result"),
        ("text.model=a..b", "no range, because it is no number"),
    ],
)
def test_a_mistake_is_a_sentence(axis, sentence):
    with pytest.raises(PipelineError) as raised:
        space(axis)
    assert sentence in str(raised.value)
