"""The words of a sound without a transcript, by a Whisper model that the user names."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Float32

from pipeline.artifacts.words import Word
from pipeline.errors import PipelineError
from pipeline.extract.tokens import tokenise
from pipeline.extract.words.proportional import spread_over
from pipeline.extract.words.voiced import voiced_bounds_s
from pipeline.pretrained.models import find_pretrained

_RATE_HZ = 16_000
# The model reads at most 30 s. A longer sound is cut where it is quietest between the two.
_EARLIEST_CUT_S, _LATEST_CUT_S = 20.0, 29.0
_QUIET_S = 0.1
# Below this mean log-probability of the tokens, Whisper's own decoding (Radford et al., 2022, section 4.5) takes a text for failed.
_LEAST_LOG_PROB = -1.0


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

    def recognise(
        self, samples: Float32[np.ndarray, "sample"], *, language: str
    ) -> tuple[tuple[Word, ...], float]:
        """Transcribe a sound.

        Args:
            samples: mono sound at 16 kHz in [-1, 1], not silent.
            language: ISO 639 code of the speech; with one that the model does not know, it detects the language itself.

        Returns:
            The words as `tokenise` finds them in the model's text, times in seconds from the first sample; and the geometric mean
            of the tokens' probabilities. No words where nothing was said or the model is too unsure. The times are those of the
            model where it tells them (`alignment_heads` in its generation_config.json), else the words of a window are spread
            over its voiced part.
        """
        words: list[Word] = []
        log_probs: list[float] = []
        for start, end in _windows(samples):
            found, scores = self._window(samples[start:end], language)
            offset_s = start / _RATE_HZ
            words += [Word(word.text, offset_s + word.start_s, offset_s + word.end_s) for word in found]
            log_probs += scores
        mean = float(np.mean(log_probs)) if log_probs else -np.inf
        return (tuple(words) if mean >= _LEAST_LOG_PROB else ()), float(np.exp(mean))

    @torch.inference_mode()
    def _window(
        self, samples: Float32[np.ndarray, "sample"], language: str
    ) -> tuple[list[Word], list[float]]:
        inputs = self._prepare(
            samples, sampling_rate=_RATE_HZ, return_tensors="pt", return_attention_mask=True
        ).to(self._device)
        generation = self._model.generation_config
        timed = getattr(generation, "alignment_heads", None) is not None
        settings: dict[str, Any] = {"return_token_timestamps": True} if timed else {}
        if getattr(generation, "is_multilingual", False):
            code = re.split("[-_]", language.lower())[0]
            known = f"<|{code}|>" in generation.lang_to_id
            settings |= {"task": "transcribe", "language": code if known else None}
        output = self._model.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=True,
            output_scores=True,
            **settings,
        )
        tokens = output["sequences"][0].tolist()
        n_scored = len(output["scores"])
        generated = tokens[len(tokens) - n_scored :]
        log_probs = [
            float(torch.log_softmax(score[0].float(), dim=-1)[token])
            for token, score in zip(generated, output["scores"], strict=True)
        ]
        special = set(self._tokenizer.all_special_ids)
        spoken = [i for i, token in enumerate(generated) if token not in special]
        text_tokens = [generated[i] for i in spoken]
        ends_s = None
        if timed:
            times_s = output["token_timestamps"][0].tolist()[len(tokens) - n_scored :]
            ends_s = [times_s[i] for i in spoken]
        return self._timed(text_tokens, ends_s, samples), [log_probs[i] for i in spoken]

    def _timed(
        self, tokens: Sequence[int], ends_s: Sequence[float] | None, samples: Float32[np.ndarray, "sample"]
    ) -> list[Word]:
        """The words of decoded tokens; `ends_s` is when each token ended."""
        # A character of several bytes may be cut by the end of a token; it counts as said by the token that completes it.
        lengths = [len(self._tokenizer.decode(tokens[: n + 1]).rstrip("\ufffd")) for n in range(len(tokens))]
        text = self._tokenizer.decode(tokens)
        words = tokenise(text)
        if ends_s is None:
            if not words:
                return []
            start_s, end_s = voiced_bounds_s(samples, sample_rate_hz=_RATE_HZ)
            return list(spread_over(words, start_s=start_s, end_s=end_s))
        starts_s = [0.0, *ends_s[:-1]]
        found, at = [], 0
        for word in words:
            first = text.index(word, at)
            at = first + len(word)
            # The token that ends what comes before may bring the first character along; else the next one begins it.
            before = int(np.searchsorted(lengths, first)) if first else -1
            brings_it = first and lengths[before] > first
            last_token = int(np.searchsorted(lengths, at))
            found.append(Word(word, starts_s[before if brings_it else before + 1], ends_s[last_token]))
        return found


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
