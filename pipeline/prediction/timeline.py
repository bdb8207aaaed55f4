"""The page of a prediction: its value, what was said, heard and seen in time, and what each part contributed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pipeline.pages.numbers import fixed, plural, short
from pipeline.pages.templates import render_page
from pipeline.prediction.explanation import Available, face_sentence, sound_sentence, words_sentence
from pipeline.prediction.model import Model
from pipeline.prediction.origin import origin_sentence
from pipeline.prediction.panels import (
    direction,
    draw_panels,
    draw_scale,
    drawn_s,
    f0_range_hz,
    largest_effect,
    rows_of_modalities,
    scale_digits,
)
from pipeline.prediction.predicting import Prediction
from pipeline.prediction.text import (
    answer,
    probabilities,
    quantity,
    signed,
    span_sentence,
    spread_sentence,
    value,
)


@dataclass(frozen=True)
class Page:
    """One prediction as the template shows it; `modalities` are name, contribution, length of its bar in per cent, direction.

    `full_bar` is what a bar of full height is worth, empty where there are no words; `has_rows` says whether modalities have bars of their own.
    """

    title: str
    path: str
    span: str
    quantity: str
    value: str
    range: str
    spread: str
    scale: Markup
    panels: Sequence[Markup]
    modalities: Sequence[tuple[str, str, float, str]]
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    has_sound: bool
    has_faces: bool
    pitch_range: str
    full_bar: str
    has_rows: bool


def timeline(pages: Sequence[Page]) -> str:
    """One HTML page that needs nothing else; light and dark, from the width of a telephone on."""
    return render_page(
        __file__,
        "timeline.html.j2",
        title=f"{pages[0].title}: {pages[0].quantity} {pages[0].value}",
        styles=["timeline.css"],
        filters={"options": _options_unbroken},
        pages=pages,
    )


def as_page(model: Model, prediction: Prediction, found: Available, notes: Sequence[str]) -> Page:
    """Lay one prediction out.

    Args:
        model: the model that predicted.
        prediction: its prediction for the recording.
        found: how much of the recording reached the model.
        notes: sentences about what makes the prediction doubtful.
    """
    observed = prediction.observed
    segment = observed.segment
    effects = [effect for effect in prediction.modality.values() if effect is not None]
    furthest = max([abs(effect) for effect in effects], default=1.0) or 1.0
    low_hz, high_hz = f0_range_hz(model)
    end_s = drawn_s(prediction)
    cut = (
        [f"The picture ends after {end_s:.1f} of {segment.duration_s:.1f} s."]
        if end_s < segment.duration_s
        else []
    )
    return Page(
        title=segment.id,
        path=segment.media or "",
        span=span_sentence(prediction),
        quantity=quantity(model),
        value=answer(model, prediction),
        range="From 0 to 1, the probability of this class"
        if model.classes
        else "The range of the training labels",
        spread=spread_sentence(model, prediction),
        scale=draw_scale(model, prediction),
        panels=draw_panels(model, prediction),
        modalities=[
            (
                name,
                "absent" if effect is None else signed(effect),
                round(100 * abs(effect or 0.0) / furthest, 1),
                direction(effect or 0.0),
            )
            for name, effect in prediction.modality.items()
        ],
        facts=[
            *((name, value(model, share)) for name, share in probabilities(model, prediction).items()),
            ("words", words_sentence(found)),
            ("sound", sound_sentence(found, segment.duration_s)),
            ("face", face_sentence(found)),
            (
                "model",
                f"{plural(len(prediction.seeds), 'seed')} of {model.checkpoints[0].stage}, {origin_sentence(model)}",
            ),
        ],
        notes=[*notes, *cut],
        has_sound=bool(len(observed.sequences["audio"].values)),
        has_faces=found.n_frames is not None,
        pitch_range=f"{short(low_hz)} to {short(high_hz)} Hz",
        full_bar=fixed(largest_effect(prediction), scale_digits(prediction)) if prediction.words else "",
        has_rows=bool(rows_of_modalities(prediction)),
    )


def _options_unbroken(text: str) -> Markup:
    """Escaped, with no line end within the name of an option."""
    return Markup(re.sub(r"--[a-z-]+", r"<code>\g<0></code>", str(escape(text))))
