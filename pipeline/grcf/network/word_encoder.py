"""A pretrained text encoder that learns with the network: from sub-tokens to the word vectors that the fusion reads."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pipeline.artifacts.corpus.tokens import TokenizedText
from pipeline.errors import PipelineError
from pipeline.grcf.network.batches import Batch
from pipeline.pretrained.layers import choose_layers

# Windows are read beside others of like length: on a CPU a padded position costs as much as a real one, so a group ends
# where a window is shorter than this share of its longest. A GPU is slower by the number of calls instead.
_MIN_FILL = {"cpu": 0.75}
# Windows in memory at a time while nothing is learnt.
_READING_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class FinetuningSettings:
    """How a text encoder learns with the network; see the section `finetuning` of params.yaml."""

    layers: int | None
    adapter_rank: int | None
    embeddings: bool
    learning_rate: float
    layer_decay: float
    warm_up: float
    gradient_checkpointing: bool


class WordEncoder(nn.Module):
    """The hidden layer of a pretrained encoder, as a mean over the sub-tokens of each word.

    Its vectors are not normalised over train as frozen ones are: they move while it learns, and every layer of such an
    encoder ends in a layer norm of its own.

    Args:
        described: the encoder (`tokens.encoder`) and which parts learn: `layers`, `adapter_rank` and `embeddings`. It is
            enough to build the encoder again; a checkpoint keeps it beside the weights that learnt.
        seed: seed of the first weights of adapters.

    Attributes:
        depth: number of layers above each parameter that learns, by its name.

    Raises:
        PipelineError: no such encoder here, other files than those of training, or layers that it does not have.
    """

    def __init__(self, described: Mapping[str, Any], *, seed: int) -> None:
        super().__init__()
        self.described = dict(described)
        spec = described["encoder"]
        self.encoder = copy.deepcopy(_load_base(spec["found_as"], _identity(spec)))
        self._pad_id = spec["pad_id"]
        self.n_dimensions: int = spec["hidden_size"]
        self._layers = choose_layers(
            "text",
            spec["model"],
            layers=spec["layers"],
            n_hidden=self.encoder.config.num_hidden_layers,
        )
        used = self._layers.last
        chosen = used if described["layers"] is None else described["layers"]
        if chosen > used:
            raise PipelineError(
                f"finetuning.layers is {chosen}, but text.layers {spec['layers']} of {spec['model']} rest on {used} layers; "
                "expected at most as many"
            )
        if described["adapter_rank"] is not None:
            self._add_adapters(described["adapter_rank"], range(used - chosen, used), seed)
        self.encoder.requires_grad_(False)
        self.depth: dict[str, int] = {}
        for name, _ in self.named_parameters():
            layer = _layer_of(name)
            if layer is None:
                if described["embeddings"] and "embeddings" in name:
                    self.depth[name] = used
            elif used - chosen <= layer < used and (described["adapter_rank"] is None or "lora_" in name):
                self.depth[name] = used - 1 - layer

    def _add_adapters(self, rank: int, layers: range, seed: int) -> None:
        # Inside, because it takes seconds to import and only adapters need it.
        from peft import LoraConfig, inject_adapter_in_model

        linear = [
            name
            for name, module in self.encoder.named_modules()
            if isinstance(module, nn.Linear) and _layer_of(name) in layers
        ]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inject_adapter_in_model(
                LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=linear), self.encoder
            )

    def checkpoint_gradients(self) -> None:
        """Keep only the input of each layer while training, and compute the layer once more for its gradient."""
        self.encoder.activation_checkpointing_enable({"use_reentrant": False})

    def forward(self, batch: Batch) -> Batch:
        """The batch with the rows of its text filled in."""
        if batch.tokens is None:
            return batch
        return replace(batch, features={**batch.features, "text": self.read(batch.tokens)}, tokens=None)

    def read(self, tokens: TokenizedText) -> Float[Tensor, "word dim"]:
        """A row for each word of each segment; zeros where no sub-token lies on it."""
        device = next(self.parameters()).device
        n_rows = int(tokens.word_offsets[-1])
        vectors, read_tokens = [], []
        for group in _groups(tokens, fill=_MIN_FILL.get(device.type, 0.0)):
            hidden, positions = self._read_windows(tokens, group)
            vectors.append(hidden)
            read_tokens.append(positions)
        rows = torch.zeros(n_rows, self.n_dimensions, device=device)
        if not vectors:
            return rows
        place = np.empty(len(tokens.token_ids), np.int64)
        place[np.concatenate(read_tokens)] = np.arange(len(place))
        token, row = tokens.links()
        counts = np.bincount(row, minlength=n_rows).clip(min=1)
        hidden = torch.cat(vectors)[torch.from_numpy(place[token]).to(device)]
        sums = rows.index_add(0, torch.from_numpy(row).to(device), hidden)
        return sums / torch.from_numpy(counts).to(device, torch.float32)[:, None]

    def _read_windows(
        self, tokens: TokenizedText, windows: Int64[np.ndarray, "window"]
    ) -> tuple[Float[Tensor, "token dim"], Int64[np.ndarray, "token"]]:
        """Hidden vectors of the tokens of some windows, and which tokens these are."""
        device = next(self.parameters()).device
        start, length = tokens.token_offsets[:-1][windows], np.diff(tokens.token_offsets)[windows]
        step = np.arange(length.max())
        real = step < length[:, None]
        positions = (start[:, None] + step)[real]
        token_ids = np.full(real.shape, self._pad_id, np.int64)
        token_ids[real] = tokens.token_ids[positions]
        output = self.encoder(
            input_ids=torch.from_numpy(token_ids).to(device),
            attention_mask=torch.from_numpy(real.astype(np.int64)).to(device),
            output_hidden_states=True,
        )
        inside = torch.from_numpy(np.flatnonzero(real)).to(device)
        return self._layers.mean(output.hidden_states).flatten(0, 1)[inside], positions

    @torch.inference_mode()
    def read_all(self, tokens: TokenizedText) -> Float[Tensor, "word dim"]:
        """`read` without dropout and gradient, for a whole split; windows of the same tokens are read once."""
        was_training = self.training
        self.eval()
        unique = _without_repetition(tokens)
        try:
            return unique.spread(torch.cat([self.read(part) for part in unique.parts()]))
        finally:
            self.train(was_training)

    def parameter_groups(
        self, settings: FinetuningSettings, *, weight_decay: float
    ) -> Iterator[dict[str, Any]]:
        """Learnt parameters that require a gradient, by depth and by whether they decay: biases and norms do not."""
        parameters = dict(self.named_parameters())
        for depth in sorted(set(self.depth.values())):
            layer = [parameters[name] for name, found in self.depth.items() if found == depth]
            for decays in (True, False):
                group = [
                    parameter
                    for parameter in layer
                    if parameter.requires_grad and (parameter.ndim > 1) == decays
                ]
                if group:
                    yield {
                        "params": group,
                        "lr": settings.learning_rate * settings.layer_decay**depth,
                        "weight_decay": weight_decay if decays else 0.0,
                    }


def describe(tokens: TokenizedText, settings: FinetuningSettings) -> dict[str, Any]:
    """What `WordEncoder` is built from."""
    return {
        "encoder": dict(tokens.encoder),
        "layers": settings.layers,
        "adapter_rank": settings.adapter_rank,
        "embeddings": settings.embeddings,
    }


def same_encoder(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two headers mean the same layers of the same encoder, wherever it lies; None means none."""
    if one is None or other is None:
        return one is other
    return _identity(one) == _identity(other) and one["layers"] == other["layers"]


def _groups(tokens: TokenizedText, *, fill: float) -> Iterator[Int64[np.ndarray, "window"]]:
    """Windows by falling length, cut where padding would be more than `1 - fill` of a row."""
    lengths = np.diff(tokens.token_offsets)
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        falling = lengths[order[first:]]
        n = int(np.searchsorted(-falling, -fill * falling[0], side="right"))
        yield order[first : first + n]
        first += n


@dataclass(frozen=True, eq=False)
class _Unique:
    """The distinct segments of a text, and which of them each of its segments repeats.

    Attributes:
        tokens: sub-tokens of the distinct segments.
        first: position in `tokens` of the segment that each segment of the text is equal to.
        n_words: number of words of each segment of the text.
    """

    tokens: TokenizedText
    first: Int64[np.ndarray, "segment"]
    n_words: Int64[np.ndarray, "segment"]

    def parts(self) -> Iterator[TokenizedText]:
        """As many segments at a time as are read at once, by length, so that those beside one another are alike."""
        for start in range(0, len(self.tokens), _READING_BATCH):
            yield self.tokens.select(np.arange(start, min(start + _READING_BATCH, len(self.tokens))))

    def spread(self, rows: Float[Tensor, "unique_word dim"]) -> Float[Tensor, "word dim"]:
        """The rows of every segment of the text."""
        start = self.tokens.word_offsets[:-1][self.first]
        offset = np.cumsum(self.n_words) - self.n_words
        positions = np.arange(self.n_words.sum()) + np.repeat(start - offset, self.n_words)
        return rows[torch.from_numpy(positions).to(rows.device)]


def _without_repetition(tokens: TokenizedText) -> _Unique:
    n_words = np.diff(tokens.word_offsets)
    first: dict[tuple[bytes, bytes, int], int] = {}
    member = np.empty(len(tokens), np.int64)
    distinct: list[int] = []
    bounds = tokens.token_offsets[tokens.window_offsets]
    for segment in range(len(tokens)):
        inside = slice(bounds[segment], bounds[segment + 1])
        key = (
            tokens.token_ids[inside].tobytes(),
            (tokens.first_word[inside] * (tokens.n_words[inside] > 0)).tobytes(),
            int(n_words[segment]),
        )
        if key not in first:
            first[key] = len(distinct)
            distinct.append(segment)
        member[segment] = first[key]
    return _Unique(tokens.select(np.array(distinct, np.int64)), member, n_words)


def _identity(spec: Mapping[str, Any]) -> tuple[str, str]:
    key = "revision" if "revision" in spec else "sha256"
    return key, spec[key]


@lru_cache(maxsize=2)
def _load_base(found_as: str, identity: tuple[str, str]) -> Any:
    """The encoder as it was found, in float32; copied, never changed."""
    # Inside, because it takes a second to import and frozen text needs none of it.
    from pipeline.pretrained.models import find_pretrained

    key, wanted = identity
    pretrained = find_pretrained(found_as, revision=wanted if key == "revision" else "main")
    if pretrained.identity.get(key) != wanted:
        raise PipelineError(
            f"{found_as}: is another encoder ({key} {pretrained.identity.get(key, 'none')[:12]}) than the one whose tokens and "
            f"weights these are ({wanted[:12]}); name the folder of that one, or extract and train again with this one"
        )
    model = pretrained.load_weights(precision="float32")
    return model.get_encoder() if model.config.is_encoder_decoder else model


def _layer_of(name: str) -> int | None:
    """The number of the layer that a parameter or module is in; None of embeddings, poolers and final norms.

    Stacks of layers are the only numbered lists in the names of encoders that transformers holds.
    """
    found = re.search(r"\.(\d+)\.", name)
    return int(found.group(1)) if found else None
