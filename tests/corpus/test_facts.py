"""A corpus says what it is in one commented file, which is refused by a sentence or means what it says."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.facts import Facts, facts_from, facts_to_yaml, read_facts
from pipeline.corpus.layouts import LAYOUTS
from pipeline.errors import PipelineError
from pipeline.yaml12 import parse_yaml

ROOT = Path(__file__).parents[2]
LABEL = {"kind": "regression", "min": 0.0, "max": 9.0}
FACTS: dict[str, Any] = {"layout": "folder", "language": "en", "labels": {"label": LABEL}}


def facts(**changes: Any) -> Facts:
    return facts_from(FACTS | changes, source="corpus.yaml")


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if layout.facts])
def test_what_a_layout_says_is_a_whole_file(name):
    found = facts_from({"layout": name, **LAYOUTS[name].facts}, source=name)
    assert facts_from(parse_yaml(facts_to_yaml(found)), source=name) == found
    assert found.task(None, source=name).label == found.label


def test_every_line_of_a_file_has_a_comment():
    text = facts_to_yaml(facts())
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith("#") and line.strip() != "label:":
            assert "# " in line or lines[number - 1].lstrip().startswith("# "), line


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(
    texts,
    texts,
    st.lists(texts, min_size=2, max_size=4, unique=True),
    st.sampled_from(["en", None, "zh"]),
    texts,
)
def test_any_text_comes_back_from_the_file(licence, meaning, classes, language, name):
    label = {"kind": "classes", "classes": classes, "ordered": True, "meaning": meaning}
    found = facts(licence=licence, language=language, label=name, labels={name: label})
    assert facts_from(parse_yaml(facts_to_yaml(found)), source="x") == found


@given(st.floats(-1e3, 1e3), st.floats(0.011, 9e4))
def test_any_range_comes_back_from_the_file(offset, width):
    low = offset * width
    found = facts(labels={"label": {"kind": "regression", "min": low, "max": low + width}})
    assert facts_from(parse_yaml(facts_to_yaml(found)), source="x") == found


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"langauge": "en"}, "langauge is unknown"),
        ({"language": "English"}, "language is 'English'; expected an ISO 639 code"),
        ({"label": "valence"}, "label is 'valence', which labels does not describe; it describes label"),
        ({"labels": {"label": {"kind": "regression"}}}, "needs min and max"),
        ({"labels": {"label": LABEL | {"protocol": "mosi"}}}, "measures labels from -3 to 3"),
        ({"labels": {"label": LABEL | {"groups": [2.0, 1.0]}}}, "increasing cuts"),
        ({"labels": {"label": LABEL | {"min": 10.0}}}, "expected a least label below"),
        (
            {"labels": {"label": LABEL | {"max": 1e6}}},
            r"min and max are 1e\+06 apart; expected 0.01 to 100000",
        ),
        ({"labels": {"label": LABEL | {"max": 0.003}}}, "write the labels in another unit"),
        ({"labels": {"label": {"kind": "binary", "max": 9.0}}}, "leave min and max out"),
        ({"labels": {"label": {"kind": "binary", "classes": ["a", "b"]}}}, "have to be left out"),
        ({"labels": {"label": {"kind": "classes", "classes": ["a"]}}}, "at least two that differ"),
        ({"layout": "mosii"}, "layout is 'mosii'"),
        ({"splits": {"standard_mixes": ["room"]}}, "standard_mixes is 'room'"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(changes, sentence):
    with pytest.raises(PipelineError, match=sentence) as raised:
        facts(**changes)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("corpus.yaml: ")


def test_a_folder_without_facts_says_how_to_write_them(tmp_path):
    with pytest.raises(PipelineError, match=f"python -m pipeline import LAYOUT {tmp_path}"):
        read_facts(tmp_path)
    with pytest.raises(PipelineError, match="no such corpus"):
        read_facts(tmp_path / "missing")


def test_an_unknown_label_is_a_sentence_with_those_there_are():
    two = facts(labels={"label": LABEL, "arousal": LABEL})
    assert two.task("arousal", source="params.yaml").label == "arousal"
    with pytest.raises(PipelineError, match=r"'arousel' \(did you mean 'arousal'\?\)"):
        two.task("arousel", source="params.yaml")


def test_precomputed_is_as_the_corpus_says_or_as_the_run_does():
    found = facts(features={"audio": "audio.npz"})
    assert found.precomputed("audio", None) == "audio.npz"
    assert found.precomputed("audio", "other.npz") == "other.npz"
    assert found.precomputed("audio", "extract") is None
    assert found.precomputed("text", None) is None


def test_the_facts_in_the_repository_are_in_the_form_that_import_writes():
    (folder,) = [
        path.parent
        for path in (ROOT / "data/raw").glob("*/corpus.yaml")
        if (path.parent / "README.md").is_file()
    ][:1]
    assert facts_to_yaml(read_facts(folder)) == (folder / "corpus.yaml").read_text()
