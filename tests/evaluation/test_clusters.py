from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.evaluation.clusters import clusters_of, few_clusters, t_interval, t_p_value
from pipeline.evaluation.resampling import Resamples

SPLIT = SplitPredictions(
    "valid",
    ("a", "b", "c", "d"),
    np.zeros(4),
    {},
    {},
    speaker=("x", "x", "y", "y"),
    video=("1", "2", "3", "4"),
)


def test_segments_of_a_speaker_are_one_cluster():
    found = clusters_of(SPLIT)
    assert (found.unit, found.n, found.of_segment.tolist()) == ("speaker", 2, [0, 0, 1, 1])
    assert "2 speakers" in few_clusters(found, split="valid")
    assert not found.is_enough


def test_videos_stand_for_speakers_that_nobody_knows():
    split = replace(SPLIT, speaker=("x", "x", "", ""), video=("1", "1", "3", "3"))
    assert clusters_of(split).unit == "speaker or video"
    assert clusters_of(replace(split, speaker=())).unit == "video"
    assert clusters_of(replace(split, speaker=())).of_segment.tolist() == [0, 0, 1, 1]


def test_a_name_counts_within_its_corpus():
    assert clusters_of(replace(SPLIT, corpus=("p", "q", "q", "q"))).n == 3


@pytest.mark.parametrize(
    "owners",
    [{}, {"speaker": ("x", "x", "y", "")}, {"speaker": ("w", "x", "y", "z")}],
    ids=["none", "gap", "own"],
)
def test_without_names_or_with_one_segment_each_there_are_no_clusters(owners):
    assert clusters_of(replace(SPLIT, **{"speaker": (), "video": ()} | owners)) is None


def test_a_cluster_is_drawn_with_all_its_segments():
    cluster = np.array([0, 1, 1, 2, 2, 2])
    resamples = Resamples(np.zeros(6), n_resamples=50, rng=np.random.default_rng(0), cluster=cluster)
    counts = np.concatenate([samples.counts for samples in resamples.samples()])
    assert (counts[:, 1] == counts[:, 2]).all()
    assert (counts[:, 3:] == counts[:, 3:4]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert counts[:, 0].max() > 1


def test_the_p_value_is_the_level_whose_interval_touches_zero():
    low, high = t_interval(1.0, error=0.5, degrees=4.0, confidence=0.95)
    assert (1.0 - low, high - 1.0) == pytest.approx([t.ppf(0.975, 4) * 0.5] * 2)
    p_value = t_p_value(1.0, error=0.5, degrees=4.0)
    assert t_interval(1.0, error=0.5, degrees=4.0, confidence=1.0 - p_value)[0] == pytest.approx(0.0)
    assert t_p_value(0.0, error=0.0, degrees=4.0) == 1.0
