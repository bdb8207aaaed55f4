"""Which segments are learnt from, chosen on, and tested on: by speaker or video, never by segment."""

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from pipeline.artifacts.corpus.segments import SPLITS, Split
from pipeline.corpus.balance import balanced_parts, make_draw
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import Owner
from pipeline.errors import PipelineError

STANDARD = "standard"
OWNERS: tuple[Owner, ...] = ("speaker", "video")
Mixes: TypeAlias = Mapping[str | None, Collection[str]]
"""What may be in two splits, `speaker` or `video`, by part of a pool; by None in a corpus that is no pool."""


def split_candidates(
    candidates: Sequence[Candidate],
    *,
    split: str = STANDARD,
    valid_share: float,
    test_share: float,
    split_seed: int,
    mixes: Mixes = MappingProxyType({}),
) -> Mapping[str, Split]:
    """The split of each segment id that is not excluded.

    Where a corpus names train and test alone, valid is drawn from train by speaker. Beside published folds, which
    keep speakers together nowhere, it is drawn by video. A draw balances the labels of its parts, see `balanced_parts`.
    In a pool each corpus is split as it would be alone.

    Args:
        candidates: all segments of the corpus.
        split: `standard` = the corpus's own where it has one, otherwise drawn; `drawn` = drawn; `fold_1` and so on =
            test on that fold of its published cross-validation.
        valid_share: share of the speakers (of the videos, where no speakers are named) that go to valid.
        test_share: share of them that go to test.
        split_seed: seed of the draw.
        mixes: what may be in two splits, because the split that the field uses has it so; nothing of corpora that are not named.

    Raises:
        PipelineError: an unknown split, a corpus split in part only, a speaker or video in two splits, folds that it
            does not have, or too few speakers for three splits.
    """
    by_corpus: dict[str | None, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_corpus[candidate.corpus].append(candidate)
    if len(by_corpus) > 1:
        together: dict[str, Split] = {}
        for part in by_corpus.values():
            together |= split_candidates(
                part,
                split=split,
                valid_share=valid_share,
                test_share=test_share,
                split_seed=split_seed,
                mixes=mixes,
            )
        return together
    usable = [candidate for candidate in candidates if candidate.excluded is None]
    draw_valid = partial(_draw_valid, usable, valid_share=valid_share, split_seed=split_seed)
    refuse_leaks = partial(_refuse_leaks, usable, mixes=mixes)
    mixed = mixes.get(next(iter(by_corpus), None), ())
    if split.startswith("fold_"):
        named = refuse_leaks(_fold(usable, int(split.removeprefix("fold_"))))
        return refuse_leaks(draw_valid(named, owners_of=_videos))
    if split == STANDARD and any(candidate.split is not None for candidate in usable):
        return refuse_leaks(draw_valid(refuse_leaks(_named(usable)), owners_of=partial(_owners, mixes=mixed)))
    return refuse_leaks(_draw(usable, valid_share=valid_share, test_share=test_share, split_seed=split_seed))


def say_leaks(candidates: Sequence[Candidate], splits: Mapping[str, Split], *, mixes: Mixes) -> None:
    """Say on standard error what a published split has in two parts at once; see `split_candidates`."""
    leaks = known_leaks(candidates, splits, mixes=mixes)
    if leaks:
        kinds = [kind for kind in OWNERS if any(kind in mixed for mixed in mixes.values())]
        sys.stderr.write(
            f"\n{len(leaks)} {' and '.join(f'{kind}s' for kind in kinds)} are in two splits, because the published split has it so: its "
            "numbers flatter a model; `-S manifest.split=drawn` draws one by speaker or video\n"
        )


def _refuse_leaks(
    candidates: Sequence[Candidate], splits: dict[str, Split], *, mixes: Mixes
) -> dict[str, Split]:
    for leak in refused_leaks(candidates, splits, mixes=mixes):
        raise PipelineError(leak)
    return splits


def known_leaks(candidates: Sequence[Candidate], splits: Mapping[str, Split], *, mixes: Mixes) -> list[str]:
    """A sentence for each speaker or video that is in two splits and may be, in the order of the corpus."""
    return _leaks(candidates, splits, concerns=lambda kind, corpus: kind in mixes.get(corpus, ()))


def refused_leaks(candidates: Sequence[Candidate], splits: Mapping[str, Split], *, mixes: Mixes) -> list[str]:
    """A sentence for each speaker or video that is in two splits and must not be, in the order of the corpus."""
    return _leaks(candidates, splits, concerns=lambda kind, corpus: kind not in mixes.get(corpus, ()))


def _leaks(
    candidates: Sequence[Candidate],
    splits: Mapping[str, Split],
    *,
    concerns: Callable[[str, str | None], bool],
) -> list[str]:
    sentences = []
    for kind in OWNERS:
        found: dict[str, set[Split]] = defaultdict(set)
        named = set()
        for candidate in candidates:
            owner = getattr(candidate, kind)
            if owner is None or candidate.id not in splits or not concerns(kind, candidate.corpus):
                continue
            found[owner].add(splits[candidate.id])
            if len(found[owner]) > 1 and owner not in named:
                named.add(owner)
                sentences.append(
                    f"{candidate.place}: the {kind} {owner!r} is in {' and '.join(sorted(found[owner]))}, so a model "
                    f"could know {'the speaker' if kind == 'speaker' else 'the recording'} from training; "
                    f"move all of its segments to one split"
                )
    return sentences


def _named(candidates: Sequence[Candidate]) -> dict[str, Split]:
    named = [candidate for candidate in candidates if candidate.split is not None]
    if len(named) < len(candidates):
        unsplit = next(candidate for candidate in candidates if candidate.split is None)
        raise PipelineError(
            f"{unsplit.place}: has no split, but {len(named)} other segments have one; fill all or none"
        )
    splits: dict[str, Split] = {}
    for candidate in candidates:
        known = [split for split in SPLITS if split == candidate.split]
        if not known:
            raise PipelineError(
                f"{candidate.place}: split is {candidate.split!r}; expected {', '.join(SPLITS)}"
            )
        splits[candidate.id] = known[0]
    return splits


def _fold(candidates: Sequence[Candidate], tested: int) -> dict[str, Split]:
    folds = sorted({candidate.fold for candidate in candidates if candidate.fold is not None})
    if tested not in folds or any(candidate.fold is None for candidate in candidates):
        has = f"its folds are {folds[0]} to {folds[-1]}" if folds else "it comes with no folds"
        raise PipelineError(
            f"manifest.split is 'fold_{tested}', but {has}; set it to standard or drawn, or put the file of the folds "
            "into the corpus folder, see docs/reference/data.md"
        )
    return {candidate.id: "test" if candidate.fold == tested else "train" for candidate in candidates}


def _draw_valid(
    candidates: Sequence[Candidate],
    splits: dict[str, Split],
    *,
    owners_of: Callable[[Sequence[Candidate]], Mapping[str, str]],
    valid_share: float,
    split_seed: int,
) -> dict[str, Split]:
    """Valid from train, where a corpus names train and test alone."""
    if set(splits.values()) != {"train", "test"}:
        return splits
    train = [candidate for candidate in candidates if splits[candidate.id] == "train"]
    owner_of = owners_of(train)
    owners = set(owner_of.values())
    n_valid = max(1, round(valid_share * len(owners)))
    if n_valid >= len(owners):
        counted = "one speaker or video" if len(owners) == 1 else f"{len(owners)} speakers or videos"
        raise PipelineError(
            f"train of the corpus has {counted}, too few to draw valid from; name a valid split"
        )
    part_of = balanced_parts(
        make_draw([owner_of[candidate.id] for candidate in train], [candidate.label for candidate in train]),
        {"valid": n_valid, "train": len(owners) - n_valid},
        seed=split_seed,
    )
    return splits | {
        candidate.id: "valid" for candidate in train if part_of[owner_of[candidate.id]] == "valid"
    }


def _draw(
    candidates: Sequence[Candidate], *, valid_share: float, test_share: float, split_seed: int
) -> dict[str, Split]:
    owner_of = _groups(candidates)
    owners = set(owner_of.values())
    n_valid, n_test = (max(1, round(share * len(owners))) for share in (valid_share, test_share))
    if len(owners) <= n_valid + n_test:
        counted = "one speaker or video" if len(owners) == 1 else f"{len(owners)} speakers or videos"
        raise PipelineError(
            f"the corpus has {counted}, which is too few: no two of the three splits may share one, so at least "
            f"{n_valid + n_test + 1} are needed; name the splits in a column split of segments.csv, or name speakers more finely"
        )
    part_of = balanced_parts(
        make_draw(
            [owner_of[candidate.id] for candidate in candidates],
            [candidate.label for candidate in candidates],
        ),
        {"valid": n_valid, "test": n_test, "train": len(owners) - n_valid - n_test},
        seed=split_seed,
    )
    return {
        candidate.id: next(split for split in SPLITS if split == part_of[owner_of[candidate.id]])
        for candidate in candidates
    }


def _groups(candidates: Sequence[Candidate]) -> dict[str, str]:
    """What keeps each segment together with others, by its id: speakers and videos, and those that share one with them."""
    above: dict[tuple[str, str], tuple[str, str]] = {}

    def root(name: tuple[str, str]) -> tuple[str, str]:
        while above.setdefault(name, name) != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for candidate in candidates:
        video = root(("video", candidate.video))
        if candidate.speaker is not None:
            speaker = root(("speaker", candidate.speaker))
            above[max(video, speaker)] = min(video, speaker)
    return {candidate.id: " ".join(root(("video", candidate.video))) for candidate in candidates}


def balance_sentence(candidates: Sequence[Candidate], splits: Mapping[str, Split]) -> str:
    """How alike the labels of the parts of a split are."""
    labels: dict[Split, list[float]] = {
        split: [candidate.label for candidate in candidates if splits.get(candidate.id) == split]
        for split in SPLITS
    }
    every = [label for found in labels.values() for label in found]
    values = np.unique(every)
    if len(values) == 2:
        what, shown = (
            f"share of label {values[1]:g}",
            {s: np.mean(np.array(f) == values[1]) for s, f in labels.items() if f},
        )
    else:
        what, shown = "mean label", {split: np.mean(found) for split, found in labels.items() if found}
    parts = ", ".join(f"{split} {shown[split]:.2f} of {len(labels[split])} segments" for split in shown)
    return f"the drawn split balances labels as far as whole speakers or videos allow: {what} {parts}"


def say_balance(candidates: Sequence[Candidate], splits: Mapping[str, Split]) -> None:
    """Say on standard error how alike the labels of a drawn split are; nothing of one that the corpus names."""
    if is_drawn(candidates, splits):
        sys.stderr.write(f"\n{balance_sentence(candidates, splits)}\n")


def is_drawn(candidates: Sequence[Candidate], splits: Mapping[str, Split]) -> bool:
    """Whether any part of a split is drawn rather than named by the corpus."""
    return any(candidate.split != splits[candidate.id] for candidate in candidates if candidate.id in splits)


def _owners(candidates: Sequence[Candidate], *, mixes: Collection[str]) -> dict[str, str]:
    """The speaker or video of each segment by its id; of speakers who share a video, the first by name stands for all.

    Args:
        candidates: segments of which a part is drawn.
        mixes: kinds that a published split has in two parts at once. They keep nothing together here either: else a series with one
            cast would be a single owner.
    """
    if "video" in mixes:
        return {candidate.id: candidate.speaker or candidate.video for candidate in candidates}
    if "speaker" in mixes:
        return _videos(candidates)
    group_of = _groups(candidates)
    first: dict[str, str] = {}
    for candidate in candidates:
        group, owner = group_of[candidate.id], candidate.speaker or candidate.video
        first[group] = min(first.get(group, owner), owner)
    return {id_: first[group] for id_, group in group_of.items()}


def _videos(candidates: Sequence[Candidate]) -> dict[str, str]:
    return {candidate.id: candidate.video for candidate in candidates}
