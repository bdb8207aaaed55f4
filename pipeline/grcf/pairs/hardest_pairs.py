"""Hard-pair mining: which pairs of train weigh most at the end of stage 1, and at which segments they pull."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.artifacts.trained.hardest_pairs import HardestPairs, HardPair, HardSegment
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings
from pipeline.grcf.network.batches import SplitTensors
from pipeline.grcf.network.checkpoints import restore, score_split
from pipeline.grcf.pairs.weighed_pairs import WeighedPair, weigh_classes

# A person looks at dozens; the record is there to be filtered.
N_PAIRS, N_SEGMENTS = 150, 100
N_WEIGHED = 2 * 10**8
"""The most pairs that are weighed, some ten seconds of a core for each seed: those of 20,000 segments, all compared with all."""


def find_hardest_pairs(
    checkpoints: Sequence[Checkpoint],
    train: AlignedSplit,
    *,
    margin: MarginSettings,
    advantage: AdvantageSettings,
    device: str,
    n_pairs: int = N_PAIRS,
    n_segments: int = N_SEGMENTS,
    n_weighed: int = N_WEIGHED,
) -> HardestPairs:
    """The pairs of the largest mean weight over seeds and of the largest mean weight × violation, at the selected epochs.

    Where weights are bounded, the pairs of the smallest weight take the place of those of the largest: they contradict
    the model most, and a wrong label is often behind them.

    Both, because a weight tells how hard a pair is beside its peers only: between groups that are far apart, the hardest
    pair may keep its margin and add next to nothing to the loss.

    A pair is weighed as if the whole of train were one batch. In training its weight depends on its batch mates too, and most
    pairs never meet in one batch, so no two epochs and no two seeds could be set side by side by it.

    Where pairs are compared within an owner, only those are weighed, beside peers of the same owner. A segment that several
    raters labelled counts its pairs by each of them.

    Time is O(seeds · n²), memory O(seeds · (n · groups + a block of pairs)). So of a large train the pairs of some segments are
    weighed, drawn at random, and the record says of how many.

    Args:
        checkpoints: the models of all seeds after stage 1.
        train: the split that they learnt from.
        margin: margin of the groupwise loss.
        advantage: weights of the groupwise loss.
        device: device on which the networks run.
        n_pairs: number of pairs to keep by weight, and by weight × violation.
        n_segments: number of segments to keep by pull.
        n_weighed: number of pairs that may be weighed, about.
    """
    split = SplitTensors(train, device=device, within=margin.within)
    scores = np.stack(
        [score_split(restore(checkpoint, device=device)[0], split) for checkpoint in checkpoints]
    )
    segment = torch.arange(len(split)) if split.owned is None else split.owned.segment.cpu()
    label, owner = (
        (split.label.cpu(), None) if split.owned is None else (part.cpu() for part in split.owned.flat())
    )
    drawn = _draw_segments(len(split), owner, n_pairs=n_weighed)
    is_weighed = torch.from_numpy(np.isin(segment.numpy(), drawn))
    segment, label = segment[is_weighed], label[is_weighed]
    owner = None if owner is None else owner[is_weighed]
    weighed = weigh_classes(
        scores[:, segment], label, owner, margin=margin, advantage=advantage, n_pairs=n_pairs
    )
    found = weighed.of_segments(segment.numpy(), n_segments=len(split))
    pull = found.pull_above + found.pull_below
    first, third = np.quantile(pull[drawn], [0.25, 0.75])
    fence = float(third + 1.5 * (third - first))
    n_hardest = Counter(position for pair in found.pairs for position in (pair.above, pair.below))
    # By id among equals: a stable sort keeps the order of the split, which is that of the manifest.
    ranked = [
        int(position) for position in np.argsort(-pull, kind="stable")[:n_segments] if pull[position] > 0
    ]
    listed = dict.fromkeys([*ranked, *n_hardest])
    orders = np.stack([_place_of_own(row, train.labels) for row in scores])
    labels = train.labels
    if scores.ndim == 3:
        labels = (labels[:, None] == np.arange(scores.shape[2])).astype(np.float64)
    label_order = _place_of_own(labels, train.labels)
    return HardestPairs(
        seeds=tuple(checkpoint.seed for checkpoint in checkpoints),
        objective=checkpoints[0].objective,
        n_pairs=int(found.n_pairs.sum()) // 2,
        n_segments=len(drawn),
        n_train=len(train),
        n_ranked=len(ranked),
        mean_pull=float(pull[drawn].mean()),
        fence=fence,
        pairs=tuple(
            HardPair(
                above=train.ids[pair.above],
                below=train.ids[pair.below],
                margin=pair.margin,
                weight=pair.weight,
                violation=pair.violation,
                gap=tuple(_gap(scores, train.labels, pair).tolist()),
                label_gap=None
                if owner is None
                else float(label[compared_labels.above] - label[compared_labels.below]),
            )
            for pair, compared_labels in zip(found.pairs, weighed.pairs, strict=True)
        ),
        segments=tuple(
            HardSegment(
                id=train.ids[position],
                order=tuple(orders[:, position].tolist()),
                label_order=float(label_order[position]),
                n_pairs=int(found.n_pairs[position]),
                pull_above=float(found.pull_above[position]),
                pull_below=float(found.pull_below[position]),
                extra=float(found.extra[position]),
                n_hardest=n_hardest[position],
                stands_out=bool(pull[position] > fence),
            )
            for position in listed
        ),
    )


def _draw_segments(n_segments: int, owner: Tensor | None, *, n_pairs: int) -> Int64[np.ndarray, "_"]:
    """Positions of all segments, or of so many, in their order, that they have about `n_pairs` pairs within an owner."""
    of_owner = np.array([n_segments]) if owner is None else owner.bincount().numpy()
    n_compared = float(np.square(of_owner, dtype=np.float64).sum()) / 2
    if n_compared <= n_pairs:
        return np.arange(n_segments)
    n_drawn = max(1, round(n_segments * (n_pairs / n_compared) ** 0.5))
    return np.sort(np.random.default_rng(0).choice(n_segments, n_drawn, replace=False))


def _place_of_own(
    values: Float[np.ndarray, "segment *class"], labels: Float64[np.ndarray, "segment"]
) -> Float64[np.ndarray, "segment"]:
    """The place of each segment among all, by one value, or of classes by the value of its own class."""
    if values.ndim == 1:
        return _middle_place(values)
    places = np.stack([_middle_place(column) for column in values.T], axis=1)
    return np.asarray(places[np.arange(len(labels)), labels.astype(np.int64)])


def _gap(
    scores: Float64[np.ndarray, "seed segment *class"],
    labels: Float64[np.ndarray, "segment"],
    pair: WeighedPair,
) -> Float64[np.ndarray, "seed"]:
    """Score above minus score below; of classes, by the score of the class above."""
    column = scores if scores.ndim == 2 else scores[:, :, int(labels[pair.above])]
    return np.asarray(column[:, pair.above] - column[:, pair.below])


def _middle_place(values: Float[np.ndarray, "segment"]) -> Float64[np.ndarray, "segment"]:
    """The place of each value among all, in (0, 1); equal values share the middle of theirs."""
    in_order = np.sort(values)
    below, up_to = (np.searchsorted(in_order, values, side=side) for side in ("left", "right"))
    places: Float64[np.ndarray, segment] = (below + up_to) / 2 / len(values)
    return places
