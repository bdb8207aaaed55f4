import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from pipeline.artifacts.evaluated.evaluation import ReliabilityBin
from pipeline.artifacts.trained.pair_statistics import PairBinRow
from pipeline.pages.blocks import Figure
from pipeline.pages.palette import LIGHT
from pipeline.pages.vega import file_png, file_svg, page_chart, page_svg
from pipeline.reporting.figures.agreement import draw_order, draw_reliability, draw_scatter
from pipeline.reporting.figures.bars import draw_differences, draw_histogram, draw_shares
from pipeline.reporting.figures.curves import draw_curves, draw_rates

NAMES = {"grcf": "GRCF", "pointwise": "point-wise"}
HOSTILE = "<script>alert('x')</script> & \"more\""


def scatter(name="dots", n_segments=5, ids=None):
    labels = np.linspace(-3, 3, n_segments)
    predictions = np.stack([labels / 2, labels / 2])
    ids = ids or [f"segment {n}" for n in range(n_segments)]
    return draw_scatter(name, ids, labels, predictions, limits=(-3.0, 3.0), colour="grcf", caption="c")


def order(accuracy, n_pairs):
    return draw_order("o", accuracy, n_pairs, classes=("−1", "0", "+1"), caption="c")


FIGURES = {
    "scatter": scatter,
    "no segments": lambda: scatter(n_segments=0),
    "curves": lambda: draw_curves(
        "c",
        np.arange(1.0, 4.0),
        np.array([3.0, 2.0, 1.0]),
        np.array([[3.0, 2.0, np.nan], [3.0, 2.0, 1.0]]),
        seed_names=["1", "2"],
        kept=[1, None],
        colour="pointwise",
        measure="loss",
        caption="c",
    ),
    "reliability": lambda: draw_reliability(
        "r",
        {
            "grcf": [
                ReliabilityBin(n_segments=3, mean_prediction=0.0, mean_truth=0.1, mean_absolute_error=0.2)
            ],
            "pointwise": [],
        },
        {"grcf": (1.0, 0.1)},
        names=NAMES,
        labels=("mean prediction", "mean label"),
        caption="c",
    ),
    "differences": lambda: draw_differences(
        "d", {"MAE": (0.1, 0.05, 0.2), "F1": (0.0, -0.1, 0.1), "r": (-0.2, -0.3, -0.1)}, caption="c"
    ),
    "seen differences": lambda: draw_differences(
        "d", {"MAE": (0.1, 0.05, 0.2)}, detectable={"MAE": 0.3}, caption="c"
    ),
    "no differences": lambda: draw_differences("d", {}, caption="c"),
    "shares": lambda: draw_shares(
        "s", ("−1", "+1"), {"train": np.array([0.5, 0.5]), "test": np.array([0.0, 1.0])}, caption="c"
    ),
    "order": lambda: order(np.tril(np.full((3, 3), 0.6), -1), np.tril(np.full((3, 3), 4), -1)),
    "no pairs": lambda: order(np.full((3, 3), np.nan), np.zeros((3, 3), np.int64)),
    "histogram": lambda: draw_histogram(
        "h",
        [PairBinRow(quantity="weight", distance=1, low=0.0, high=0.5, n_pairs=3, share=1.0)],
        measure="weight",
        caption="c",
    ),
    "rates": lambda: draw_rates(
        "m",
        [
            {"model": model, "rate": rate, "mean": 1 + rate, "low": low, "high": low and 2.5}
            for model, low in (("grcf", 0.9), ("pointwise", None))
            for rate in (0.0, 0.5)
        ],
        names=NAMES,
        measure="MAE",
        amount=("share missing", "%"),
        limits=(0.8, 2.0),
        constant=1.9,
        caption="c",
    ),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=list(FIGURES))
class TestEveryFigure:
    def test_is_one_svg_element_without_a_size_of_its_own(self, draw):
        root = ElementTree.fromstring(page_svg(draw()))
        assert root.tag == "svg"
        assert "viewBox" in root.attrib
        assert not {"width", "height"} & set(root.attrib)

    def test_takes_every_colour_from_the_page(self, draw):
        figure = draw()
        named = {f"var(--{name}, {colour})" for name, colour in LIGHT.items()}
        for text in (page_svg(figure), json.dumps(page_chart(figure))):
            assert set(re.findall(r"var\([^)]*\)", text)) <= named
            rest = re.sub(r"var\([^)]*\)", "", text)
            assert re.findall(r"#[0-9a-f]{3,6}\b", rest) == []
            assert re.findall(r'(?:fill|stroke)="(?!none|transparent|")[^"]*"', rest) == []

    def test_is_referred_to_by_its_own_name_only(self, draw):
        figure = draw()
        references = re.findall(r'(?:\bid="|href="#|url\(#)([^")]*)', page_svg(figure))
        assert all(each.startswith(f"{figure.name}-") for each in references)
        assert f'aria-labelledby="{figure.name}-caption"' in page_svg(figure)

    def test_holds_no_number_that_json_does_not_know(self, draw):
        json.dumps(page_chart(draw()), allow_nan=False)


@pytest.mark.parametrize("write", [page_svg, file_svg, file_png])
def test_a_figure_has_the_same_bytes_each_time(write):
    first = write(scatter(n_segments=6))
    scatter_of_another_name = write(scatter(name="other", n_segments=7))
    assert first != scatter_of_another_name
    assert write(scatter(n_segments=6)) == first


def test_files_are_on_white(tmp_path):
    (tmp_path / "f.png").write_bytes(file_png(scatter()))
    with Image.open(tmp_path / "f.png") as image:
        assert image.getpixel((2, 2))[:3] == (255, 255, 255)
        assert min(image.size) > 900
    root = ElementTree.fromstring(file_svg(scatter()))
    assert root[0].attrib["fill"] == "white"


def test_there_is_a_dot_for_every_segment_where_it_belongs():
    root = ElementTree.fromstring(page_svg(scatter(n_segments=30)))
    places = [use.attrib["transform"] for use in root.iter("use")]
    x, y = np.array([re.findall(r"-?[0-9.]+", place)[:2] for place in places], np.float64).T
    assert len(x) == 30
    # Prediction to the right, label upwards, both on one scale.
    assert np.ptp(y) == pytest.approx(2 * np.ptp(x), abs=0.1)
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) < 0).all()


def test_dots_that_look_alike_say_it_once():
    assert page_svg(scatter(n_segments=500)).count("var(--blue") == 1


def test_what_only_the_pointer_finds_is_not_in_the_picture():
    assert 'opacity="0"' not in page_svg(FIGURES["curves"]())


def test_the_name_of_a_segment_never_becomes_markup():
    figure = draw_shares("s", (HOSTILE,), {"test": np.array([1.0])}, caption="c")
    texts = [each.text for each in ElementTree.fromstring(page_svg(figure)).iter("text")]
    assert any(text.startswith("<script>") for text in texts)


def test_a_difference_is_coloured_only_where_its_interval_excludes_zero():
    def side(mean, low, high):
        (row,) = draw_differences("d", {"x": (mean, low, high)}, caption="c").spec["data"]["values"]
        return row["side"]

    assert side(0.2, 0.1, 0.3) == "GRCF"
    assert side(-0.2, -0.3, -0.1) == "point-wise"
    assert side(0.1, -0.1, 0.3) == "neither"


def test_drawing_leaves_the_description_as_it_is():
    figure = scatter()
    before = json.dumps(figure.spec)
    page_svg(figure), file_svg(figure), page_chart(figure)
    assert json.dumps(figure.spec) == before
    assert isinstance(figure, Figure)
