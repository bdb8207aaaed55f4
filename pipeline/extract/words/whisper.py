"""The words of a sound without a transcript, by a Whisper model that the user names."""

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Float32, Float64
from scipy.ndimage import median_filter

from pipeline.artifacts.corpus.words import Word
from pipeline.errors import PipelineError
from pipeline.extract.batches import one_thread_per_operation
from pipeline.extract.tokens import tokenise
from pipeline.extract.words.proportional import spread_over
from pipeline.extract.words.speech import Speech
from pipeline.pretrained.models import find_pretrained

_RATE_HZ = 16_000
# The model reads at most 30 s. A longer sound is cut where it is quietest between the two.
_EARLIEST_CUT_S, _LATEST_CUT_S = 20.0, 29.0
_QUIET_S = 0.1
# Whisper's own bounds (Radford et al., 2022, section 4.5): the text has failed below this mean log-probability of its tokens or above
# this compression; nobody speaks where the model's first step says so with more than this probability.
_LEAST_LOG_PROB = -1.0
_MOST_COMPRESSION = 2.4
_MOST_NO_SPEECH = 0.6
_FRAME_S = 0.02  # of the encoder
_MEDIAN_FRAMES = 7


class WhisperRecogniser:
    """A frozen Whisper model with its tokenizer and the preparation of its input; it decodes greedily, one window at a time.

    Args:
        model: local folder or Hugging Face name, see `find_pretrained`.
        revision: branch, tag or commit of a Hugging Face name.
        device: device that computes, see `best_device`.

    Attributes:
        identity: name of the model, and its commit or the digest of its files.

    Raises:
        PipelineError: no such model, or files that do not make a Whisper.
    """

    def __init__(self, model: str, *, revision: str, device: str) -> None:
        pretrained = find_pretrained(model, revision=revision, parameter="words.whisper_model")
        self.identity: Mapping[str, str] = pretrained.identity
        config = pretrained.load(transformers.AutoConfig)
        if config.model_type != "whisper":
            raise PipelineError(
                f"words.whisper_model: {model} is a {config.model_type}; expected a Whisper model, such as openai/whisper-small"
            )
        self._device = device
        # Word times come from the attention of the decoder to the sound, which fast kernels do not give out.
        self._model = pretrained.load_weights(
            precision="float32",
            loader=transformers.AutoModelForSpeechSeq2Seq,
            attn_implementation="eager",
        ).to(device)
        self._prepare = pretrained.load(transformers.AutoFeatureExtractor)
        self._tokenizer = pretrained.load(transformers.AutoTokenizer)

    @one_thread_per_operation()
    def recognise(
        self, samples: Float32[np.ndarray, "sample"], speech: Speech, *, language: str
    ) -> tuple[tuple[Word, ...], float]:
        """Transcribe a sound.

        Args:
            samples: mono sound at 16 kHz in [-1, 1], not silent.
            speech: where in that sound somebody speaks.
            language: ISO 639 code of the speech; with one that the model does not know, it detects the language itself.

        Returns:
            the words as `tokenise` finds them in the model's text, times in seconds from the first sample; and the geometric mean
            of the tokens' probabilities. No words where nothing was said or the model is too unsure. The times are those of the
            model where it tells them (`alignment_heads` in its generation_config.json), else the words of a window are spread
            over its speech.
        """
        words: list[Word] = []
        log_probs: list[float] = []
        for start, end in _windows(samples):
            spans = speech.within(start / _RATE_HZ, end / _RATE_HZ)
            found, scores = self._window(
                samples[start:end], language, start_s=start / _RATE_HZ, spans_s=spans
            )
            words += speech.without_pauses(found)
            log_probs += scores
        mean = float(np.mean(log_probs)) if log_probs else -np.inf
        return (tuple(words) if mean >= _LEAST_LOG_PROB else ()), float(np.exp(mean))

    @torch.inference_mode()
    def _window(
        self,
        samples: Float32[np.ndarray, "sample"],
        language: str,
        *,
        start_s: float,
        spans_s: Sequence[tuple[float, float]],
    ) -> tuple[list[Word], list[float]]:
        """The words of one window, and the log-probability of each token; neither where nobody speaks or the model repeats itself.

        Args:
            samples: sound of the window.
            language: ISO 639 code of the speech.
            start_s: start of the window in the whole sound.
            spans_s: stretches of speech in the window, on the clock of the whole sound, as the words' times are.
        """
        inputs = self._prepare(
            samples, sampling_rate=_RATE_HZ, return_tensors="pt", return_attention_mask=True
        ).to(self._device)
        heard = self._model.get_encoder()(inputs["input_features"])
        output = self._model.generate(
            encoder_outputs=heard,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=True,
            **self._language(language),
        )
        sequence = output["sequences"]
        # Once more with the whole text at once: what generation returns leaves out the step that chose the first token, and with
        # it where the first word ends.
        decoded = self._model(
            encoder_outputs=heard, decoder_input_ids=sequence, output_attentions=True, use_cache=False
        )
        log_probs = torch.log_softmax(decoded.logits[0].float(), dim=-1)
        tokens = sequence[0].tolist()
        first = tokens.index(self._model.generation_config.no_timestamps_token_id) + 1
        special = set(self._tokenizer.all_special_ids)
        last = next((n for n in range(first, len(tokens)) if tokens[n] in special), len(tokens))
        text_tokens = tokens[first:last]
        # The model's answer at its first step to whether there is speech; the token stands before that which asks for no times.
        no_speech = float(log_probs[0, self._model.generation_config.no_timestamps_token_id - 1].exp())
        text = self._tokenizer.decode(text_tokens).encode()
        if not text_tokens or no_speech > _MOST_NO_SPEECH or _compression(text) > _MOST_COMPRESSION:
            return [], []
        scores = [float(log_probs[n - 1, tokens[n]]) for n in range(first, last)]
        duration_s = len(samples) / _RATE_HZ
        bounds_s = self._bounds_s(decoded.cross_attentions, first - 1, last, duration_s)
        if bounds_s is None:
            words = tokenise(text.decode())
            spread = spread_over(words, spans_s=spans_s or [(start_s, start_s + duration_s)]) if words else ()
            return list(spread), scores
        return self._timed(text_tokens, [start_s + bound_s for bound_s in bounds_s]), scores

    def _language(self, language: str) -> dict[str, Any]:
        generation = self._model.generation_config
        if not getattr(generation, "is_multilingual", False):
            return {}
        code = re.split("[-_]", language.lower())[0]
        known = f"<|{code}|>" in generation.lang_to_id
        return {"task": "transcribe", "language": code if known else None}

    def _bounds_s(
        self, attentions: Sequence[torch.Tensor], first: int, last: int, duration_s: float
    ) -> list[float] | None:
        """When each token begins and the last one ends, by the path that the decoder's attention takes through the sound.

        The method of Whisper's own `timing.py` (Radford et al., 2022): chosen heads, normalised over the tokens, smoothed by a
        median over seven frames, averaged; then the monotonic path of least cost.

        Args:
            attentions: attention weights of each layer, of shape (1, head, position, frame).
            first: position whose step chose the first token of the text.
            last: position after the text's last token.
            duration_s: length of the window.

        Returns:
            bounds of the tokens in seconds, one more than there are tokens; None where the model does not say which heads follow the sound.
        """
        heads = getattr(self._model.generation_config, "alignment_heads", None)
        if heads is None:
            return None
        n_frames = max(min(math.ceil(duration_s / _FRAME_S), attentions[0].shape[-1]), 1)
        weights = torch.stack([attentions[layer][0, head, :, :n_frames].float() for layer, head in heads])
        deviation, mean = torch.std_mean(weights, dim=-2, keepdim=True, correction=0)
        scaled = ((weights - mean) / deviation.clamp_min(1e-9)).cpu().numpy()
        smooth = median_filter(scaled, size=(1, 1, _MEDIAN_FRAMES), mode="reflect").mean(axis=0)
        starts = _path_starts(-smooth[first:last].astype(np.float64))
        return [min(start * _FRAME_S, duration_s) for start in starts]

    def _timed(self, tokens: Sequence[int], bounds_s: Sequence[float]) -> list[Word]:
        """The words of decoded tokens, given the start of each token and the end of the last one in seconds."""
        # A character of several bytes may be cut by the end of a token; it counts as said by the token that completes it.
        lengths = [len(self._tokenizer.decode(tokens[: n + 1]).rstrip("\ufffd")) for n in range(len(tokens))]
        text = self._tokenizer.decode(tokens)
        found, at = [], 0
        for word in tokenise(text):
            first = text.index(word, at)
            at = first + len(word)
            # The token that ends what comes before may bring the first character along; else the next one begins it.
            before = int(np.searchsorted(lengths, first)) if first else -1
            brings_it = first and lengths[before] > first
            last_token = int(np.searchsorted(lengths, at))
            found.append(Word(word, bounds_s[before if brings_it else before + 1], bounds_s[last_token + 1]))
        return found


def _compression(text: bytes) -> float:
    """How often a text repeats itself, by how far it can be compressed; Whisper's own measure of a decoder in a loop."""
    return len(text) / len(zlib.compress(text)) if text else 0.0


def _path_starts(cost: Float64[np.ndarray, "token frame"]) -> list[int]:
    """The frame at which each row begins on the cheapest path that goes right, down, or both (dynamic time warping)."""
    n_tokens, n_frames = cost.shape
    total = np.full((n_tokens + 1, n_frames + 1), np.inf)
    total[0, 0] = 0.0
    for token in range(n_tokens):
        above = np.minimum(total[token, :-1], total[token, 1:])
        row = total[token + 1]
        for frame in range(n_frames):
            row[frame + 1] = cost[token, frame] + min(above[frame], row[frame])
    starts, token, frame = [0] * n_tokens, n_tokens, n_frames
    while token > 0:
        starts[token - 1] = frame - 1
        diagonal, up, left = total[token - 1, frame - 1], total[token - 1, frame], total[token, frame - 1]
        if diagonal <= up and diagonal <= left:
            token, frame = token - 1, frame - 1
        elif up <= left:
            token -= 1
        else:
            frame -= 1
    return starts


def _windows(samples: Float32[np.ndarray, "sample"]) -> list[tuple[int, int]]:
    """Starts and ends of stretches that the model can read at once."""
    quiet = round(_QUIET_S * _RATE_HZ)
    start, windows = 0, []
    while len(samples) - start > _LATEST_CUT_S * _RATE_HZ:
        low, high = (start + round(cut_s * _RATE_HZ) for cut_s in (_EARLIEST_CUT_S, _LATEST_CUT_S))
        blocks = np.square(samples[low:high].astype(np.float64))
        blocks = blocks[: len(blocks) // quiet * quiet].reshape(-1, quiet).sum(axis=1)
        end = low + int(blocks.argmin()) * quiet + quiet // 2
        windows.append((start, end))
        start = end
    return [*windows, (start, len(samples))]
