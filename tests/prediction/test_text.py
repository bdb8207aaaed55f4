"""The text and the JSON tell the same numbers."""

import json
from dataclasses import replace

import pytest

from pipeline.prediction.explanation import available
from pipeline.prediction.model import load_model
from pipeline.prediction.predicting import predict_observed
from pipeline.prediction.text import signed, strongest_words, to_json, to_text
from tests.prediction.models import columns, write_model


@pytest.fixture(scope="module")
def found(prediction):
    return available(prediction, columns()["audio"])


@pytest.fixture(scope="module")
def printed(model, prediction, found):
    return " ".join(to_text(model, prediction, found, ["A note."]).split())


def test_the_mean_and_the_spread_of_the_seeds(printed, prediction):
    low, high = signed(prediction.by_seed.min()), signed(prediction.by_seed.max())
    assert (
        f"sentiment {signed(prediction.mean)} (mean of 3 seeds from {low} to {high}, sd {prediction.sd:.2f})"
        in printed
    )


def test_what_there_was(printed, prediction):
    visual = prediction.observed.sequences["visual"].valid
    assert "words 7, timed by forced alignment with the sound" in printed
    assert f"face in {visual.sum()} of {len(visual)} pictures" in printed
    assert "note A note." in printed


def test_words_up_and_down_are_ordered_by_their_size(prediction):
    for up in (True, False):
        effects = [effect for _, effect in strongest_words(prediction, up=up)]
        assert effects == sorted(effects, key=abs, reverse=True)
        assert all((effect > 0) == up for effect in effects)
    best = prediction.contribution.argmax()
    assert strongest_words(prediction, up=True)[0][0] == prediction.words[best].text


def test_modalities_have_their_contribution(printed, prediction):
    text, audio = (signed(prediction.modality[modality]) for modality in ("text", "audio"))
    assert f"modalities text {text}, audio {audio}, visual " in printed


def test_json_holds_every_seed_and_every_word(model, prediction, found):
    answer = json.loads(json.dumps(to_json(model, prediction, found, ["A note."])))
    assert answer["seeds"] == dict(zip(("2", "4", "11"), prediction.by_seed, strict=True))
    assert [word["word"] for word in answer["words"]] == [word.text for word in prediction.words]
    assert [word["contribution"] for word in answer["words"]] == prediction.contribution.tolist()
    for modality, effects in prediction.contribution_by_modality.items():
        assert [word["modalities"][modality] for word in answer["words"]] == [
            float(effect) if valid else None
            for effect, valid in zip(effects, prediction.valid[modality], strict=True)
        ]
    assert answer["available"]["n_faces"] == prediction.observed.sequences["visual"].valid.sum()
    assert answer["notes"] == ["A note."]


def test_a_binary_model_speaks_of_probabilities(observed, tmp_path):
    model = load_model(write_model(tmp_path / "binary", seeds=(1,), link="logistic"))
    made = predict_observed(model, observed)
    printed = " ".join(to_text(model, made, available(made, columns()["audio"]), []).split())
    assert f"probability of label 1 {made.mean:.2f} (one seed (1))" in printed


def test_what_rounds_to_zero_has_no_sign():
    assert (signed(-0.001), signed(0.001), signed(-0.006)) == ("0.00", "0.00", "−0.01")


def test_a_name_that_would_move_the_terminal_is_written_out(model, prediction, found):
    observed = prediction.observed
    segment = replace(observed.segment, media="\x1b[2Jclip\u202e.mp4")
    named = replace(prediction, observed=replace(observed, segment=segment))

    page = to_text(model, named, found, [])

    assert page.startswith("\\x1b[2Jclip\\u202e.mp4, ")
    assert "\x1b" not in page
    assert json.loads(json.dumps(to_json(model, named, found, [])))["file"] == segment.media
