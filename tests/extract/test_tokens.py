import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extract.tokens import sentence_of, tokenise


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        ("I don't, OK?", ["I", "don't", "OK"]),
        ("I don’t", ["I", "don’t"]),
        ("the dogs' well-known bark - woof", ["the", "dogs", "well-known", "bark", "woof"]),
        ("3.5 of 10,000, or 80s. 7", ["3.5", "of", "10,000", "or", "80s", "7"]),
        ("ANYHOW IT WAS GOOD", ["ANYHOW", "IT", "WAS", "GOOD"]),
        ("我喜欢这部电影,真的!", list("我喜欢这部电影真的")),
        ("用iPhone 15拍的", ["用", "iPhone", "15", "拍", "的"]),
        ("カラオケへ行く々", list("カラオケへ行く々")),
        ("정말 좋아요!", ["정말", "좋아요"]),
        ("¡Qué película más aburrida!", ["Qué", "película", "más", "aburrida"]),
        ("हिन्दी फ़िल्म", ["हिन्दी", "फ़िल्म"]),
        ("so good 😀 <3 snake_case", ["so", "good", "3", "snake", "case"]),
        ("ฉันรักหนังเรื่องนี้", ["ฉั", "น", "รั", "ก", "ห", "นั", "ง", "เรื่", "อ", "ง", "นี้"]),
        ("ดีมากๆ 10 คะแนน", ["ดี", "มา", "กๆ", "10", "คะ", "แน", "น"]),
        ("ຂ້ອຍມັກເລື່ອງນີ້", ["ຂ້", "ອ", "ຍ", "ມັ", "ກ", "ເລື່", "ອ", "ງ", "ນີ້"]),
        ("မြန်မာစာကို", ["မြန်", "မာ", "စာ", "ကို"]),
        ("ခ\u103bစ\u103aတယ\u103a", ["ခ\u103bစ\u103a", "တယ\u103a"]),
        ("ខ្ញុំចូលចិត្ត", ["ខ្ញុំ", "ចូ", "ល", "ចិ", "ត្ត"]),
        ("ok ฉัน 3.5", ["ok", "ฉั", "น", "3.5"]),
        ("...", []),
        (" \n\t", []),
        ("", []),
    ],
)
def test_words_are_those_of_the_transcript(transcript, words):
    assert tokenise(transcript) == words


@given(st.text())
def test_words_stand_in_the_transcript_in_order_without_white_space(transcript):
    position = 0
    for word in tokenise(transcript):
        assert word
        assert not any(character.isspace() for character in word)
        position = transcript.index(word, position) + len(word)


@given(st.text())
def test_every_letter_and_digit_is_in_exactly_one_word(transcript):
    kept = [character for character in "".join(tokenise(transcript)) if character.isalnum()]
    assert kept == [character for character in transcript if character.isalnum()]


@given(st.lists(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), min_size=1)))
def test_words_between_spaces_come_back(words):
    assert tokenise("  ".join(words)) == words


@given(st.text())
def test_the_sentence_of_the_words_has_the_same_words(transcript):
    words = tokenise(transcript)
    sentence, spans = sentence_of(words)
    assert [sentence[start:end] for start, end in spans] == words
    assert tokenise(sentence) == words


def test_ideographs_are_joined_without_spaces():
    assert sentence_of(["我", "爱", "NLP", "吗"])[0] == "我爱 NLP 吗"


@given(
    st.text(
        st.characters(categories=["L", "M", "N"], min_codepoint=0x0E00, max_codepoint=0x17FF), max_size=30
    )
)
def test_scripts_without_spaces_keep_every_letter_and_come_back(transcript):
    words = tokenise(transcript)
    kept = [character for character in "".join(words) if character.isalnum()]
    assert kept == [character for character in transcript if character.isalnum()]
    sentence, spans = sentence_of(words)
    assert [sentence[start:end] for start, end in spans] == words
    assert tokenise(sentence) == words
