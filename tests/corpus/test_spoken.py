"""What was spoken of a transcript."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.spoken import spoken_text
from pipeline.extract.tokens import tokenise


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        ("I don&#39;t like it &amp; you", "I don't like it you"),
        ("I don&amp;#39;t know", "I don't know"),
        ("caf&eacute; &#x201C;noir&#x201D; &nbsp;now", "café noir now"),
        ("&lt;i&gt;So&lt;/i&gt; good", "So good"),
        ("R&D at AT&T, Q&A", "R D at AT T Q A"),
        ("<i>So good</i> {\\an8}really", "So good really"),
        ("un<i>believ</i>able<br/>film", "unbelievable film"),
        ('<font color="#fff">white</font> <c.yellow>text</c>', "white text"),
        ("<v Roger>hello <00:00:01.500>there", "hello there"),
        (r"{\pos(1,2)}first\Nsecond\hthird {y:i}fourth", "first second third fourth"),
        ("[laughs] I love it (umm)", "I love it"),
        ("[LAUGHTER] yes [crosstalk 00:01:02] no", "yes no"),
        ("(clears throat) well (upbeat music playing) *sighs* then", "well then"),
        ("I (really) love it *so* much (on and off)", "I really love it so much on and off"),
        ("【掌声】谢谢（笑）大家", "谢谢大家"),
        ("♪ la la ♪", "la la"),
        ("♪♪", ""),
        ("[Music]", ""),
        ("I <3 you, a < b and c > d", "I 3 you a b and c d"),
        ("array[0] is {x}", "array is x"),
        ("unclosed [bracket and <tag", "unclosed bracket and tag"),
    ],
)
def test_markup_and_annotations_are_no_words(transcript, words):
    expected = list(words.replace(" ", "")) if "谢" in words else words.split()
    assert tokenise(spoken_text(transcript).text) == expected


@given(st.text(st.characters(exclude_characters="&<>[]［］【】〔〕(){}（）*\\")))
def test_a_transcript_without_marks_stays_as_it_is(transcript):
    assert spoken_text(transcript).text == transcript
    assert spoken_text(transcript).left_out == ()


@given(st.text("&<>[](){}*\\;#39amplti /N", max_size=80))
def test_nothing_is_added(transcript):
    found = spoken_text(transcript)
    assert len(found.text) <= len(transcript)
    assert all(isinstance(part, str) for part in found.left_out)
