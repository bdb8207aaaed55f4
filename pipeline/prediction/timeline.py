"""The picture of a prediction: words, voice and face on one time axis, wrapped into panels like lines of text."""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from pipeline.artifacts.sequences import FeatureSequence
from pipeline.artifacts.words import Word
from pipeline.extract.audio.classic import VOICED
from pipeline.pages.templates import templates_beside
from pipeline.prediction.explanation import Available, face_sentence, sound_sentence, words_sentence
from pipeline.prediction.text import quantity, signed, span_sentence, spread_sentence, value
from pipeline.prediction.model import Model
from pipeline.prediction.predicting import Prediction

# A panel is as wide as the narrowest telephone shows; at this many seconds a panel, an average word holds its letters.
_WIDTH, _LEFT, _PANEL_S = 350.0, 34.0, 3.0
_MOST_S = 180.0
_LONGEST_PANEL = 1.3
_LANES, _LANE_HEIGHT = 3, 15.0
_BARS = (50.0, 102.0)
_VOICE = (112.0, 164.0)
_FACE = (172.0, 184.0)
_AXIS, _HEIGHT = 190.0, 206.0
_LETTER, _WIDE_LETTER = 6.4, 12.0
_LEVEL_DB = (-60.0, 0.0)
_F0_HZ = (60.0, 450.0)  # where the settings of training do not say


@dataclass(frozen=True)
class WordMark:
    """A word in a panel: its stretch, the bar of its contribution, and its letters, which may stand in another lane."""

    text: str
    title: str
    x: float
    width: float
    label_x: float
    label_y: float
    show_label: bool
    strength: float
    direction: str
    bar_y: float
    bar_height: float


@dataclass(frozen=True)
class Panel:
    """A few seconds: paths in the coordinates of the panel."""

    label: str
    ticks: Sequence[tuple[float, str]]
    words: Sequence[WordMark]
    level: str
    pitch: Sequence[str]
    faces: Sequence[tuple[float, float, bool]]


@dataclass(frozen=True)
class Page:
    """One prediction as the template shows it."""

    title: str
    path: str
    span: str
    quantity: str
    value: str
    spread: str
    scale: Mapping[str, object]
    panels: Sequence[Panel]
    modalities: Sequence[tuple[str, str, float, str]]
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    top: float
    has_sound: bool
    has_faces: bool
    pitch_range: str


def timeline(pages: Sequence[Page]) -> str:
    """One HTML page that needs nothing else; light and dark, from the width of a telephone on."""
    environment = templates_beside(__file__)
    environment.filters |= {"minus": _with_minus, "options": _options_unbroken}
    return environment.get_template("timeline.html.j2").render(
        pages=pages,
        height=_HEIGHT,
        width=_WIDTH,
        left=_LEFT,
        bars=_BARS,
        voice=_VOICE,
        face=_FACE,
        axis=_AXIS,
    )


def _with_minus(text: str) -> str:
    """The sign of a negative number, where the text has hyphens for it."""
    return re.sub(r"-(?=\d)", "−", text)


def _options_unbroken(text: str) -> Markup:
    """Escaped, with no line end within the name of an option."""
    return Markup(re.sub(r"--[a-z-]+", r"<code>\g<0></code>", str(escape(text))))


def as_page(model: Model, prediction: Prediction, found: Available, said: Sequence[str]) -> Page:
    """Lay one prediction out."""
    observed = prediction.observed
    segment = observed.segment
    shown_s = _shown_s(prediction)
    bounds_s = _panel_bounds_s(prediction.words, shown_s)
    per_s = (_WIDTH - _LEFT - 4) / float(np.diff(bounds_s).max())
    largest = float(np.abs(prediction.contribution).max(initial=1e-9))
    effects = [effect for effect in prediction.modality.values() if effect is not None]
    furthest = max([abs(effect) for effect in effects], default=1.0) or 1.0
    columns = model.preprocessing.columns["audio"]
    f0_hz = _f0_range(model)
    panels = [
        _panel(prediction, columns, f0_hz, largest, start_s, end_s, per_s)
        for start_s, end_s in itertools.pairwise(bounds_s)
    ]
    labels_y = [word.label_y for panel in panels for word in panel.words if word.show_label]
    notes = list(said)
    if shown_s < segment.duration_s:
        notes.append(f"The picture ends after {shown_s:.1f} of {segment.duration_s:.1f} s.")
    return Page(
        title=segment.id,
        path=segment.media or "",
        span=span_sentence(prediction),
        quantity=quantity(model),
        value=value(model, prediction.mean),
        spread=spread_sentence(model, prediction),
        scale=_scale(model, prediction),
        panels=panels,
        modalities=[
            (
                name,
                "absent" if effect is None else signed(effect),
                0.0 if effect is None else abs(effect) / furthest,
                _direction(effect or 0.0),
            )
            for name, effect in prediction.modality.items()
        ],
        facts=[
            ("words", words_sentence(found)),
            ("sound", sound_sentence(found, segment.duration_s)),
            ("face", face_sentence(found)),
            ("model", f"{len(prediction.seeds)} seeds of {model.checkpoints[0].stage}"),
        ],
        notes=notes,
        top=min(labels_y, default=_BARS[0] - 7) - 14,
        has_sound=bool(len(observed.sequences["audio"].values)),
        has_faces=found.n_frames is not None,
        pitch_range=f"{f0_hz[0]:g} to {f0_hz[1]:g} Hz",
    )


def _shown_s(prediction: Prediction) -> float:
    """To the end of what was looked at, but no picture of half an hour."""
    duration_s = prediction.observed.segment.duration_s
    used = len(prediction.words)
    if used < len(prediction.observed.spoken.words):
        duration_s = min(duration_s, prediction.words[-1].end_s + 0.5)
    return min(duration_s, _MOST_S)


def _panel_bounds_s(words: Sequence[Word], shown_s: float) -> list[float]:
    """Panels of nearly the same length; one ends early rather than in the middle of a word, the last takes what is left."""
    panel_s = shown_s / math.ceil(shown_s / _PANEL_S - 1e-9)
    bounds_s = [0.0]
    while shown_s - bounds_s[-1] > _LONGEST_PANEL * panel_s:
        end_s = bounds_s[-1] + panel_s
        cut = [word.start_s for word in words if word.start_s < end_s < word.end_s]
        early_s = min(cut, default=end_s)
        bounds_s.append(early_s if early_s > bounds_s[-1] + panel_s / 2 else end_s)
    return [*bounds_s, shown_s]


def _f0_range(model: Model) -> tuple[float, float]:
    settings = model.preprocessing.extractors["audio"].get("settings", {})
    return settings.get("f0_min_hz", _F0_HZ[0]), settings.get("f0_max_hz", _F0_HZ[1])


def _direction(effect: float) -> str:
    return "up" if effect > 0 else "down"


def _scale(model: Model, prediction: Prediction) -> dict[str, object]:
    """The range of labels as a line 320 units wide, from 15 on, with a dot a seed."""
    train = model.preprocessing.train
    constant = model.checkpoints[0].best_constant
    made = [float(found) for found in prediction.by_seed]
    low, high = float(min(train["label_min"], *made)), float(max(train["label_max"], *made))

    def x(number: float) -> float:
        return round(15 + 320 * (number - low) / (high - low or 1.0), 1)

    # Dots that would hide one another are stacked.
    dots, heights = [], list[tuple[float, int]]()
    for seed, number in sorted(zip(prediction.seeds, made, strict=True), key=lambda pair: pair[1]):
        height = sum(1 for other, _ in heights if abs(other - x(number)) < 7) % 3
        heights.append((x(number), height))
        dots.append((x(number), 30 - 8 * height, f"seed {seed}: {value(model, number)}"))
    ends = [
        (x(train["label_min"]), f"{train['label_min']:g}"),
        (x(train["label_max"]), f"{train['label_max']:g}"),
    ]
    return {
        "ends": ends,
        "dots": dots,
        "mean": x(prediction.mean),
        "constant": (x(constant), f"without looking: {value(model, constant)}"),
        "zero": x(0.0) if low < 0 < high else None,
        "label": f"{quantity(model)} {value(model, prediction.mean)}, {spread_sentence(model, prediction)}",
    }


def _panel(
    prediction: Prediction,
    columns: Sequence[str],
    f0_hz: tuple[float, float],
    largest: float,
    start_s: float,
    end_s: float,
    per_s: float,
) -> Panel:
    audio, visual = prediction.observed.sequences["audio"], prediction.observed.sequences["visual"]

    def x(time_s: float) -> float:
        return round(_LEFT + (min(max(time_s, start_s), end_s) - start_s) * per_s, 1)

    step_s = next((step for step in (0.1, 0.2, 0.5, 1.0) if (end_s - start_s) / step <= 8), 1.0)
    first = math.ceil(start_s / step_s - 1e-6)
    ticks = [
        (x(number * step_s), f"{number * step_s:g}")
        for number in range(first, math.floor(end_s / step_s + 1e-6) + 1)
    ]
    here = slice(*np.searchsorted(audio.times_s, [start_s, end_s]))
    level, pitch = _voice(audio, columns, f0_hz, here, x)
    gap_s = float(np.median(np.diff(visual.times_s))) if len(visual.times_s) > 1 else end_s - start_s
    faces = [
        (x(time_s), round(max(x(time_s + gap_s) - x(time_s) - 1, 1), 1), bool(valid))
        for time_s, valid in zip(visual.times_s, visual.valid, strict=True)
        if start_s <= time_s < end_s
    ]
    return Panel(
        label=f"{start_s:.2f} to {end_s:.2f} s",
        ticks=ticks,
        words=_word_marks(prediction, largest, start_s, end_s, x),
        level=level,
        pitch=pitch,
        faces=faces,
    )


def _word_marks(
    prediction: Prediction, largest: float, start_s: float, end_s: float, x: Callable[[float], float]
) -> list[WordMark]:
    """The words that reach into a panel; the letters stand in the panel in which the word begins."""
    taken, marks = [-math.inf] * _LANES, []
    middle, half = sum(_BARS) / 2, (_BARS[1] - _BARS[0]) / 2
    for position, word in enumerate(prediction.words):
        if word.end_s <= start_s or word.start_s >= end_s:
            continue
        effect = float(prediction.contribution[position])
        left, right = x(word.start_s), x(word.end_s)
        begins_here = word.start_s >= start_s
        text_width = sum(_WIDE_LETTER if ord(letter) > 0x2E80 else _LETTER for letter in word.text)
        centre = min(max((left + right) / 2, _LEFT + text_width / 2), _WIDTH - 2 - text_width / 2)
        free = [lane for lane in range(_LANES) if taken[lane] <= centre - text_width / 2]
        lane = free[0] if free else int(np.argmin(taken))
        if begins_here:
            taken[lane] = centre + text_width / 2 + 4
        height = half * abs(effect) / largest
        seen = [name for name, valid in prediction.valid.items() if valid[position]]
        marks.append(
            WordMark(
                text=word.text,
                title=f"{word.text}, {word.start_s:.2f} to {word.end_s:.2f} s: {signed(effect)}"
                f" (with {', '.join(seen) or 'nothing'})",
                x=left,
                width=round(max(right - left - 1, 1), 1),
                label_x=round(centre, 1),
                label_y=round(_BARS[0] - 7 - _LANE_HEIGHT * lane, 1),
                show_label=begins_here,
                strength=round(0.08 + 0.42 * abs(effect) / largest, 3),
                direction=_direction(effect),
                bar_y=round(middle - height if effect > 0 else middle, 1),
                bar_height=round(max(height, 0.5), 1),
            )
        )
    return marks


def _voice(
    audio: FeatureSequence,
    columns: Sequence[str],
    f0_hz: tuple[float, float],
    here: slice,
    x: Callable[[float], float],
) -> tuple[str, list[str]]:
    """The level as the path of an area, and the pitch as points of a line for every voiced stretch."""
    top, bottom = _VOICE
    wanted = ("rms_db", "f0_log_hz", "voicing")
    times_s, valid = audio.times_s[here], audio.valid[here]
    if not valid.any() or any(name not in columns for name in wanted):
        return "", []
    level_db, f0_log, voicing = (audio.values[here, columns.index(name)] for name in wanted)

    def y(share: float) -> float:
        return round(bottom - (bottom - top) * min(max(share, 0.0), 1.0), 1)

    low_db, high_db = _LEVEL_DB
    points = [
        f"{x(float(time_s))},{y((float(level) - low_db) / (high_db - low_db)) if seen else bottom}"
        for time_s, level, seen in zip(times_s, level_db, valid, strict=True)
    ]
    edges = (x(float(times_s[0])), x(float(times_s[-1])))
    level = f"M{edges[0]},{bottom} L{' '.join(points)} L{edges[1]},{bottom} Z"
    low, high = (math.log(bound) for bound in f0_hz)
    pitch: list[list[str]] = [[]]
    for time_s, f0, voice, seen in zip(times_s, f0_log, voicing, valid, strict=True):
        if seen and voice >= VOICED:
            pitch[-1].append(f"{x(float(time_s))},{y((float(f0) - low) / (high - low))}")
        elif pitch[-1]:
            pitch.append([])
    # One row of voice would be a line without a length.
    return level, [" ".join(line) for line in pitch if len(line) > 1]
