"""Sound to vectors: a pretrained speech encoder (wav2vec 2.0, HuBERT, WavLM, data2vec …) reads each segment."""

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Float32

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.errors import PipelineError
from pipeline.execution.device import device_class
from pipeline.extract.batches import add_masked_row, map_batches, padded_length
from pipeline.extract.sound import Frames, Heard, hear_frames
from pipeline.pretrained.layers import choose_layers
from pipeline.pretrained.loaded_where_used import LoadedWhereUsed
from pipeline.pretrained.models import EncoderSettings, find_pretrained

# What windows are padded to, in rows; a row is 0.02 s with all encoders of this kind that are public.
_LENGTHS = (24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024)
# Neighbouring windows of a segment that is longer than that share at least this part of their rows.
_OVERLAP = 0.25
# On a CPU, a segment of the usual length is a batch: more rows make it no faster, and those that fill a batch up cost.
_ROWS_PER_BATCH, _ROWS_PER_BATCH_OF_A_GPU = 256, 8192
# Whose rows an attention mask keeps free of the padding behind them, with the two corrections that `_without_padding` makes.
_MASKABLE = frozenset({"data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm"})


@dataclass(frozen=True, eq=False)
class _Window:
    """A stretch of the sound of one segment that the encoder reads at once."""

    samples: Float32[np.ndarray, "sample"]
    n_rows: int


class SpeechEncoder(LoadedWhereUsed):
    """A pretrained encoder of raw sound, frozen; see `FrameEncoder`.

    A segment is read as a whole, without the sound around it; one that is longer than 20 seconds in overlapping windows, where
    the rows that two windows share are averaged. Windows of like length from all segments share a batch. What pads them is
    masked: also for the encoders that were trained without a mask (those that normalise over time in their first layer, such
    as wav2vec2-base), so that rows are those of the sound alone. Encoders that are not known to leave padding out read every
    window for itself.

    Args:
        encoder: local folder or Hugging Face name, see `find_pretrained`.
        settings: layers and precision; layer 0 is what the convolutions made. Vectors are float32 in any case.
        device: device that computes, see `best_device`.

    Raises:
        PipelineError: no such encoder, no such layer, or one that does not read raw sound.
    """

    libraries: tuple[str, ...] = ("av", "numpy", "torch", "transformers")

    def __init__(self, encoder: str, *, settings: EncoderSettings, device: str) -> None:
        self._pretrained = find_pretrained(encoder, revision=settings.revision, parameter="audio.encoder")
        self._precision, self._where = settings.precision, device
        config = self._pretrained.load(transformers.AutoConfig)
        kernels: Any = getattr(config, "conv_kernel", None)
        strides: Any = getattr(config, "conv_stride", None)
        convolves = isinstance(kernels, list | tuple) and isinstance(strides, list | tuple)
        if not convolves or config.is_encoder_decoder:
            raise PipelineError(
                f"audio.encoder: {encoder} is a {config.model_type}, which reads no raw sound; expected an encoder such as "
                "wav2vec 2.0, HuBERT, WavLM or data2vec-audio"
            )
        self._layers = choose_layers(
            "audio",
            encoder,
            layers=settings.layers,
            n_hidden=config.num_hidden_layers,
        )
        self._maskable = config.model_type in _MASKABLE
        self._first_convolution = int(kernels[0]), int(strides[0])
        prepares = self._pretrained.load_preparation(transformers.AutoFeatureExtractor)
        self.frames = Frames(*_field_and_stride(kernels, strides), prepares.sampling_rate)
        self.rate_hz: float = self.frames.sample_rate_hz / self.frames.stride
        self.prepare: Callable[[Segment], Heard] = partial(
            hear_frames, frames=self.frames, standardise=bool(getattr(prepares, "do_normalize", False))
        )
        identity = dict(self._pretrained.identity)
        self.spec: Mapping[str, Any] = {
            "encoder": identity.pop("model"),
            **identity,
            "layers": list(settings.layers),
            "precision": settings.precision,
            "hidden_size": config.hidden_size,
        }
        self.columns: tuple[str, ...] = tuple(f"hidden_{i + 1}" for i in range(config.hidden_size))
        self.device = device_class(device)

    def windows(self, given: Heard) -> list[_Window]:
        """The whole sound, or windows of the greatest length, evenly over it."""
        if not given.valid.any():
            return []
        starts, n_rows = _window_starts(len(given.valid))
        first = starts * self.frames.stride
        n_samples = self.frames.n_samples(n_rows)
        return [_Window(given.samples[start : start + n_samples], n_rows) for start in first]

    def read(self, windows: Iterable[tuple[Any, _Window]]) -> Iterator[tuple[Any, np.ndarray]]:
        """The rows of each window, by its key."""
        _ = self._model, self._n_frames  # made once, before several threads ask for them
        budget = _ROWS_PER_BATCH if self._where == "cpu" else _ROWS_PER_BATCH_OF_A_GPU
        return map_batches(
            windows,
            self._read_batch,
            length_of=lambda window: (
                padded_length(window.n_rows, _LENGTHS, longest=_LENGTHS[-1])
                if self._maskable
                else window.n_rows
            ),
            n_rows=lambda length: max(budget // length, 1) if self._maskable else 1,
            device=self._where,
        )

    def sequence(self, given: Heard, rows: Sequence[np.ndarray]) -> FeatureSequence:
        """Rows at the middle of what each has seen; the mean where two windows have seen it."""
        if given.failure is not None:
            return FeatureSequence.empty(len(self.columns), given.failure)
        n_rows = len(given.valid)
        sums, counts = np.zeros((n_rows, len(self.columns)), np.float32), np.zeros((n_rows, 1), np.float32)
        for start, read in zip(_window_starts(n_rows)[0], rows, strict=False):
            sums[start : start + len(read)] += read
            counts[start : start + len(read)] += 1
        values = sums / np.maximum(counts, 1)
        values[~given.valid] = 0
        return FeatureSequence(values, self.frames.middle_s(n_rows), given.valid, notes=given.notes)

    @torch.inference_mode()
    def _read_batch(self, windows: Sequence[_Window], n_rows: int) -> list[np.ndarray]:
        samples = np.zeros((len(windows), self.frames.n_samples(n_rows)), np.float32)
        heard = np.zeros(samples.shape, np.int64)
        for row, window in enumerate(windows):
            samples[row, : len(window.samples)] = window.samples
            heard[row, : len(window.samples)] = 1
        given: dict[str, np.ndarray] = {"input_values": samples}
        if self._maskable:
            given["attention_mask"] = heard
            if self._where != "cpu":
                given = add_masked_row(given)
        lengths = given.get("attention_mask", heard).sum(axis=1).tolist()
        self._n_frames.of_samples = lengths
        self._n_frames.of_rows = [self.frames.n_rows(length) for length in lengths]
        tensors = {name: torch.from_numpy(array).to(self._where) for name, array in given.items()}
        tensors["input_values"] = tensors["input_values"].to(getattr(torch, self._precision))
        output = self._model(**tensors, output_hidden_states=True)
        hidden = self._layers.mean(output.hidden_states).cpu().numpy()
        if hidden.shape[1] != n_rows:
            raise PipelineError(
                f"audio.encoder: {self._pretrained.name} made {hidden.shape[1]} rows of sound for {n_rows}, so it is not known "
                "when they are; expected an encoder with a row for each step of its convolutions"
            )
        return [rows[: window.n_rows] for window, rows in zip(windows, hidden, strict=False)]

    @cached_property
    def _n_frames(self) -> threading.local:
        """How many samples and rows each row of the batch has that a thread reads."""
        return threading.local()

    @cached_property
    def _model(self) -> Any:
        model = self._pretrained.load_weights(precision=self._precision)
        # WavLM's attention (transformers 5.23.0) gives PyTorch two masks in a way that it would like to retire.
        warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
        if self._maskable:
            self._without_padding(model)
        return model.to(self._where)

    def _without_padding(self, model: Any) -> None:
        """Make the two layers that would mix sound with the padding behind it see the sound alone.

        A group normalisation over time runs over each row's own frames; a stack of positional convolutions, where only the
        first would see zeros for padding, has zeros put there after each.
        """
        field, stride = self._first_convolution

        def over_sound(norm: Any, inputs: tuple[torch.Tensor], _: torch.Tensor) -> torch.Tensor:
            (hidden,) = inputs
            normed = torch.zeros_like(hidden)
            for row, n_samples in enumerate(self._n_frames.of_samples):
                own = hidden[row : row + 1, :, : (n_samples - field) // stride + 1]
                normed[row : row + 1, :, : own.shape[-1]] = torch.nn.functional.group_norm(
                    own.contiguous(), norm.num_groups, norm.weight, norm.bias, norm.eps
                )
            return normed

        def zeros_behind(_: Any, __: Any, hidden: torch.Tensor) -> torch.Tensor:
            for row, n_rows in enumerate(self._n_frames.of_rows):
                hidden[row, :, n_rows:] = 0
            return hidden

        for module in model.feature_extractor.modules():
            if isinstance(module, torch.nn.GroupNorm):
                module.register_forward_hook(over_sound)
        for layer in getattr(model.encoder.pos_conv_embed, "layers", ()):
            layer.register_forward_hook(zeros_behind)


def _field_and_stride(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """How many samples a row of a stack of convolutions sees, and after how many the next one begins."""
    field = stride = 1
    for kernel, step in zip(kernels, strides, strict=True):
        field += (kernel - 1) * stride
        stride *= step
    return field, stride


def _window_starts(n_rows: int) -> tuple[np.ndarray, int]:
    """The first rows of windows that cover a segment, and how many rows each has."""
    longest = _LENGTHS[-1]
    if n_rows <= longest:
        return np.zeros(1, int), n_rows
    step = longest - round(_OVERLAP * longest)
    n_windows = -(-(n_rows - longest) // step) + 1
    return np.round(np.linspace(0, n_rows - longest, n_windows)).astype(int), longest
