import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from pipeline.reporting.figures import (
    PALETTE,
    draw_curves,
    draw_differences,
    draw_reliability,
    draw_scatter,
    draw_shares,
)


def scatter(name="dots", n_segments=5):
    labels = np.linspace(-3, 3, n_segments)
    return draw_scatter(name, labels, labels / 2, limits=(-3.0, 3.0), colour="grcf", caption="c")


FIGURES = {
    "scatter": scatter,
    "curves": lambda: draw_curves(
        "c",
        np.arange(1.0, 4.0),
        np.array([3.0, 2.0, 1.0]),
        np.array([[3.0, 2.0, np.nan], [3.0, 2.0, 1.0]]),
        best=[1, None],
        colour="pointwise",
        quantity="loss",
        caption="c",
    ),
    "reliability": lambda: draw_reliability(
        "r",
        {"grcf": np.array([[0.0, 0.1], [1.0, 0.9]]), "pointwise": np.zeros((0, 2))},
        names={"grcf": "GRCF", "pointwise": "point-wise"},
        labels=("mean prediction", "mean label"),
        caption="c",
    ),
    "differences": lambda: draw_differences(
        "d", {"MAE": (0.1, 0.05, 0.2), "F1": (0.0, -0.1, 0.1)}, caption="c"
    ),
    "no differences": lambda: draw_differences("d", {}, caption="c"),
    "shares": lambda: draw_shares(
        "s", ("−1", "+1"), {"train": np.array([0.5, 0.5]), "test": np.array([0.0, 1.0])}, caption="c"
    ),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=list(FIGURES))
class TestEveryFigure:
    def test_is_one_svg_element_without_a_size_of_its_own(self, draw):
        root = ElementTree.fromstring(draw().svg)
        assert root.tag == "svg"
        assert "viewBox" in root.attrib
        assert not {"width", "height"} & set(root.attrib)

    def test_has_the_same_bytes_each_time(self, draw):
        assert draw().svg == draw().svg

    def test_says_neither_when_nor_by_what_it_was_drawn(self, draw):
        svg = draw().svg
        assert "metadata" not in svg
        assert "matplotlib" not in svg.lower()

    def test_takes_every_colour_from_the_page(self, draw):
        svg = draw().svg
        named = {f"var(--figure-{name}, {colour})" for name, colour in PALETTE.items()}
        assert set(re.findall(r"var\([^)]*\)", svg)) <= named
        assert re.findall(r"#[0-9a-f]{6}\b", re.sub(r"var\([^)]*\)", "", svg)) == []

    def test_is_referred_to_by_its_own_name_only(self, draw):
        figure = draw()
        references = re.findall(r'(?:\bid="|href="#|url\(#)([^")]*)', figure.svg)
        assert all(each.startswith(f"{figure.name}-") for each in references)
        assert f'aria-labelledby="{figure.name}-caption"' in figure.svg


def test_a_style_of_this_machine_changes_nothing():
    plain = scatter().svg
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path"}):
        assert scatter().svg == plain


def test_there_is_a_dot_for_every_segment_where_it_belongs():
    root = ElementTree.fromstring(scatter(n_segments=7).svg)
    group = max(root.iter("g"), key=lambda each: len(each.findall("use")))
    x, y = (np.array([float(use.attrib[axis]) for use in group.findall("use")]) for axis in "xy")
    assert len(x) == 7
    # Prediction to the right, label upwards, both on one scale.
    assert np.ptp(y) == pytest.approx(2 * np.ptp(x), abs=0.1)
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) < 0).all()


def test_dots_that_look_alike_say_it_once():
    assert scatter(n_segments=500).svg.count("var(--figure-grcf") == 1


def test_a_difference_is_coloured_only_where_its_interval_excludes_zero():
    def colours(mean, low, high):
        return set(
            re.findall(
                r"stroke: var\(--figure-(\w+)",
                draw_differences("d", {"x": (mean, low, high)}, caption="c").svg,
            )
        )

    assert "grcf" in colours(0.2, 0.1, 0.3)
    assert "pointwise" in colours(-0.2, -0.3, -0.1)
    assert colours(0.1, -0.1, 0.3).isdisjoint({"grcf", "pointwise"})
