"""Which segments are learnt from, chosen on, and tested on: by speaker or video, never by segment."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.artifacts.segments import SPLITS, Split
from pipeline.corpus.candidates import Candidate
from pipeline.errors import PipelineError


def split_candidates(
    candidates: Sequence[Candidate], *, valid_share: float, test_share: float, split_seed: int
) -> Mapping[str, Split]:
    """The split of each segment id: the corpus's own where it has one, otherwise a seeded one by speaker.

    Args:
        candidates: all segments of the corpus.
        valid_share: share of the speakers (of the videos, where no speakers are named) that go to valid.
        test_share: share of them that go to test.
        split_seed: seed of the draw.

    Raises:
        PipelineError: an unknown split, a corpus split in part only, a speaker or video in two splits, or too few
            speakers for three splits.
    """
    named = [candidate for candidate in candidates if candidate.split is not None]
    if named and len(named) < len(candidates):
        unsplit = next(candidate for candidate in candidates if candidate.split is None)
        raise PipelineError(
            f"{unsplit.place}: has no split, but {len(named)} other segments have one; fill all or none"
        )
    if not named:
        return _draw(candidates, valid_share=valid_share, test_share=test_share, split_seed=split_seed)
    splits: dict[str, Split] = {}
    for candidate in candidates:
        known = [split for split in SPLITS if split == candidate.split]
        if not known:
            raise PipelineError(
                f"{candidate.place}: split is {candidate.split!r}; expected {', '.join(SPLITS)}"
            )
        splits[candidate.id] = known[0]
    _refuse_leaks(candidates, splits)
    return splits


def _draw(
    candidates: Sequence[Candidate], *, valid_share: float, test_share: float, split_seed: int
) -> Mapping[str, Split]:
    owners = sorted({_owner(candidate) for candidate in candidates})
    n_valid, n_test = (max(1, round(share * len(owners))) for share in (valid_share, test_share))
    if len(owners) <= n_valid + n_test:
        raise PipelineError(
            f"the corpus has {len(owners)} speakers or videos, too few for three splits of which none shares one; "
            "add a split column to segments.csv, or name speakers more finely"
        )
    order = [owners[position] for position in np.random.default_rng(split_seed).permutation(len(owners))]
    valid, test = set(order[:n_valid]), set(order[n_valid : n_valid + n_test])

    def split_of(candidate: Candidate) -> Split:
        owner = _owner(candidate)
        return "valid" if owner in valid else "test" if owner in test else "train"

    splits = {candidate.id: split_of(candidate) for candidate in candidates}
    _refuse_leaks(candidates, splits)
    return splits


def _owner(candidate: Candidate) -> str:
    return candidate.speaker or candidate.video


def _refuse_leaks(candidates: Sequence[Candidate], splits: Mapping[str, Split]) -> None:
    for kind in ("speaker", "video"):
        found: dict[str, set[Split]] = defaultdict(set)
        for candidate in candidates:
            owner = getattr(candidate, kind)
            if owner is None:
                continue
            found[owner].add(splits[candidate.id])
            if len(found[owner]) > 1:
                raise PipelineError(
                    f"{candidate.place}: the {kind} {owner!r} is in {' and '.join(sorted(found[owner]))}, so a model "
                    f"could know {'the speaker' if kind == 'speaker' else 'the recording'} from training; "
                    f"move all of its segments to one split"
                )
