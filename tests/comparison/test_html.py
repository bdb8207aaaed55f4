import re
from html.parser import HTMLParser

import pytest

from pipeline.comparison.html import as_html
from pipeline.comparison.leaderboard import leaderboard, leaderboard_page
from pipeline.comparison.parameters import Parameter
from pipeline.comparison.runs import Run
from pipeline.evaluation.protocols import MOSI
from pipeline.history.revisions import Revision
from tests.comparison.repositories import curves_csv, split_predictions

VOID = {"meta", "link", "rect", "line", "circle", "polyline", "polygon", "wbr", "br"}


class Page(HTMLParser):
    """Attributes that could load something, ids, text, and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.ids, self.targets, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                self.targets.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def run(name, *, noise=0.5, **parameters):
    return Run(
        revision=Revision(name, None),
        predictions={"valid": split_predictions("valid", noise=noise)},
        parameters={key: Parameter(value, str(value)) for key, value in parameters.items()},
        stages={},
        curves={stage: curves_csv(4, noise=noise) for stage in ("rank", "calibrate", "pointwise")},
        doubts=(),
    )


def page(*experiments, with_leaderboard=False):
    board = leaderboard(
        run("base", base=0.2, shape="hinge"), experiments, protocol=MOSI, confidence=0.95, n_resamples=50
    )
    return as_html(board, board.rows, with_leaderboard=with_leaderboard)


@pytest.fixture(scope="module")
def small():
    return page(run("wider", noise=2.0, base=0.5))


@pytest.fixture(scope="module")
def large():
    experiments = [
        run(f"trial-{n}", noise=0.5 + n / 10, base=n / 10, shape="hinge" if n % 2 else "softplus")
        for n in range(12)
    ]
    return page(*experiments, with_leaderboard=True)


@pytest.mark.parametrize("name", ["small", "large"])
def test_the_page_is_well_formed_and_asks_for_nothing_outside_of_it(request, name):
    text = request.getfixturevalue(name)
    parsed = Page(text)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.targets
    assert all(
        target == "data:," or (target.startswith("#") and target[1:] in parsed.ids)
        for target in parsed.targets
    )
    assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch\(|XMLHttpRequest", text)
    assert "default-src 'none'" in text


def test_the_page_knows_light_and_dark_and_narrow_screens(small):
    assert "prefers-color-scheme: dark" in small
    assert 'content="width=device-width, initial-scale=1"' in small


def test_one_experiment_has_its_verdict_tables_and_curves(small):
    text = " ".join(" ".join(Page(small).text).split())
    for part in (
        "Verdict: regression",
        "0.2 → 0.5",
        "ordered_ pair_ accuracy",
        "Training curves",
        "Stage 1, rank",
    ):
        assert part in text
    assert small.count("<polyline") == 3 * 2 * 2
    assert "<details" not in small


def test_many_experiments_have_a_leaderboard_charts_of_parameters_and_are_folded(large):
    text = " ".join(Page(large).text)
    assert "12 experiments against base" in text
    assert large.count("<details") == 12
    assert len(re.findall(r"mae of grcf on valid by \w+; the ring", large)) == 2 * 2
    assert "Training curves of the base and the best 6" in text
    assert large.count('class="interval ') == 12


def test_a_parameter_that_all_runs_have_alike_or_the_base_lacks_has_no_chart():
    text = page(run("a", base=0.5, shape="hinge", new=1), with_leaderboard=True)
    assert "mae of grcf on valid by base; the ring" in text
    assert "on valid by shape;" not in text
    assert "on valid by new;" not in text


def test_a_table_of_metrics_in_several_units_is_not_sorted_by_its_values(small):
    (table,) = re.findall(r'<figure class="table([^"]*)">(?:(?!</figure>).)*?mae', small, re.DOTALL)[:1]
    assert "mixed" in table.split()


def test_an_experiment_with_a_hostile_name_and_value_is_only_text():
    text = page(run("<script>alert(1)</script>", base="<img src=x onerror=alert(1)>"), with_leaderboard=True)
    assert "<script>alert" not in text
    assert "<img" not in text


def test_a_table_of_the_page_holds_what_the_terminal_shows(large):
    board = leaderboard(run("base"), [run("a", noise=0.7)], protocol=MOSI, confidence=0.95, n_resamples=50)
    table = next(block for block in leaderboard_page(board) if hasattr(block, "rows"))
    text = Page(as_html(board, board.rows, with_leaderboard=True)).text
    assert all(cell.text in text for cell in table.rows[0])


def test_experiments_of_one_name_are_told_apart():
    board = leaderboard(
        run("base"), [run("base"), run("base")], protocol=MOSI, confidence=0.95, n_resamples=50
    )
    text = as_html(board, board.rows, with_leaderboard=False)
    assert "1. base" in text
    assert "2. base" in text
