"""The pictures of a prediction: words, voice and face on one time axis, wrapped into panels like lines of text."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pipeline.artifacts.corpus.sequences import FeatureSequence, Modality
from pipeline.artifacts.corpus.words import Word
from pipeline.extract.audio.classic import VOICED
from pipeline.pages.numbers import short
from pipeline.pages.numbers import signed as number_signed
from pipeline.pages.svg import coordinate, element, picture, points
from pipeline.prediction.model import Model
from pipeline.prediction.predicting import Prediction
from pipeline.prediction.text import answer, quantity, signed, spread_sentence, value

# A panel is as wide as the narrowest telephone shows; at this many seconds a panel, an average word holds its letters.
_WIDTH, _LEFT, _RIGHT, _PANEL_S = 350.0, 48.0, 4.0, 3.0
_MOST_S = 180.0
_LONGEST_PANEL = 1.3
_LANES, _LANE_HEIGHT = 3, 15.0
_BARS = (50.0, 102.0)
_ROW_HEIGHT, _ROW_GAP = 20.0, 5.0
"""Of the bars of one modality; what stands below moves down by so much."""
_VOICE = (112.0, 164.0)
_FACE = (172.0, 184.0)
_AXIS, _HEIGHT = 190.0, 206.0
_LETTER, _WIDE_LETTER = 6.4, 12.0
_LEVEL_DB = (-60.0, 0.0)
_F0_HZ = (60.0, 450.0)  # where the settings of training do not say
_SCALE_LEFT, _SCALE_WIDTH, _SCALE_Y = 15.0, 320.0, 38.0

X = Callable[[float], float]
"""From seconds to the place in a panel."""


@dataclass(frozen=True)
class _PlacedWord:
    """A word in a panel: its stretch, its effects as shares of the largest of all, and where its letters stand."""

    text: str
    title: str
    x: float
    width: float
    label_x: float
    label_y: float
    begins_here: bool
    effect: float
    by_modality: Mapping[Modality, float]


def direction(effect: float) -> str:
    """The class of the style sheet for what raises or lowers a prediction."""
    return "up" if effect > 0 else "down"


def draw_scale(model: Model, prediction: Prediction) -> Markup:
    """The range of the training labels, or of a probability, with a dot per seed, a line for their mean, and the best guess without looking."""
    train = model.preprocessing.train
    if model.classes:
        train = {"label_min": 0.0, "label_max": 1.0}
    best = model.checkpoints[0].best_constant
    constant = best[prediction.chosen] if isinstance(best, list) else best
    by_seed = [float(found) for found in prediction.by_seed]
    low, high = float(min(train["label_min"], *by_seed)), float(max(train["label_max"], *by_seed))

    def x(number: float) -> float:
        return round(_SCALE_LEFT + _SCALE_WIDTH * (number - low) / (high - low or 1.0), 1)

    ends = [
        (x(train[end]), short(train[end]), place)
        for end, place in (("label_min", "start"), ("label_max", "end"))
    ]
    zero = [(x(0.0), "0", "")] if low < 0 < high else []
    parts = [element("line", class_="rule", x1=ends[0][0], y1=_SCALE_Y, x2=ends[1][0], y2=_SCALE_Y)]
    for at, words, place in (*ends, *zero):
        parts.append(element("line", class_="rule", x1=at, y1=_SCALE_Y - 4, x2=at, y2=_SCALE_Y + 4))
        parts.append(element("text", words, class_=place, x=at, y=57.0))
    guess = f"without looking: {value(model, constant)}"
    parts.append(element("path", title=guess, class_="constant", d=f"M{x(constant)},40 l4,6 h-8 z"))
    mean = x(prediction.mean)
    parts.append(element("line", class_="mean", x1=mean, y1=4.0, x2=mean, y2=_SCALE_Y + 4))
    placed: list[float] = []
    for seed, number in sorted(zip(prediction.seeds, by_seed, strict=True), key=lambda pair: pair[1]):
        # Dots that would hide one another are stacked.
        height = sum(1 for other in placed if abs(other - x(number)) < 7) % 3
        placed.append(x(number))
        title = f"seed {seed}: {value(model, number)}"
        parts.append(element("circle", title=title, class_="dot", cx=x(number), cy=30.0 - 8 * height, r=3.6))
    label = f"{quantity(model)} {answer(model, prediction)}, {spread_sentence(model, prediction)}"
    return picture(parts, width=_WIDTH, height=60.0, label=label, class_="scale")


def draw_panels(model: Model, prediction: Prediction) -> list[Markup]:
    """A picture per few seconds."""
    bounds_s = panel_bounds_s(prediction.words, drawn_s(prediction))
    per_s = (_WIDTH - _LEFT - _RIGHT) / float(np.diff(bounds_s).max())
    spans = list(itertools.pairwise(bounds_s))
    words = [_place_words(prediction, start_s, end_s, _x(start_s, end_s, per_s)) for start_s, end_s in spans]
    labels_y = [word.label_y for placed in words for word in placed if word.begins_here]
    top = min(labels_y, default=_BARS[0] - 7) - 14
    rows = rows_of_modalities(prediction)
    lower = (_ROW_HEIGHT + _ROW_GAP) * len(rows)
    panels = []
    for (start_s, end_s), placed in zip(spans, words, strict=True):
        x = _x(start_s, end_s, per_s)
        parts = [
            *_draw_scale(prediction),
            *_draw_words(placed),
            *_draw_rows(placed, rows),
            element(
                "g",
                *_draw_voice(model, prediction, start_s, end_s, x),
                *_draw_faces(prediction, start_s, end_s, x),
                *_draw_axis(start_s, end_s, x),
                transform=f"translate(0 {coordinate(lower)})",
            ),
        ]
        label = f"{start_s:.2f} to {end_s:.2f} s"
        panels.append(
            picture(parts, width=_WIDTH, height=_HEIGHT + lower - top, label=label, class_="panel", top=top)
        )
    return panels


def drawn_s(prediction: Prediction) -> float:
    """How much is drawn: to the end of what was looked at, but no picture of half an hour."""
    duration_s = prediction.observed.segment.duration_s
    used = len(prediction.words)
    if used < len(prediction.observed.spoken.words):
        duration_s = min(duration_s, prediction.words[-1].end_s + 0.5)
    return min(duration_s, _MOST_S)


def panel_bounds_s(words: Sequence[Word], duration_s: float) -> list[float]:
    """Panels of nearly the same length; one ends early rather than in the middle of a word, the last takes what is left."""
    panel_s = duration_s / math.ceil(duration_s / _PANEL_S - 1e-9)
    bounds_s = [0.0]
    while duration_s - bounds_s[-1] > _LONGEST_PANEL * panel_s:
        end_s = bounds_s[-1] + panel_s
        cut = [word.start_s for word in words if word.start_s < end_s < word.end_s]
        early_s = min(cut, default=end_s)
        bounds_s.append(early_s if early_s > bounds_s[-1] + panel_s / 2 else end_s)
    return [*bounds_s, duration_s]


def largest_effect(prediction: Prediction) -> float:
    """What a bar of full height is, in all rows alike; 0 where no word does anything."""
    found = (prediction.contribution, *prediction.contribution_by_modality.values())
    return max((float(np.abs(effects).max(initial=0.0)) for effects in found), default=0.0)


def rows_of_modalities(prediction: Prediction) -> tuple[Modality, ...]:
    """The modalities that have bars of their own: all that there are, where there are words and more than one modality."""
    found = tuple(prediction.contribution_by_modality)
    return found if prediction.words and len(found) > 1 else ()


def scale_digits(prediction: Prediction) -> int:
    """Digits after the point with which the largest effect is told, two figures of it where four digits hold them."""
    largest = largest_effect(prediction)
    return min(max(2, 1 - math.floor(math.log10(largest))), 4) if largest > 0 else 2


def f0_range_hz(model: Model) -> tuple[float, float]:
    """Least and greatest pitch of the voice track."""
    settings = model.preprocessing.extractors["audio"].get("settings", {})
    return settings.get("f0_min_hz", _F0_HZ[0]), settings.get("f0_max_hz", _F0_HZ[1])


def _x(start_s: float, end_s: float, per_s: float) -> X:
    return lambda time_s: round(_LEFT + (min(max(time_s, start_s), end_s) - start_s) * per_s, 1)


def _track(words: str, y: float, *, x: float = 0.0) -> Markup:
    """The name of a track."""
    return element("text", words, class_="track", x=x, y=y)


def _rule(y: float) -> Markup:
    return element("line", class_="rule", x1=_LEFT, y1=y, x2=_WIDTH - _RIGHT, y2=y)


def _place_words(prediction: Prediction, start_s: float, end_s: float, x: X) -> list[_PlacedWord]:
    """The words that reach into a panel; the letters stand in the panel in which the word begins."""
    largest = largest_effect(prediction) or 1.0
    taken, placed = [-math.inf] * _LANES, []
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
        alone = [
            f"{modality} alone {signed(float(effects[position]))}"
            for modality, effects in prediction.contribution_by_modality.items()
            if prediction.valid[modality][position]
        ]
        placed.append(
            _PlacedWord(
                text=word.text,
                title=f"{word.text}, {word.start_s:.2f} to {word.end_s:.2f} s: {signed(effect)}; {', '.join(alone) or 'nothing there'}",
                x=left,
                width=max(right - left - 1, 1.0),
                label_x=centre,
                label_y=_BARS[0] - 7 - _LANE_HEIGHT * lane,
                begins_here=begins_here,
                effect=effect / largest,
                by_modality={
                    modality: float(effects[position]) / largest
                    for modality, effects in prediction.contribution_by_modality.items()
                    if prediction.valid[modality][position]
                },
            )
        )
    return placed


def _draw_scale(prediction: Prediction) -> list[Markup]:
    """What the bars of the words measure; without words there are no bars."""
    if not prediction.words:
        return []
    upper, lower = _BARS
    middle, largest, digits = (upper + lower) / 2, largest_effect(prediction), scale_digits(prediction)
    return [
        _track(number_signed(largest, digits), upper + 8),
        _track("0", middle + 3),
        _track(number_signed(-largest, digits), lower),
        _rule(middle),
    ]


def _draw_rows(words: Sequence[_PlacedWord], rows: Sequence[Modality]) -> list[Markup]:
    """Bars for each modality alone, in the scale of the words' bars: a word has none where it has no row."""
    parts = []
    for number, modality in enumerate(rows):
        upper = _BARS[1] + _ROW_GAP + number * (_ROW_HEIGHT + _ROW_GAP)
        middle, half = upper + _ROW_HEIGHT / 2, _ROW_HEIGHT / 2
        parts += [_track(modality, middle + 3), _rule(middle)]
        for word in words:
            if modality not in word.by_modality:
                continue
            effect = word.by_modality[modality]
            size = half * abs(effect)
            parts.append(
                element(
                    "rect",
                    title=word.title,
                    class_=f"{direction(effect)} alone",
                    x=word.x,
                    width=word.width,
                    y=middle - size if effect > 0 else middle,
                    height=max(size, 0.5),
                )
            )
    return parts


def _draw_words(words: Sequence[_PlacedWord]) -> list[Markup]:
    """The letters of each word, its stretch, and a bar up or down from the middle."""
    upper, lower = _BARS
    middle, half = (upper + lower) / 2, (lower - upper) / 2
    parts = []
    for word in words:
        size = half * abs(word.effect)
        stretch = element(
            "rect",
            class_=direction(word.effect),
            x=word.x,
            width=word.width,
            y=upper,
            height=lower - upper,
            rx=2.0,
            fill_opacity=0.08 + 0.42 * abs(word.effect),
        )
        bar = element(
            "rect",
            class_=direction(word.effect),
            x=word.x,
            width=word.width,
            y=middle - size if word.effect > 0 else middle,
            height=max(size, 0.5),
        )
        letters = []
        if word.begins_here:
            if word.label_y < upper - 10:
                at = word.label_x
                letters.append(element("line", class_="rule", x1=at, y1=word.label_y + 3, x2=at, y2=upper))
            letters.append(element("text", word.text, class_="word", x=word.label_x, y=word.label_y))
        parts.append(element("g", stretch, bar, *letters, title=word.title))
    return parts


def _draw_voice(model: Model, prediction: Prediction, start_s: float, end_s: float, x: X) -> list[Markup]:
    """The level as an area, and the pitch as a line for every voiced stretch."""
    audio = prediction.observed.sequences["audio"]
    y = sum(_VOICE) / 2 + 4
    if not len(audio.values):
        return [_track("no sound", y, x=_LEFT)]
    columns = model.preprocessing.columns["audio"]
    here = slice(*np.searchsorted(audio.times_s, [start_s, end_s]))
    level, pitch = _voice(audio, columns, f0_range_hz(model), here, x)
    parts = [_track("voice", y)]
    if level:
        parts.append(element("path", class_="level", d=level))
    return parts + [element("polyline", class_="pitch", points=line) for line in pitch]


def _draw_faces(prediction: Prediction, start_s: float, end_s: float, x: X) -> list[Markup]:
    """A mark per picture, filled where it shows a face."""
    visual = prediction.observed.sequences["visual"]
    upper, lower = _FACE
    if not len(visual.valid):
        return [_track("no picture", lower - 2, x=_LEFT)]
    gap_s = float(np.median(np.diff(visual.times_s))) if len(visual.times_s) > 1 else end_s - start_s
    marks = [
        element(
            "rect",
            class_="seen" if valid else "unseen",
            x=x(time_s),
            y=upper,
            width=max(x(time_s + gap_s) - x(time_s) - 1, 1.0),
            height=lower - upper,
            rx=1.0,
        )
        for time_s, valid in zip(visual.times_s, visual.valid, strict=True)
        if start_s <= time_s < end_s
    ]
    return [_track("face", lower - 2), *marks]


def _draw_axis(start_s: float, end_s: float, x: X) -> list[Markup]:
    step_s = next((step for step in (0.1, 0.2, 0.5, 1.0) if (end_s - start_s) / step <= 8), 1.0)
    first, last = math.ceil(start_s / step_s - 1e-6), math.floor(end_s / step_s + 1e-6)
    parts = [_rule(_AXIS), _track("s", _AXIS + 13)]
    for number in range(first, last + 1):
        at = x(number * step_s)
        parts.append(element("line", class_="rule", x1=at, y1=_AXIS, x2=at, y2=_AXIS + 3))
        parts.append(element("text", short(number * step_s), class_="tick", x=at, y=_AXIS + 13))
    return parts


def _voice(
    audio: FeatureSequence, columns: Sequence[str], f0_hz: tuple[float, float], here: slice, x: X
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
    outline = [
        (x(float(time_s)), y((float(level) - low_db) / (high_db - low_db)) if seen else bottom)
        for time_s, level, seen in zip(times_s, level_db, valid, strict=True)
    ]
    edges = (x(float(times_s[0])), x(float(times_s[-1])))
    area = f"M{edges[0]},{bottom} L{points(outline)} L{edges[1]},{bottom} Z"
    low, high = (math.log(bound) for bound in f0_hz)
    pitch: list[list[tuple[float, float]]] = [[]]
    for time_s, f0, voice, seen in zip(times_s, f0_log, voicing, valid, strict=True):
        if seen and voice >= VOICED:
            pitch[-1].append((x(float(time_s)), y((float(f0) - low) / (high - low))))
        elif pitch[-1]:
            pitch.append([])
    # One row of voice would be a line without a length.
    return area, [points(line) for line in pitch if len(line) > 1]
