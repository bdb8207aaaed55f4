import numpy as np
import pytest

from pipeline.evaluation.protocols import MOSI, SIMS
from pipeline.reporting.matrices import class_names, classes_of, matrix_table


@pytest.mark.parametrize(("protocol", "finest"), [(MOSI, "acc7"), (SIMS, "acc5")], ids=["mosi", "sims"])
def test_equal_classes_are_what_the_finest_accuracy_counts(protocol, finest):
    random = np.random.default_rng(1)
    truth = np.round(random.uniform(protocol.label_min, protocol.label_max, 500), 1)
    prediction = truth + random.normal(0, 0.4, 500)
    hits = classes_of(truth, protocol) == classes_of(prediction, protocol)
    assert hits.mean() == pytest.approx(protocol.metric(finest).function(truth, prediction))


def test_mosi_rounds_halves_to_even_and_clips():
    assert classes_of(np.array([-9.0, -2.5, -0.5, 0.5, 1.5, 3.4]), MOSI).tolist() == [0, 1, 3, 3, 5, 6]


def test_sims_puts_a_value_on_a_cut_into_the_class_below():
    assert classes_of(np.array([-0.7, -0.1, 0.1, 0.7, 0.8]), SIMS).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("protocol", [MOSI, SIMS], ids=["mosi", "sims"])
def test_every_class_has_a_name(protocol):
    extremes = classes_of(np.array([protocol.label_min, protocol.label_max]), protocol)
    assert extremes.tolist() == [0, len(class_names(protocol)) - 1]


def table(values, **settings):
    rows = [str(n) for n in range(len(values))]
    columns = [str(n) for n in range(len(values[0]))]
    return matrix_table("t", np.array(values), rows=rows, columns=columns, corner="", written=str, **settings)


def test_the_largest_number_is_the_darkest_and_what_is_missing_is_empty():
    one, two = (row[1:] for row in table([[0.0, 1.0], [2.0, np.nan]]).rows)
    assert [(cell.text, cell.shade) for cell in (*one, *two)] == [
        ("0.0", 0.0),
        ("1.0", 0.5),
        ("2.0", 1.0),
        ("", None),
    ]


def test_shades_run_between_the_ends_that_are_given():
    ((_, low, middle, high),) = table([[1.0, 1.5, 9.0]], lightest=1.0, darkest=2.0).rows
    assert (low.shade, middle.shade, high.shade) == (0.0, 0.5, 1.0)


def test_numbers_that_are_all_zero_have_no_shade():
    ((_, cell),) = table([[0.0]]).rows
    assert cell.shade == 0.0
