"""Words in a sound by a CTC model that the user names: wav2vec 2.0 and its kin, in the language that it was tuned for."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Float32, Float64

from pipeline.artifacts.corpus.words import Word
from pipeline.errors import PipelineError
from pipeline.extract.batches import one_thread_per_operation
from pipeline.extract.words.ctc import Alignment, align_labels
from pipeline.extract.words.spelling import Speller, Spelt
from pipeline.pretrained.models import find_pretrained

_RATE_HZ = 16_000
# Attention grows with the square of a sound's length, so a long one is read in windows. Each is read with so much on either
# side, which is then dropped, because a model hears the edge of a window as a cut.
_WINDOW_S, _CONTEXT_S = 28.0, 1.0
_SHORTEST_S = 0.1  # below this, the convolutions of some models have no output
# A word that the model cannot spell takes whatever is likeliest, at a price per frame that keeps it out of pauses.
_PRICE_OF_ANYTHING = 0.05
# A right transcript is likelier than its own labels in other orders, by far; a wrong one is as likely as they are.
_N_SHUFFLED = 4
_LEAST_GAIN = 0.5  # natural logarithm of the likelihood, per label


class CtcAligner:
    """A frozen model with a CTC head, its tokenizer and the preparation of its input.

    A sound is read alone, in float32, so that its bits depend on nothing beside it.

    Args:
        model: local folder or Hugging Face name, see `find_pretrained`.
        revision: branch, tag or commit of a Hugging Face name.
        device: device that computes, see `best_device`.

    Attributes:
        identity: name of the model, and its commit or the digest of its files.

    Raises:
        PipelineError: no such model, or files that do not make one with a CTC head for sound at 16 kHz.
    """

    def __init__(self, model: str, *, revision: str, device: str) -> None:
        pretrained = find_pretrained(model, revision=revision, parameter="words.ctc_model")
        self.identity: Mapping[str, str] = pretrained.identity
        self._device = device
        self._model = pretrained.load_weights(precision="float32", loader=transformers.AutoModelForCTC).to(
            device
        )
        self._prepare = pretrained.load(transformers.AutoFeatureExtractor)
        tokenizer = pretrained.load(transformers.AutoTokenizer)
        if self._prepare.sampling_rate != _RATE_HZ:
            raise PipelineError(
                f"words.ctc_model: {model} reads sound at {self._prepare.sampling_rate} Hz; expected one that reads {_RATE_HZ} Hz"
            )
        # Its own loss takes this for the blank, whatever the tokenizer calls it.
        self._blank = int(self._model.config.pad_token_id)
        self._speller = _speller(tokenizer, n_classes=self._model.config.vocab_size, blank=self._blank)

    @one_thread_per_operation()
    def align(
        self, samples: Float32[np.ndarray, "sample"], tokens: Sequence[str], *, language: str
    ) -> tuple[tuple[Word, ...], float] | None:
        """Find each word of a transcript in its sound.

        Args:
            samples: mono sound at 16 kHz in [-1, 1], not silent.
            tokens: words of the transcript, at least one, as `tokenise` gives them.
            language: ISO 639 code, which decides how digits are read.

        Returns:
            one word per token, texts as given, times in seconds from the first sample; and the geometric mean of the labels'
            probabilities. None where the model cannot spell half of the words, the sound is too short for them, or they fit it
            no better than their own letters in another order.
        """
        spelt = self._speller.spell(tokens, language=language)
        if 2 * spelt.n_readable < len(tokens):
            return None
        log_probs, centres_s = self._emissions(samples)
        aligned = align_labels(log_probs, spelt.labels, blank=self._blank)
        if aligned is None or not self._fits(aligned, log_probs, spelt):
            return None
        half_s = float(np.median(np.diff(centres_s))) / 2 if len(centres_s) > 1 else 0.0
        words = []
        owners = np.array([-1 if owner is None else owner for owner in spelt.owner])
        for position, token in enumerate(tokens):
            own = aligned.frames[owners == position]
            words.append(
                Word(token, float(centres_s[own[0, 0]] - half_s), float(centres_s[own[-1, 1]] + half_s))
            )
        readable = np.array(spelt.labels) != self._speller.anything
        return tuple(words), float(np.exp(aligned.label_log_prob[readable].mean()))

    def _fits(self, aligned: Alignment, log_probs: Float32[np.ndarray, "frame class"], spelt: Spelt) -> bool:
        labels = np.array(spelt.labels)
        if len(np.unique(labels)) < 2:
            return True  # there is no other order
        rng = np.random.default_rng(0)
        shuffled = (
            align_labels(log_probs, rng.permutation(labels).tolist(), blank=self._blank)
            for _ in range(_N_SHUFFLED)
        )
        best = max((other.log_prob for other in shuffled if other is not None), default=-np.inf)
        return bool(aligned.log_prob - best >= _LEAST_GAIN * len(labels))

    def _emissions(
        self, samples: Float32[np.ndarray, "sample"]
    ) -> tuple[Float32[np.ndarray, "frame class"], Float64[np.ndarray, "frame"]]:
        """Log-probabilities of the classes and of `anything`, and the middle of each frame in seconds."""
        samples = np.pad(samples, (0, max(round(_SHORTEST_S * _RATE_HZ) - len(samples), 0)))
        n_windows = int(np.ceil(len(samples) / (_WINDOW_S * _RATE_HZ)))
        bounds = np.linspace(0, len(samples), n_windows + 1).round().astype(int).tolist()
        context = round(_CONTEXT_S * _RATE_HZ)
        rows, centres = [], []
        for start, end in itertools.pairwise(bounds):
            first, last = max(start - context, 0), min(end + context, len(samples))
            log_probs = self._read(samples[first:last])
            centre = first + _centres(self._model.config, len(log_probs), n_samples=last - first)
            within = (start <= centre) & (centre < end)
            rows.append(log_probs[within])
            centres.append(centre[within])
        found = np.concatenate(rows)
        anything = found.max(axis=1, keepdims=True) - np.float32(_PRICE_OF_ANYTHING)
        return np.concatenate([found, anything], axis=1), np.concatenate(centres) / _RATE_HZ

    @torch.inference_mode()
    def _read(self, samples: Float32[np.ndarray, "sample"]) -> Float32[np.ndarray, "frame class"]:
        inputs = self._prepare(samples, sampling_rate=_RATE_HZ, return_tensors="pt").to(self._device)
        logits = self._model(**inputs).logits[0].float()
        log_probs: np.ndarray = torch.log_softmax(logits, dim=-1).cpu().numpy()
        return log_probs


def _centres(config: Any, n_frames: int, *, n_samples: int) -> Float64[np.ndarray, "frame"]:
    """The middle of each frame in samples: as the convolutions have it, else spread evenly."""
    kernels, strides = getattr(config, "conv_kernel", ()), getattr(config, "conv_stride", ())
    reach, hop, n_expected = 1.0, 1.0, n_samples
    for kernel, stride in zip(kernels, strides, strict=True):
        reach += (kernel - 1) * hop
        hop *= stride
        n_expected = (n_expected - kernel) // stride + 1
    if not kernels or n_frames != n_expected:  # models of spectra, or with an adapter behind the convolutions
        reach = hop = n_samples / max(n_frames, 1)
    centres: np.ndarray = np.arange(n_frames) * hop + reach / 2
    return centres


def _speller(tokenizer: Any, *, n_classes: int, blank: int) -> Speller:
    """The labels of a tokenizer that stand for sound; the class after the last one stands for anything."""
    silent = {*tokenizer.all_special_ids, blank}
    delimiter = getattr(tokenizer, "word_delimiter_token_id", None)
    labels = {
        label: number
        for label, number in tokenizer.get_vocab().items()
        if number < n_classes and number not in silent and number != delimiter
    }
    by_letter = hasattr(tokenizer, "word_delimiter_token")
    return Speller(labels, delimiter, n_classes, None if by_letter else tokenizer)
