"""Sub-tokens keep to their words through selection, joining, cutting and files."""

import numpy as np
import pytest

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.tokens import TokenizedText, join_tokens
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.features.shards import read_sequences, write_sequences, write_sequences_of
from pipeline.errors import PipelineError

ENCODER = {"model": "toy", "sha256": "0" * 64, "layer": -1}


def text(windows: list[list[tuple[int, int, int]]], n_words: int) -> TokenizedText:
    """One segment; a token is its id, first word and number of words."""
    tokens = np.array([token for window in windows for token in window], np.int32).reshape(-1, 3)
    return TokenizedText(
        window_offsets=np.array([0, len(windows)]),
        token_offsets=np.cumsum([0, *map(len, windows)]),
        token_ids=tokens[:, 0],
        first_word=tokens[:, 1],
        n_words=tokens[:, 2],
        word_offsets=np.array([0, n_words]),
        encoder=ENCODER,
    )


SHORT = text([[(2, 0, 0), (11, 0, 1), (12, 0, 1), (13, 1, 1), (3, 0, 0)]], 2)
SILENT = text([], 1)
LONG = text([[(2, 0, 0), (21, 0, 2), (22, 2, 1)], [(2, 0, 0), (22, 2, 1), (23, 3, 1)]], 4)


def words_of(tokens: TokenizedText) -> list[list[int]]:
    """The ids of the sub-tokens on each word, over all segments."""
    found: list[list[int]] = [[] for _ in range(tokens.word_offsets[-1])]
    for token, row in zip(*tokens.links(), strict=True):
        found[row].append(int(tokens.token_ids[token]))
    return found


def test_a_word_has_all_sub_tokens_that_lie_on_it():
    assert words_of(SHORT) == [[11, 12], [13]]


def test_a_sub_token_may_lie_on_two_words_and_be_read_twice():
    assert words_of(LONG) == [[21], [21], [22, 22], [23]]


def test_joined_segments_keep_their_words():
    assert words_of(join_tokens([SHORT, SILENT, LONG])) == [*words_of(SHORT), [], *words_of(LONG)]


def test_selection_takes_segments_in_any_order_and_more_than_once():
    joined = join_tokens([SHORT, SILENT, LONG])
    assert words_of(joined.select(np.array([2, 0, 2]))) == [
        *words_of(LONG),
        *words_of(SHORT),
        *words_of(LONG),
    ]


def test_words_that_are_cut_off_are_still_read_as_context():
    cut = LONG.keep_words(np.array([1]))
    assert words_of(cut) == [[21]]
    assert cut.token_ids.tolist() == [2, 21, 22]


def test_a_window_on_no_word_that_is_kept_is_left_out():
    assert len(LONG.keep_words(np.array([2])).token_offsets) - 1 == 1
    assert len(LONG.keep_words(np.array([3])).token_offsets) - 1 == 2


def test_a_segment_without_words_gets_a_slot_without_tokens():
    assert words_of(text([], 0).keep_words(np.array([1]))) == [[]]


def test_features_carry_the_tokens_through_a_file(tmp_path):
    parts = [SHORT, text([], 0), LONG]
    sequences = [
        FeatureSequence(np.zeros((n, 0), np.float32), np.arange(n, dtype=float), np.ones(n, bool), None, part)
        for part in parts
        for n in [int(part.word_offsets[-1])]
    ]
    packed = pack("text", list("abc"), sequences, columns=["hidden_1"], extractor={"settings": ENCODER})
    write_sequences(tmp_path / "text", packed)
    one_by_one = tmp_path / "alone"
    write_sequences_of(
        one_by_one,
        "text",
        "abc",
        sequences,
        recordings="abc",
        columns=["hidden_1"],
        extractor={"settings": ENCODER},
    )
    for path in (tmp_path / "text").iterdir():
        assert (one_by_one / path.name).read_bytes() == path.read_bytes()
    read = read_sequences(tmp_path / "text")
    assert (read.dim, read.columns) == (0, ("hidden_1",))
    for name, part in zip("abc", parts, strict=True):
        again = read[name].tokens
        assert again is not None
        assert again.encoder == ENCODER
        assert again.token_ids.tolist() == part.token_ids.tolist()
        assert words_of(again) == words_of(part)


def test_tokens_that_do_not_fit_together_are_refused():
    with pytest.raises(PipelineError, match="does not fit together"):
        TokenizedText(
            np.array([0, 1]), np.array([0, 3]), np.zeros(2, np.int32), np.zeros(2, np.int32),
            np.zeros(2, np.int32), np.array([0, 1]), ENCODER,
        )  # fmt: skip
