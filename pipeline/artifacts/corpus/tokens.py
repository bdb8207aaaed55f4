"""Sub-tokens of segments, as a text encoder that learns reads them, and the words they lie on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64

from pipeline.errors import PipelineError

_TENSORS = ("window_offsets", "token_offsets", "token_ids", "first_word", "n_words")


@dataclass(frozen=True, eq=False)
class TokenizedText:
    """Segments as windows of sub-tokens; segment i owns the windows `window_offsets[i]:window_offsets[i + 1]`.

    A window is what the encoder reads at once, special tokens included: window k owns the tokens
    `token_offsets[k]:token_offsets[k + 1]`. Token t lies on the words `first_word[t]` to `first_word[t] + n_words[t] - 1` of
    its segment; a special token lies on none. Segment i has the words `word_offsets[i]:word_offsets[i + 1]`. `encoder`
    says whose tokens these are.

    Raises:
        PipelineError: arrays that do not fit together.
    """

    window_offsets: Int64[np.ndarray, "segment_boundary"]
    token_offsets: Int64[np.ndarray, "window_boundary"]
    token_ids: Int32[np.ndarray, "token"]
    first_word: Int32[np.ndarray, "token"]
    n_words: Int32[np.ndarray, "token"]
    word_offsets: Int64[np.ndarray, "segment_boundary"]
    encoder: Mapping[str, Any]

    def __post_init__(self) -> None:
        fit = (
            len(self.window_offsets) == len(self.word_offsets)
            and self.window_offsets[-1] == len(self.token_offsets) - 1
            and self.token_offsets[-1] == len(self.token_ids) == len(self.first_word) == len(self.n_words)
        )
        if not fit:
            raise PipelineError(
                f"tokenized text does not fit together: {len(self.token_ids)} tokens in {len(self.token_offsets) - 1} windows "
                f"of {len(self.window_offsets) - 1} segments; delete it and run `dvc repro`"
            )

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.window_offsets) - 1

    def select(self, segments: Int64[np.ndarray, "segment"]) -> "TokenizedText":
        """The segments at these positions, in this order."""
        windows, window_offsets = _ranges(self.window_offsets, segments)
        tokens, token_offsets = _ranges(self.token_offsets, windows)
        n_words = np.diff(self.word_offsets)[segments]
        return TokenizedText(
            window_offsets,
            token_offsets,
            self.token_ids[tokens],
            self.first_word[tokens],
            self.n_words[tokens],
            np.concatenate([[0], np.cumsum(n_words)]).astype(np.int64),
            self.encoder,
        )

    def keep_words(self, n_slots: Int64[np.ndarray, "segment"]) -> "TokenizedText":
        """The same text on word axes of other lengths: later words get no row, but are still read as context.

        A window that lies on no word that is kept is left out.
        """
        owner = self._segment_of_tokens()
        n_kept = np.clip(n_slots[owner] - self.first_word, 0, self.n_words).astype(np.int32)
        n_links = np.add.reduceat(n_kept, self.token_offsets[:-1]) if len(n_kept) else n_kept
        windows = np.flatnonzero(n_links)
        tokens, token_offsets = _ranges(self.token_offsets, windows)
        segment_of_window = np.repeat(np.arange(len(self)), np.diff(self.window_offsets))
        n_windows = np.bincount(segment_of_window[windows], minlength=len(self))
        return TokenizedText(
            np.concatenate([[0], np.cumsum(n_windows)]).astype(np.int64),
            token_offsets,
            self.token_ids[tokens],
            self.first_word[tokens],
            n_kept[tokens],
            np.concatenate([[0], np.cumsum(n_slots)]).astype(np.int64),
            self.encoder,
        )

    def links(self) -> tuple[Int64[np.ndarray, "link"], Int64[np.ndarray, "link"]]:
        """Every token beside every word that it lies on: positions of tokens, and rows of words over all segments."""
        token = np.repeat(np.arange(len(self.token_ids)), self.n_words)
        start = np.cumsum(self.n_words) - self.n_words
        within = np.arange(len(token)) - start[token]
        row = self.word_offsets[self._segment_of_tokens()[token]] + self.first_word[token] + within
        return token.astype(np.int64), row.astype(np.int64)

    def _segment_of_tokens(self) -> Int64[np.ndarray, "token"]:
        segment_of_window = np.repeat(np.arange(len(self)), np.diff(self.window_offsets))
        return np.repeat(segment_of_window, np.diff(self.token_offsets))

    def tensors(self) -> dict[str, np.ndarray]:
        """What a file keeps, beside the word axis and the encoder."""
        return {name: getattr(self, name) for name in _TENSORS}


def tokens_from(
    tensors: Mapping[str, np.ndarray],
    *,
    word_offsets: Int64[np.ndarray, "segment_boundary"],
    encoder: Mapping[str, Any],
) -> TokenizedText | None:
    """What `TokenizedText.tensors` gave; None where the file holds no tokens, because its text was encoded before."""
    if "token_ids" not in tensors:
        return None
    return TokenizedText(
        **{name: tensors[name] for name in _TENSORS}, word_offsets=word_offsets, encoder=encoder
    )


def join_tokens(parts: Sequence[TokenizedText]) -> TokenizedText:
    """The segments of all parts end to end; the parts are of one encoder."""

    def offsets(name: str) -> Int64[np.ndarray, "boundary"]:
        lengths = np.concatenate([np.diff(getattr(part, name)) for part in parts])
        return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def joined(name: str) -> Int32[np.ndarray, "token"]:
        return np.concatenate([getattr(part, name) for part in parts])

    return TokenizedText(
        offsets("window_offsets"),
        offsets("token_offsets"),
        joined("token_ids"),
        joined("first_word"),
        joined("n_words"),
        offsets("word_offsets"),
        parts[0].encoder,
    )


def _ranges(
    offsets: Int64[np.ndarray, "boundary"], chosen: Int64[np.ndarray, "part"]
) -> tuple[Int64[np.ndarray, "item"], Int64[np.ndarray, "new_boundary"]]:
    """Positions of the items of some parts, part by part, and the offsets that they have then."""
    lengths = np.diff(offsets)[chosen]
    ends = np.cumsum(lengths)
    new = np.concatenate([[0], ends]).astype(np.int64)
    items = np.arange(new[-1]) + np.repeat(offsets[:-1][chosen] - new[:-1], lengths)
    return items.astype(np.int64), new
