"""What a run measures: which condition makes sense on which corpus, on which splits, with which methods."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.evidence.conditions import CONDITIONS
from benchmarks.evidence.corpora import RATED, read_corpus

_POINTWISE = ("mae", "mae_standardised", "mae_profiled", "mae_bounded")
_BY_CONDITION = {
    "raters": ("grcf_within", "grcf_all", *_POINTWISE),
    "replaced": ("grcf_all", "grcf_bounded", "mae", "mae_bounded"),
    "other": ("grcf_all", "grcf_within", "mae", "ranknet", "ranklist", "rank_n_contrast"),
}
"""The methods of each kind of condition, by the first part of its name."""


def methods_of(condition: str) -> tuple[str, ...]:
    """The methods that are compared under a condition: those that could know what it does, and the plain ones."""
    return _BY_CONDITION.get(condition.partition("_")[0], _BY_CONDITION["other"])


def applies(condition: str, corpus: str) -> bool:
    """Whether a condition makes sense on a corpus: real scales of raters need real raters."""
    return corpus in RATED or not CONDITIONS[condition].own_scales


def cells(
    corpora: Sequence[str], conditions: Sequence[str], splits: Sequence[str], *, data: Path
) -> Iterator[tuple[str, str, str]]:
    """Corpus, split and condition of each part of a run; where raters have scales of their own, every rater is a split."""
    for corpus in corpora:
        for condition in conditions:
            if not applies(condition, corpus):
                continue
            own = CONDITIONS[condition].own_scales
            for split in sorted(set(read_corpus(corpus, data).rater)) if own else splits:
                yield corpus, split, condition
