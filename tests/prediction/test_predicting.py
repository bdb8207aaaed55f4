"""Predictions and contributions are those that the definition gives when it is followed one word at a time."""

import dataclasses

import numpy as np
import pytest

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.errors import PipelineError
from pipeline.grcf.scoring import ALL, predict
from pipeline.prediction import predicting
from pipeline.prediction.explanation import available, notes
from pipeline.prediction.extraction import Extractors
from pipeline.prediction.model import load_model
from pipeline.prediction.observed import Observed
from pipeline.prediction.predicting import predict_observed
from tests.prediction.models import columns, make_checkpoint, make_preprocessing, write_model


def fields(observed, **changes):
    return dataclasses.replace(observed, **changes)


def without(observed, *modalities):
    absent = {
        modality: FeatureSequence.empty(len(columns()[modality]), "gone")
        if modality != "text"
        else FeatureSequence(
            np.zeros_like(observed.sequences["text"].values),
            observed.sequences["text"].times_s,
            np.zeros(len(observed.sequences["text"].valid), bool),
        )
        for modality in modalities
    }
    return fields(observed, sequences=dict(observed.sequences) | absent)


def test_every_seed_predicts_and_they_differ(prediction):
    assert prediction.seeds == (2, 4, 11)
    assert np.isfinite(prediction.by_seed).all()
    assert len(set(prediction.by_seed.tolist())) == 3
    assert prediction.sd == pytest.approx(np.std(prediction.by_seed, ddof=1))


def test_the_contribution_of_a_word_is_what_hiding_its_rows_takes_away(model, observed, prediction):
    split = predicting._aligned(model, observed)
    for position in range(len(prediction.words)):
        here = np.arange(len(prediction.words)) == position
        valid = {modality: split.valid[modality] & ~here for modality in MODALITIES}
        hidden = predict(model.checkpoints, dataclasses.replace(split, valid=valid), device="cpu")[:, 0]
        effect = prediction.by_seed - hidden
        assert prediction.contribution[position] == pytest.approx(effect.mean(), abs=1e-5)
        assert prediction.contribution_sd[position] == pytest.approx(effect.std(ddof=1), abs=1e-5)
    assert np.abs(prediction.contribution).max() > 1e-3, "words that do nothing would prove nothing"


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_contribution_of_a_word_in_one_modality_is_what_hiding_that_row_takes_away(
    model, observed, prediction, modality
):
    split = predicting._aligned(model, observed)
    for position in range(len(prediction.words)):
        here = np.arange(len(prediction.words)) == position
        valid = dict(split.valid) | {modality: split.valid[modality] & ~here}
        hidden = predict(model.checkpoints, dataclasses.replace(split, valid=valid), device="cpu")[:, 0]
        effect = (prediction.by_seed - hidden).mean()
        assert prediction.contribution_by_modality[modality][position] == pytest.approx(effect, abs=1e-5)
    assert np.abs(prediction.contribution_by_modality[modality]).max() > 1e-4


def test_a_word_without_a_row_does_exactly_nothing_in_that_modality(model, observed):
    visual = observed.sequences["visual"]
    valid = visual.valid & (visual.times_s > 1.0)
    seen = dict(observed.sequences) | {"visual": dataclasses.replace(visual, valid=valid)}
    made = predict_observed(model, fields(observed, sequences=seen))
    rows = made.valid["visual"]
    assert 0 < rows.sum() < len(rows)
    assert not made.contribution_by_modality["visual"][~rows].any()
    assert made.contribution_by_modality["visual"][rows].any()


def test_an_absent_modality_has_no_contributions_of_words(model, observed):
    made = predict_observed(model, without(observed, "audio"))
    assert set(made.contribution_by_modality) == {"text", "visual"}


def test_words_are_hidden_in_blocks_as_well_as_at_once(model, observed, prediction, monkeypatch):
    monkeypatch.setattr(predicting, "_ROWS_AT_ONCE", 15)
    again = predict_observed(model, observed)
    np.testing.assert_allclose(again.contribution, prediction.contribution, atol=1e-5)
    for modality, effects in prediction.contribution_by_modality.items():
        np.testing.assert_allclose(again.contribution_by_modality[modality], effects, atol=1e-5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_contribution_of_a_modality_is_what_its_absence_takes_away(model, observed, prediction, modality):
    hidden = predict_observed(model, without(observed, modality))
    assert hidden.modality[modality] is None
    assert prediction.modality[modality] == pytest.approx(prediction.mean - hidden.mean, abs=1e-5)


def test_with_nothing_shown_is_the_prediction_without_any_modality(model, observed, prediction):
    split = predicting._aligned(model, observed)
    nothing = predict(model.checkpoints, split, hidden=ALL, device="cpu")
    assert prediction.nothing == pytest.approx(nothing.mean(), abs=1e-5)


def test_a_recording_without_words_still_has_a_voice_and_a_face(model, observed):
    silent = SegmentWords(observed.spoken.id, "none", ())
    empty = FeatureSequence.empty(384, None)
    wordless = fields(observed, spoken=silent, sequences=dict(observed.sequences) | {"text": empty})
    made = predict_observed(model, wordless)
    assert made.words == ()
    assert made.contribution.shape == (0,)
    assert made.modality["text"] is None
    assert made.modality["audio"] is not None
    assert np.isfinite(made.mean)


def test_nothing_at_all_is_a_sentence_with_the_reasons(model, observed):
    with pytest.raises(PipelineError, match=r"no word, no sound and no face was found in it.*\(gone; gone\)"):
        predict_observed(model, without(observed, "text", "audio", "visual"))


def test_nothing_but_silence_and_pictures_without_a_face_is_told_apart(model):
    nothing = without(spoken_only(), "text")
    with pytest.raises(PipelineError, match=r"\(its sound is silent; no face in 4 pictures\)"):
        predict_observed(model, nothing)


def test_one_seed_has_no_spread(observed, tmp_path):
    made = predict_observed(load_model(write_model(tmp_path / "one", seeds=(5,))), observed)
    assert made.sd is None
    assert not made.contribution_sd.any()


def test_a_binary_model_gives_probabilities(observed, tmp_path):
    model = load_model(write_model(tmp_path / "binary", link="logistic"))
    made = predict_observed(model, observed)
    assert model.is_binary
    assert ((made.by_seed > 0) & (made.by_seed < 1)).all()


def test_words_beyond_those_of_training_are_cut_and_said_to_be(observed, tmp_path):
    preprocessing = make_preprocessing(align={"max_words": 3, "max_gap_s": 0.1})
    model = load_model(write_model(tmp_path / "short", preprocessing=preprocessing))
    made = predict_observed(model, observed)
    assert [word.text for word in made.words] == ["The", "acting", "was"]
    sentences = notes(model, made, available(made, columns()["audio"]))
    assert sentences == [
        "Only the first 3 of 7 words count, as in training (align.max_words); what comes later is not looked at."
    ]


def test_what_the_model_did_not_learn_from_is_told_and_contributes_nothing(observed, tmp_path):
    network = {**make_checkpoint(1).network, "unlearnt": ["audio"]}
    model = load_model(write_model(tmp_path / "silent", network=network))
    made = predict_observed(model, observed)
    sentences = notes(model, made, available(made, columns()["audio"]))
    assert sentences == ["No segment that the model learnt from had sound, so it goes on without sound."]
    assert made.modality["audio"] == 0
    assert not made.contribution_by_modality["audio"].any()
    assert made.modality["text"] != 0
    silent = FeatureSequence.empty(len(columns()["audio"]), None)
    without = predict_observed(model, fields(observed, sequences={**observed.sequences, "audio": silent}))
    np.testing.assert_array_equal(made.by_seed, without.by_seed)


def test_other_columns_than_those_of_training_are_a_sentence(model, observed):
    fewer = dict(observed.sequences) | {"visual": FeatureSequence.empty(3, None)}
    with pytest.raises(
        PipelineError, match=r"was trained on 21 visual columns, but this version .* extracts 3"
    ):
        predict_observed(model, fields(observed, sequences=fewer))


def notes_of(model, observed, **segment) -> list[str]:
    changed = fields(observed, segment=dataclasses.replace(observed.segment, **segment))
    made = predict_observed(model, changed)
    return notes(model, made, available(made, columns()["audio"]))


def test_an_ordinary_recording_needs_no_note(model, observed):
    assert notes_of(model, observed) == []


def test_a_recording_much_longer_than_those_of_training_is_noted(model, observed):
    (sentence,) = notes_of(model, observed, end_s=90.0)
    assert sentence.startswith(
        "It lasts 90.0 s and is predicted as a whole, but the segments of training lasted 3.0 s"
    )


def test_another_language_is_noted(model, observed):
    assert notes_of(model, observed, language="es") == ["It is in es, but the model was trained on en."]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["100% of its letters are Cjk, but its language is en; name another with --language"]),
        ("zh", ["It is in zh, but the model was trained on en."]),
    ],
)
def test_words_in_another_script_than_their_language_are_noted(model, observed, language, expected):
    words = tuple(dataclasses.replace(word, text="喜") for word in observed.spoken.words)
    changed = fields(observed, spoken=dataclasses.replace(observed.spoken, words=words))
    found = notes_of(model, changed, language=language)
    assert len(found) == len(expected)
    assert all(sentence.startswith(start) for sentence, start in zip(found, expected, strict=True))


def test_a_prediction_outside_of_the_labels_is_noted(observed, tmp_path):
    preprocessing = make_preprocessing()
    train = {**preprocessing.train, "label_min": 50.0, "label_max": 60.0}
    folder = write_model(tmp_path / "far", preprocessing=make_preprocessing(train=train))
    assert notes_of(load_model(folder), observed) == [
        "The prediction lies outside the range of the training labels, 50 to 60."
    ]


def spoken_only():
    """Two words with vectors of ones, a muted track, and pictures without a face."""
    segment = Segment("a", "test", 0.0, "s", "v", "en", "Hello you.", "a.mp4", None, True, True, 0.0, 2.0)
    words = SegmentWords("a", "proportional", (Word("Hello", 0.0, 1.0), Word("you", 1.0, 2.0)))
    spoken = {"text": FeatureSequence(np.ones((2, 384), np.float32), np.array([0.5, 1.5]), np.ones(2, bool))}
    blank = {
        modality: FeatureSequence(
            np.zeros((4, len(columns()[modality])), np.float32), np.arange(4.0), np.zeros(4, bool)
        )
        for modality in ("audio", "visual")
    }
    return Observed(segment, words, spoken | blank)


def test_rows_are_scaled_by_the_numbers_of_training(tmp_path):
    preprocessing = make_preprocessing()
    scaler = preprocessing.normalisation
    mean = dict(scaler.mean) | {"text": np.full(384, 0.5, np.float32)}
    shifted = make_preprocessing(normalisation=dataclasses.replace(scaler, mean=mean))
    model = load_model(write_model(tmp_path / "shifted", preprocessing=shifted))
    split = predicting._aligned(model, spoken_only())
    np.testing.assert_allclose(split.features["text"], (1 - 0.5) / 0.1, rtol=1e-6)
    assert not split.features["audio"].any()


def test_a_track_of_zeros_and_pictures_without_faces_count_as_absent(model):
    made = predict_observed(model, spoken_only())
    sentences = notes(model, made, available(made, columns()["audio"]))
    assert sentences == [
        "No face was found in any of 4 pictures, so the face counts as absent.",
        "The sound track is muted, so the sound counts as absent.",
    ]
    assert made.modality["audio"] is None
    assert made.modality["visual"] is None


@pytest.mark.slow
def test_the_same_recording_gives_the_same_bits(model, clip, observed, prediction):
    again = predict_observed(model, Extractors(model.preprocessing).observe(observed.segment))
    np.testing.assert_array_equal(again.by_seed, prediction.by_seed)
    np.testing.assert_array_equal(again.contribution, prediction.contribution)
