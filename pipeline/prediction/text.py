"""A prediction as text for a terminal, and as a JSON value."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.errors import written_out
from pipeline.pages import numbers
from pipeline.pages.text import wrapped
from pipeline.prediction.explanation import Available, face_sentence, sound_sentence, words_sentence
from pipeline.prediction.model import Model
from pipeline.prediction.origin import origin_sentence
from pipeline.prediction.predicting import Prediction

_N_WORDS = 5
_N_CLASSES = 10


def signed(value: float) -> str:
    """Two digits after the point, with a sign unless it rounds to zero."""
    return numbers.signed(value, 2)


def quantity(model: Model) -> str:
    """What is predicted."""
    if model.classes:
        return "class"
    return "probability of label 1" if model.is_binary else "sentiment"


def value(model: Model, number: float) -> str:
    """A prediction; a probability has no sign."""
    return numbers.fixed(number, 2) if model.is_binary or model.classes else signed(number)


def answer(model: Model, prediction: Prediction) -> str:
    """What is predicted of a segment; of classes, the most probable one and its probability."""
    name = f"{model.classes[prediction.chosen]} " if model.classes else ""
    return f"{name}{value(model, prediction.mean)}"


def probabilities(model: Model, prediction: Prediction) -> dict[str, float]:
    """The mean probability of each class, the largest first; empty where labels are no classes."""
    if prediction.probabilities is None:
        return {}
    pairs = zip(model.classes, prediction.probabilities.mean(axis=0).tolist(), strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def spread_sentence(model: Model, prediction: Prediction) -> str:
    """How far the seeds agree."""
    if prediction.sd is None:
        return f"one seed ({prediction.seeds[0]})"
    low, high = (value(model, float(bound)) for bound in (prediction.by_seed.min(), prediction.by_seed.max()))
    return f"mean of {len(prediction.seeds)} seeds from {low} to {high}, sd {prediction.sd:.2f}"


def span_sentence(prediction: Prediction) -> str:
    """Which stretch of the recording it is."""
    segment = prediction.observed.segment
    if segment.media is None:
        return "a transcript without a recording"
    return f"{segment.start_s:.2f} to {segment.end_s:.2f} s"


def strongest_words(prediction: Prediction, *, up: bool) -> list[tuple[str, float]]:
    """The words with the largest contributions in one direction, the largest first."""
    pairs = [
        (word.text, float(effect))
        for word, effect in zip(prediction.words, prediction.contribution, strict=True)
        if round(effect if up else -effect, 2) > 0
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[1]))[:_N_WORDS]


def to_text(model: Model, prediction: Prediction, found: Available, notes: Sequence[str]) -> str:
    """A page for a terminal."""
    segment = prediction.observed.segment

    def listed(pairs: Sequence[tuple[str, float]]) -> str:
        return ", ".join(f"{word} {signed(effect)}" for word, effect in pairs) or "none"

    modalities = ", ".join(
        f"{modality} {'absent' if effect is None else signed(effect)}"
        for modality, effect in prediction.modality.items()
    )
    rows = [
        (quantity(model), f"{answer(model, prediction)} ({spread_sentence(model, prediction)})"),
        ("", _beside(model, prediction)),
        ("model", origin_sentence(model)),
        ("words", words_sentence(found)),
        ("sound", sound_sentence(found, segment.duration_s)),
        ("face", face_sentence(found)),
        ("words up", listed(strongest_words(prediction, up=True))),
        ("words down", listed(strongest_words(prediction, up=False))),
        ("modalities", modalities),
        *(("note", sentence) for sentence in notes),
    ]
    margin = max(len(name) for name, _ in rows) + 4
    page = [f"{segment.media or segment.id}, {span_sentence(prediction)}"]
    for name, text in rows:
        page.append(wrapped(text, first=f"  {name}".ljust(margin), rest=" " * margin))
    return written_out(numbers.typed("\n".join(page))) + "\n"


def _beside(model: Model, prediction: Prediction) -> str:
    """What a prediction is to be read beside: the probabilities of all classes, or the range of the labels."""
    if model.classes:
        found = [f"{name} {value(model, share)}" for name, share in probabilities(model, prediction).items()]
        more = f" and {len(found) - _N_CLASSES} more" if len(found) > _N_CLASSES else ""
        return ", ".join(found[:_N_CLASSES]) + more
    train = model.preprocessing.train
    return f"labels of training: {numbers.short(train['label_min'])} to {numbers.short(train['label_max'])}"


def to_json(model: Model, prediction: Prediction, found: Available, notes: Sequence[str]) -> dict[str, Any]:
    """Everything that `to_text` tells and every word, as values of JSON; see docs/howto/predict.md."""
    segment = prediction.observed.segment
    words = zip(prediction.words, prediction.contribution, prediction.contribution_sd, strict=True)
    by_modality = prediction.contribution_by_modality
    return {
        "file": segment.media,
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "quantity": quantity(model),
        "prediction": model.classes[prediction.chosen] if model.classes else prediction.mean,
        **({"probabilities": probabilities(model, prediction)} if model.classes else {}),
        "sd": prediction.sd,
        "seeds": {
            str(seed): float(made) for seed, made in zip(prediction.seeds, prediction.by_seed, strict=True)
        },
        "with_nothing_shown": prediction.nothing,
        "available": asdict(found),
        "words": [
            {
                "word": word.text,
                "start_s": word.start_s,
                "end_s": word.end_s,
                "contribution": float(effect),
                "sd": float(sd),
                "modalities": {
                    modality: float(of_modality[position])
                    if (of_modality := by_modality.get(modality)) is not None
                    and prediction.valid[modality][position]
                    else None
                    for modality in MODALITIES
                },
            }
            for position, (word, effect, sd) in enumerate(words)
        ],
        "modalities": dict(prediction.modality),
        "notes": list(notes),
    }
