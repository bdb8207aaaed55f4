"""Classes by their names: read from a table, numbered, and refused where they are no classes."""

import math
import re

import pytest

from pipeline.artifacts.corpus.task import Task
from pipeline.corpus.facts import MOST_CLASSES
from pipeline.corpus.folder import read_folder
from pipeline.corpus.labels import classes_found, label_chosen, refuse_absent_classes
from pipeline.errors import PipelineError
from pipeline.intake.facts import Given, find_facts

NAMES = ("anger", "joy", "no emotion")


def task(classes=NAMES, *, kind="classes", label="label") -> Task:
    high = float(len(classes) - 1) if kind == "classes" else 3.0
    return Task(
        kind=kind, label=label, label_min=0.0, label_max=high, protocol=kind, groups="integer",
        classes=classes if kind == "classes" else (),
    )  # fmt: skip


def table(tmp_path, labels, header="id,label,text"):
    lines = [header, *(f"s{number},{label},hello" for number, label in enumerate(labels))]
    (tmp_path / "segments.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_names_become_their_numbers_and_blanks_around_them_do_not_count(tmp_path):
    rows = read_folder(table(tmp_path, ["joy", " anger ", "no  emotion", "joy"]))
    assert all(math.isnan(row.label) for row in rows)
    assert [row.label for row in label_chosen(rows, task())] == [1.0, 0.0, 2.0, 1.0]


def test_a_few_words_among_numbers_are_no_classes(tmp_path):
    with pytest.raises(PipelineError, match=r"line 3: label is 'high'; expected a number"):
        read_folder(table(tmp_path, ["1", "high", "2"]))


@pytest.mark.parametrize("cell", ['"1,5"', "nan", "1_0"])
def test_what_was_meant_as_a_number_is_no_class(tmp_path, cell):
    with pytest.raises(PipelineError, match="expected a number"):
        read_folder(table(tmp_path, [cell] * 3))


def test_an_empty_cell_among_names_is_named(tmp_path):
    with pytest.raises(PipelineError, match=r"line 4: label is ''; expected the name of a class"):
        read_folder(table(tmp_path, ["joy", "anger", ""]))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Joy", "the label of 's1' is 'Joy' (did you mean 'joy'?); expected one of the classes"),
        ("no_emotion", "the label of 's1' is 'no_emotion' (did you mean 'no emotion'?)"),
        (
            "fear",
            "the label of 's1' is 'fear'; expected one of the classes in corpus.yaml: anger, joy, no emotion",
        ),
    ],
)
def test_a_name_that_is_no_class_is_refused(tmp_path, name, sentence):
    rows = read_folder(table(tmp_path, ["joy", name, "anger"]))
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        label_chosen(rows, task())


def test_names_are_no_numbers(tmp_path):
    rows = read_folder(table(tmp_path, ["joy", "anger"]))
    with pytest.raises(
        PipelineError, match=r"is 'joy'; expected a number, because kind in corpus\.yaml is regression"
    ):
        label_chosen(rows, task(kind="regression"))


def test_another_label_by_names_is_chosen_by_its_name(tmp_path):
    folder = table(tmp_path, ["1.5,joy", "0.5,anger", "2,"], header="id,label,label_emotion,text")
    rows = label_chosen(read_folder(folder), task(label="emotion"))
    assert [row.label for row in rows[:2]] == [1.0, 0.0]
    assert [row.other_labels for row in rows[:2]] == [{"label": 1.5}, {"label": 0.5}]
    assert "'s2' has no label 'emotion'" in rows[2].excluded


def test_facts_are_found_from_the_names(tmp_path):
    folder = table(tmp_path, ["joy", "anger", "joy", "no emotion"])
    facts = find_facts("folder", read_folder(folder), folder).facts
    assert (facts.labels["label"].kind, facts.labels["label"].classes) == ("classes", NAMES)
    given = Given(classes=("no emotion", "anger", "joy"), ordered=True)
    ordered = find_facts("folder", read_folder(folder), folder, given=given).facts.task(None, source="x")
    assert (ordered.classes, ordered.protocol) == (("no emotion", "anger", "joy"), "ordered_classes")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            ["joy", "Joy", "anger"],
            "the classes 'Joy' (1 segments) and 'joy' (1) differ in how they are written alone",
        ),
        (["no-emotion", "no emotion"], "differ in how they are written alone"),
        (["ﬁne", "fine"], "differ in how they are written alone"),
        (["joy", "joy"], "every label is 'joy'; expected numbers, or at least two classes"),
        (
            [f"text {n}" for n in range(MOST_CLASSES + 1)],
            "at most 1,000 classes: name another column by --label",
        ),
    ],
)
def test_names_that_nobody_can_have_meant_are_refused(names, sentence):
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        classes_found(names, source="segments.csv")


def test_a_class_that_train_lacks_is_refused_with_where_it_is():
    refuse_absent_classes({"train": [0.0, 1.0, 2.0], "valid": [0.0], "test": []}, task())
    with pytest.raises(PipelineError, match=r"no segment of the class 'no emotion' \(2 in test\)"):
        refuse_absent_classes({"train": [0.0, 1.0], "valid": [0.0], "test": [2.0, 2.0]}, task())
