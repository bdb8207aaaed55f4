"""Labels that are no scale, and segments of which there is nothing but a label, are found before anything heavy runs."""

from dataclasses import replace

import pytest

from pipeline.errors import PipelineError
from pipeline.intake.checking import refuse_unusable
from pipeline.intake.facts import Given, find_facts, rules_of
from pipeline.intake.labels import label_problems
from tests.corpus.test_manifest import candidate

DRAW = {"valid_share": 0.2, "test_share": 0.2, "split_seed": 1, "max_rejected_share": 0.1}


def sentences(labels, tmp_path, *, kind=None):
    rows = [candidate(f"r{n}", label=float(label)) for n, label in enumerate(labels)]
    known = find_facts("folder", rows, tmp_path, given=Given(kind=kind))
    splits = {row.id: ("train", "valid", "test")[n % 3] for n, row in enumerate(rows)}
    return [
        problem.sentence for problem in label_problems(rows, splits, rules_of(known.facts, tmp_path, **DRAW))
    ], known


@pytest.mark.parametrize("two", [(-1, 1), (1, 2), (0, 5)])
def test_two_numbers_alone_may_be_two_classes(two, tmp_path):
    found, known = sentences([two[n // 2 % 2] for n in range(20)], tmp_path)
    assert any(
        f"every label is {two[0]} or {two[1]}, which are two classes" in sentence for sentence in found
    )
    assert f"{two[0]} and {two[1]} alone" in known.remarks["labels.label.kind"]


@pytest.mark.parametrize("code", [99, -99, 999, -9, 9])
def test_a_code_for_a_missing_label_is_told_from_a_label(code, tmp_path):
    labels = [n % 7 - 3 for n in range(40)] + [code]
    found, _ = sentences(labels, tmp_path)
    assert any(f"1 of 41 labels are {code}, far from all others (-3 to 3)" in sentence for sentence in found)


@pytest.mark.parametrize(
    "labels",
    [
        [n % 7 - 3 for n in range(40)],
        [n % 10 for n in range(40)],
        [n % 9 + 1 for n in range(40)],
        [n / 40 for n in range(40)],
        [0, 0.1, 1] * 10,
        [2.0**n for n in range(12)],
    ],
)
def test_a_scale_is_left_in_peace(labels, tmp_path):
    found, _ = sentences(labels, tmp_path)
    assert not any("far from" in sentence or "two classes" in sentence for sentence in found)


def test_segments_with_nothing_but_a_label_end_an_import(tmp_path):
    rows = [candidate(f"r{n}", label=float(n % 5 - 2)) for n in range(20)]
    rules = rules_of(find_facts("folder", rows, tmp_path).facts, tmp_path, **DRAW)
    refuse_unusable(rows, rules)
    empty = [replace(row, media=None, text=None) for row in rows]
    refuse_unusable([*empty[:2], *rows[2:]], rules)  # as many as may be lost
    with pytest.raises(
        PipelineError, match=r"3 of 20 segments have neither a recording nor a transcript, the first at .*r0"
    ):
        refuse_unusable([*empty[:3], *rows[3:]], rules)
