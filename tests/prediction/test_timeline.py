"""The page shows what the prediction holds, needs nothing else, and lets no foreign text through."""

import dataclasses
import itertools
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.prediction.explanation import available, notes
from pipeline.prediction.panels import _PANEL_S, largest_effect, panel_bounds_s
from pipeline.prediction.timeline import as_page, timeline
from tests.prediction.models import columns


class Elements(HTMLParser):
    """All elements as (tag, attributes), and the text of each kind of `class`."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found, self.open, self.texts = [], [], []
        self.feed(page)
        assert self.open == [], "an element is never closed"

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append((tag, dict(attributes)))

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and data.strip():
            self.texts.append((self.open[-1][1].get("class"), data.strip()))

    def of_class(self, name):
        return [attributes for _, attributes in self.found if attributes.get("class") == name]

    def text(self, name):
        return [text for kind, text in self.texts if kind == name]


def page_of(model, prediction, sentences=()):
    return timeline([as_page(model, prediction, available(prediction, columns()["audio"]), sentences)])


@pytest.fixture(scope="module")
def elements(model, prediction):
    return Elements(page_of(model, prediction))


def changed(prediction, **observed):
    return dataclasses.replace(prediction, observed=dataclasses.replace(prediction.observed, **observed))


def test_every_word_stands_there_once(elements, prediction):
    assert elements.text("word") == [word.text for word in prediction.words]


def test_a_word_has_the_colour_and_height_of_its_contribution(elements, prediction):
    bars = [
        attributes
        for _, attributes in elements.found
        if attributes.get("class") in ("up", "down") and "fill-opacity" not in attributes
    ]
    assert [bar["class"] for bar in bars] == ["up" if c > 0 else "down" for c in prediction.contribution]
    largest = largest_effect(prediction)
    for bar, contribution in zip(bars, prediction.contribution, strict=True):
        assert float(bar["height"]) == pytest.approx(max(26 * abs(contribution) / largest, 0.5), abs=0.06)


def test_a_modality_has_a_bar_for_each_word_that_has_a_row_in_the_scale_of_the_words(elements, prediction):
    bars = [
        attributes
        for _, attributes in elements.found
        if attributes.get("class") in ("up alone", "down alone")
    ]
    effects = [
        effect
        for modality, of_words in prediction.contribution_by_modality.items()
        for effect, valid in zip(of_words, prediction.valid[modality], strict=True)
        if valid
    ]
    assert len(bars) == len(effects) > len(prediction.words)
    largest = largest_effect(prediction)
    # A panel draws its rows one after another, so the order of bars is that of panels.
    heights = sorted(float(bar["height"]) for bar in bars)
    assert heights == pytest.approx(
        sorted(max(10 * abs(effect) / largest, 0.5) for effect in effects), abs=0.06
    )
    assert {"text", "audio", "visual"} <= set(elements.text("track"))


def test_the_scale_of_the_bars_is_told_in_numbers(elements, model, prediction):
    largest = largest_effect(prediction)
    digits = max(2, 1 - math.floor(math.log10(largest)))
    assert {f"+{largest:.{digits}f}", "0", f"−{largest:.{digits}f}"} <= set(elements.text("track"))
    assert f"±{largest:.{digits}f} at full height" in page_of(model, prediction)


@pytest.mark.parametrize(
    ("size", "end"), [(0.0, "0.00"), (1e-7, "0.0000"), (0.00421, "+0.0042"), (2.5, "+2.50")]
)
def test_words_that_do_nothing_or_little_have_a_scale(model, prediction, size, end):
    effects = np.full(len(prediction.words), size)
    made = dataclasses.replace(
        prediction, contribution=effects, contribution_by_modality=dict.fromkeys(MODALITIES, effects)
    )
    assert end in Elements(page_of(model, made)).text("track")


def test_without_words_there_is_neither_a_bar_nor_a_scale(model, prediction):
    none = np.zeros(0)
    made = dataclasses.replace(
        changed(prediction, spoken=SegmentWords("a", "none", ())),
        words=(), contribution=none, contribution_sd=none, contribution_by_modality=dict.fromkeys(MODALITIES, none),
    )  # fmt: skip
    elements = Elements(page_of(model, made))
    assert not {"text", "audio", "visual", "0"} & set(elements.text("track"))
    assert "at full height" not in page_of(model, made)


def test_every_seed_is_a_dot_on_the_scale_of_the_labels(elements, prediction):
    dots = sorted(float(dot["cx"]) for dot in elements.of_class("dot"))
    assert dots == pytest.approx(sorted(15 + 320 * (prediction.by_seed + 3) / 6), abs=0.06)


def test_pictures_are_ticks_with_and_without_a_face(model, prediction):
    visual = prediction.observed.sequences["visual"]
    valid = visual.valid.copy()
    valid[:5] = False
    seen = dict(prediction.observed.sequences) | {"visual": dataclasses.replace(visual, valid=valid)}
    elements = Elements(page_of(model, changed(prediction, sequences=seen)))
    assert len(elements.of_class("unseen")) == 5
    assert len(elements.of_class("seen")) == len(valid) - 5


def test_the_pitch_lies_within_its_track_and_only_where_there_is_a_voice(elements):
    lines = [line["points"] for line in elements.of_class("pitch")]
    assert lines
    assert all(112 <= float(point.split(",")[1]) <= 164 for line in lines for point in line.split())


def test_it_needs_no_network_and_no_script(model, prediction):
    page = page_of(model, prediction)
    assert not re.search(r"https?:", page)
    assert "<script" not in page
    assert not re.search(r"url\(|src=", page)


def test_it_has_both_colour_schemes_and_the_width_of_the_screen(model, prediction):
    page = page_of(model, prediction)
    assert "prefers-color-scheme: dark" in page
    assert 'content="width=device-width, initial-scale=1"' in page


def test_foreign_text_is_escaped(model, prediction):
    hostile = "<script>alert(1)</script>"
    segment = dataclasses.replace(prediction.observed.segment, id=hostile, media=hostile)
    words = (Word(hostile, *dataclasses.astuple(prediction.words[0])[1:]), *prediction.words[1:])
    spoken = SegmentWords("a", "forced", words)
    made = dataclasses.replace(changed(prediction, segment=segment, spoken=spoken), words=words)
    page = page_of(model, made, [f"{hostile} --start-s"])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "<code>--start-s</code>" in page


def test_the_same_prediction_is_the_same_page(model, prediction):
    assert page_of(model, prediction) == page_of(model, prediction)


def test_a_transcript_alone_has_a_page(model, prediction):
    nothing = {
        modality: FeatureSequence.empty(len(columns()[modality]), "none") for modality in ("audio", "visual")
    }
    sequences = dict(prediction.observed.sequences) | nothing
    segment = dataclasses.replace(prediction.observed.segment, media=None)
    elements = Elements(page_of(model, changed(prediction, sequences=sequences, segment=segment)))
    assert {"no sound", "no picture"} <= set(elements.text("track"))
    assert elements.of_class("pitch") == elements.of_class("seen") == []


def test_the_picture_of_a_long_recording_ends_and_says_so(model, prediction):
    segment = dataclasses.replace(prediction.observed.segment, end_s=2000.0)
    page = page_of(model, changed(prediction, segment=segment))
    assert "The picture ends after 180.0 of 2000.0 s." in page


def test_notes_are_shown(model, prediction):
    found = available(prediction, columns()["audio"])
    sentences = [*notes(model, prediction, found), "Something to know."]
    assert "Something to know." in page_of(model, prediction, sentences)


@given(
    gaps=st.lists(st.tuples(st.floats(0.0, 0.5), st.floats(0.02, 1.5)), max_size=40),
    after_s=st.floats(0.05, 8.0),
)
def test_panels_cover_the_whole_without_cutting_words_of_ordinary_length(gaps, after_s):
    words, time_s = [], 0.0
    for gap, length in gaps:
        words.append(Word("w", time_s + gap, time_s + gap + length))
        time_s += gap + length
    shown_s = time_s + after_s
    bounds = panel_bounds_s(words, shown_s)
    assert (bounds[0], bounds[-1]) == (0.0, shown_s)
    lengths = np.diff(bounds)
    assert (lengths > 0).all()
    assert lengths.max() <= 1.3 * _PANEL_S + 1e-6
    for word, bound in itertools.product(words, bounds[1:-1]):
        if word.end_s - word.start_s < 0.3 * lengths.max():
            assert not word.start_s + 1e-6 < bound < word.end_s - 1e-6
