"""What trained a model stands beside what it predicts."""

import json

import pytest

from pipeline.artifacts.aligned.preprocessing import of_corpora
from pipeline.artifacts.formats.files import write_text
from pipeline.prediction.model import load_model
from pipeline.prediction.origin import as_record, corpora_of, origin_sentence
from tests.prediction.models import make_preprocessing, write_model

FACTS = """\
layout: folder
language: en
labels:
  label: {kind: regression, min: -3, max: 3}
rated_by: nobody, a script
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model in a folder of its own, its training described by the keywords."""
    monkeypatch.chdir(tmp_path)

    def model(**described):
        train = {**make_preprocessing().train, **described}
        return load_model(write_model(tmp_path / "model", preprocessing=make_preprocessing(train=train)))

    return model


def test_a_model_names_its_corpus_wherever_it_lies(model):
    assert origin_sentence(model(corpora={"demo": 9})) == "trained on 9 segments of demo, most in en"


def test_who_gave_the_labels_is_told_where_the_corpus_is(model, tmp_path):
    write_text(tmp_path / "data/raw/demo/corpus.yaml", FACTS)
    found = model(corpora={"demo": 9})
    assert origin_sentence(found) == "trained on 9 segments of demo, most in en; labels by nobody, a script"
    assert as_record(found) == {
        "segments": 9,
        "language": "en",
        "corpora": {"demo": 9},
        "rated_by": {"demo": "nobody, a script"},
    }


def test_a_pool_is_told_by_corpus(model, tmp_path):
    write_text(tmp_path / "data/raw/two/corpus.yaml", FACTS)
    assert (
        origin_sentence(model(corpora={"one": 1200, "two": 5}))
        == "trained on 1,205 segments, most in en: one 1,200, two 5; labels by two: nobody, a script"
    )


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc", "..", ""])
def test_a_name_leads_nowhere_out_of_the_folder_of_corpora(model, tmp_path, name):
    for folder in ("elsewhere", "data", "data/raw/x"):
        write_text(tmp_path / folder / "corpus.yaml", FACTS)
    assert "labels by" not in origin_sentence(model(corpora={name: 9}))


@pytest.mark.parametrize("facts", ["nonsense", "layout: [", "\x00"])
def test_facts_that_cannot_be_read_cost_no_prediction(model, tmp_path, facts):
    write_text(tmp_path / "data/raw/demo/corpus.yaml", facts)
    assert origin_sentence(model(corpora={"demo": 9})) == "trained on 9 segments of demo, most in en"


@pytest.mark.parametrize("corpora", [None, [], "demo", {}])
def test_a_model_without_this_record_is_counted_alone(model, corpora):
    found = model(corpora=corpora)
    assert corpora_of(found) == {}
    assert origin_sentence(found) == "trained on 9 segments, most in en"
    json.dumps(as_record(found))


def test_a_model_of_some_corpora_of_a_pool_names_no_other():
    known = make_preprocessing(train={"corpora": {"one": 3, "two": 4}})
    assert of_corpora(known, ("two",)).train["corpora"] == {"two": 4}
    assert of_corpora(known, None) is known
