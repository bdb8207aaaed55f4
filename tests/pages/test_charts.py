import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from pipeline.pages.charts import Bar, Dot, Line, dot_chart, interval_chart, line_chart

ALONG = np.arange(1.0, 5.0)


def line(*y, name="run", colour=1, seeds=()):
    return Line(name, colour, ALONG[: len(y)], np.array(y, dtype=np.float64), seeds)


def lines(*lines):
    return line_chart(lines, x_label="epoch", y_label="loss", caption="Loss.")


def dots(*xs):
    drawn = [Dot(f"run {place}", x, 0.5 + 0.1 * place, "same") for place, x in enumerate(xs)]
    return dot_chart(drawn, x_label="margin.base", y_label="mae", caption="Error by margin.")


def centres(chart):
    return [float(x) for x in re.findall(r'cx="([0-9.]+)"', chart.svg)]


def ticks(chart):
    return re.findall(r'class="middle" x="[^"]*" y="206">([^<]*)<', chart.svg)


@pytest.mark.parametrize(
    "chart",
    [
        lines(line(1, 2, 3, 4), line(1, 1, 1, 1, colour=0)),
        lines(line(np.nan, 2, np.nan, 3), line(5)),
        lines(line(3, 2, 1, seeds=(np.array([1.0, 2, 3]), np.array([0.0, 0, 1])))),
        dots(0.1, 0.2),
        dots(0.2),
        dots("softplus", "a & <b>"),
        interval_chart(
            [Bar("a", 0.1, -0.1, 0.3, "same"), Bar("b", 0.0, None, None, "none")], x_label="x", caption="c"
        ),
    ],
)
def test_a_chart_is_well_formed_and_holds_finite_numbers(chart):
    ElementTree.fromstring(chart.svg)
    assert not re.search("nan|inf", chart.svg)


def test_a_name_cannot_break_a_chart():
    chart = lines(line(1, 2, name="<script>&"))
    assert "<script>" not in chart.svg
    assert "&lt;script&gt;&amp;" in chart.svg


def test_what_was_not_measured_is_left_out_of_the_line():
    assert re.search(r'points="([^"]*)"', lines(line(np.nan, 2, 3, 4)).svg)[1].count(",") == 3


def test_numbers_stand_in_proportion():
    first, second, third = centres(dots(0.1, 0.2, 0.4))
    assert third - second == pytest.approx(2 * (second - first), abs=0.2)


def test_numbers_of_many_magnitudes_stand_by_powers_of_ten():
    chart = dots(1e-4, 1e-3, 1e-2)
    first, second, third = centres(chart)
    assert third - second == pytest.approx(second - first, abs=0.2)
    assert ticks(chart) == ["0.0001", "0.001", "0.01"]


def test_zero_has_no_power_of_ten_and_keeps_the_axis_linear():
    first, second, third = centres(dots(0.0, 0.01, 1.0))
    assert third - second > 50 * (second - first)


def test_words_stand_side_by_side_in_their_order():
    chart = dots("quadratic", "anchor", "quadratic")
    first, second, third = centres(chart)
    assert second < first == third
    assert ticks(chart) == ["anchor", "quadratic"]


@pytest.mark.parametrize("name", ["wide", "lr=0.001 margin=0.5 objective=softplus seed=3", "x" * 200])
def test_a_name_of_an_interval_stands_whole_beside_it_or_above_it(name):
    chart = interval_chart(
        [Bar("short", 0.1, 0.0, 0.2, "same"), Bar(name, 0.2, 0.1, 0.3, "good")], x_label="x", caption="c"
    )
    written = re.findall(r"<text[^>]*>([^<]*)</text>", chart.svg)
    assert "short" in written
    assert (name in written) == (len(name) < 60)
    assert len(max(written, key=len)) < 60
    # No name reaches into the row of another.
    heights = [float(y) for y in re.findall(r'cy="([0-9.]+)"', chart.svg)]
    assert heights[1] - heights[0] >= (36 if len(name) > 18 else 22)


def test_what_is_counted_has_ticks_at_whole_numbers():
    assert ticks(lines(line(1, 2, 3))) == ["1", "2", "3"]


def test_ticks_are_round_and_alike():
    assert ticks(dots(0.1, 0.5)) == ["0.1", "0.2", "0.3", "0.4", "0.5"]
    assert ticks(dots(1.0, 4.0))[0] == "1"
