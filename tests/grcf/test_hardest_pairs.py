"""The record of hard pairs is what the definition of the loss says of all pairs at once."""

import dataclasses

import numpy as np
import pytest
import torch

from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.artifacts.trained.hardest_pairs import read_hardest_pairs, write_hardest_pairs
from pipeline.errors import PipelineError
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings, compare_pairs
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.pairs import weighed_pairs
from pipeline.grcf.pairs.hardest_pairs import N_WEIGHED, _draw_segments, find_hardest_pairs
from pipeline.grcf.pairs.weighed_pairs import weigh_classes, weigh_pairs
from pipeline.grcf.rank import train_ranking
from tests.grcf.models import objective_of
from tests.grcf.synthetic import make_split

MARGIN = MarginSettings(
    groups="integer", base=0.2, slope=0.2, distance="group", shape="softplus", smoothing=1.0
)
ADVANTAGE = AdvantageSettings(scope="group_pair", scale="std", strength=0.5, cap=2.0)


def scores_and_labels(n: int, *, n_seeds: int = 3, seed: int = 5) -> tuple[np.ndarray, torch.Tensor]:
    random = np.random.default_rng(seed)
    labels = np.clip(random.normal(0, 1.5, n), -3, 3).round(1)
    return labels + random.normal(size=(n_seeds, n)), torch.from_numpy(labels)


@pytest.mark.parametrize(
    "advantage",
    [
        *(
            dataclasses.replace(ADVANTAGE, scope=scope, scale=scale)
            for scope in ("group_pair", "anchor", "batch")
            for scale in ("std", "none")
        ),
        dataclasses.replace(ADVANTAGE, direction="bounded", bound=1.5),
    ],
)
@pytest.mark.parametrize(
    "margin",
    [
        MARGIN,
        dataclasses.replace(MARGIN, groups=(-0.7, 0.1), distance="label", shape="quadratic"),
        dataclasses.replace(MARGIN, smoothing=0.0),
    ],
)
def test_weights_are_those_of_all_segments_in_one_batch(advantage, margin, monkeypatch):
    monkeypatch.setattr(weighed_pairs, "_AT_ONCE", 50)
    # Under a bound the pairs that are believed least stand out by their weight.
    sign = -1 if advantage.direction == "bounded" else 1
    scores, labels = scores_and_labels(40)
    compared = [
        compare_pairs(torch.from_numpy(row), labels, margin=margin, advantage=advantage) for row in scores
    ]
    pair = compared[0].pair.numpy()
    weight = np.mean([each.weight.numpy() for each in compared], axis=0)
    found = weigh_pairs(scores, labels, margin=margin, advantage=advantage, n_pairs=25)

    pull = np.mean([each.weight.numpy() * each.violation.numpy() for each in compared], axis=0)
    wanted = set()
    for first, second in ((sign * weight, pull), (pull, weight)):
        above, below = np.nonzero(pair)
        order = np.lexsort((-second[pair].round(9), -first[pair].round(9)))[:25]
        wanted |= set(zip(above[order].tolist(), below[order].tolist(), strict=True))
    assert {(each.above, each.below) for each in found.pairs} == wanted
    pulls = [float(np.dot(each.weight, each.violation)) for each in found.pairs]
    assert pulls == sorted(pulls, reverse=True)
    for each in found.pairs:
        place = (each.above, each.below)
        assert pair[place]
        np.testing.assert_allclose(each.weight, [one.weight[place] for one in compared])
        np.testing.assert_allclose(each.violation, [one.violation[place] for one in compared])
        assert each.margin == pytest.approx(float(compared[0].margin[place]))
    np.testing.assert_allclose(found.pull_above, np.where(pair, pull, 0).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(found.pull_below, np.where(pair, pull, 0).sum(axis=0), atol=1e-9)
    extra = np.where(pair, weight - 1, 0)
    np.testing.assert_allclose(found.extra, extra.sum(axis=0) + extra.sum(axis=1), atol=1e-9)
    np.testing.assert_array_equal(found.n_pairs, (pair | pair.T).sum(axis=1))


@pytest.mark.parametrize("direction", ["bounded", ADVANTAGE.direction])
def test_the_pairs_of_classes_that_stand_out_are_kept_of_all_classes_together(direction):
    advantage = dataclasses.replace(ADVANTAGE, direction=direction, bound=1.5)
    rng = np.random.default_rng(4)
    scores, label = rng.normal(size=(2, 24, 3)), torch.arange(24) % 3
    kept = weigh_classes(scores, label.double(), margin=MARGIN, advantage=advantage, n_pairs=6).pairs
    pairs = [
        pair
        for number in range(3)
        for pair in weigh_pairs(
            scores[:, :, number],
            (label == number).double(),
            margin=MARGIN,
            advantage=advantage,
            n_pairs=10**4,
        ).pairs
    ]
    weights = sorted((pair.mean_weight for pair in pairs), reverse=direction != "bounded")
    found = sorted((pair.mean_weight for pair in kept), reverse=direction != "bounded")
    np.testing.assert_allclose(found[:6], weights[:6])


def test_no_two_groups_no_pair():
    scores = np.array([[0.3, 0.1]])
    found = weigh_pairs(scores, torch.tensor([1.0, 1.0]), margin=MARGIN, advantage=ADVANTAGE, n_pairs=5)
    assert found.pairs == ()
    assert found.pull_above.tolist() == [0, 0]


def test_a_wrong_label_is_pulled_at_most():
    """Scores tell the truth; one label was entered with the wrong sign."""
    scores, labels = scores_and_labels(60, seed=8)
    truth = labels.clone()
    wrong = int(truth.argmin())
    labels[wrong] = -truth[wrong]
    scores = truth.numpy() + 0.3 * (scores - truth.numpy())
    found = weigh_pairs(scores, labels, margin=MARGIN, advantage=ADVANTAGE, n_pairs=5)
    assert int((found.pull_above + found.pull_below).argmax()) == wrong
    assert found.pull_above[wrong] > 5 * found.pull_below[wrong]
    assert wrong in {pair.above for pair in found.pairs}


@pytest.fixture(scope="module")
def checkpoints() -> list[Checkpoint]:
    settings = TrainingSettings(
        epochs=2,
        batch_size=16,
        learning_rate=0.003,
        weight_decay=0.0,
        modality_dropout=0.0,
        precision="float32",
    )
    return [
        train_ranking(
            make_split("train", 70, seed=1),
            make_split("valid", 30, seed=2),
            seed=seed,
            network=NetworkSettings(fusion="attention_pooling", width=8, dropout=0.0),
            objective=objective_of(margin=MARGIN, advantage=ADVANTAGE),
            settings=settings,
            device="cpu",
            environment={},
        )
        for seed in (3, 4)
    ]


def test_the_record_names_segments_by_id_and_survives_its_file(checkpoints, tmp_path):
    train = make_split("train", 70, seed=1)
    record = find_hardest_pairs(
        checkpoints, train, margin=MARGIN, advantage=ADVANTAGE, device="cpu", n_pairs=12, n_segments=4
    )
    labels = dict(zip(train.ids, train.labels, strict=True))
    assert 12 <= len(record.pairs) <= 24
    assert all(labels[pair.above] > labels[pair.below] for pair in record.pairs)
    assert record.seeds == (3, 4)
    assert record.n_ranked == 4
    pulls = [segment.pull for segment in record.segments[:4]]
    assert pulls == sorted(pulls, reverse=True)
    assert {pair.above for pair in record.pairs} <= {segment.id for segment in record.segments}
    assert sum(segment.n_hardest for segment in record.segments) == 2 * len(record.pairs)
    assert all(0 < place < 1 for segment in record.segments for place in segment.order)
    assert all(segment.stands_out == (segment.pull > record.fence) for segment in record.segments)

    write_hardest_pairs(tmp_path / "h.json", record)
    back = read_hardest_pairs(tmp_path / "h.json")
    assert [(pair.above, pair.below) for pair in back.pairs] == [
        (pair.above, pair.below) for pair in record.pairs
    ]
    np.testing.assert_allclose([p.gap for p in back.pairs], [p.gap for p in record.pairs], atol=1e-6)
    assert dataclasses.replace(back, pairs=(), segments=(), fence=0.0, mean_pull=0.0) == dataclasses.replace(
        record, pairs=(), segments=(), fence=0.0, mean_pull=0.0
    )


def test_a_record_of_another_shape_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "h.json").write_text('{"pairs": [{"above": "a"}]}')
    with pytest.raises(
        PipelineError, match=r"h\.json: not a record of hard pairs .*make it anew by stage rank"
    ):
        read_hardest_pairs(tmp_path / "h.json")


@pytest.mark.parametrize("within", ["any", "speaker"])
def test_of_a_large_train_a_sample_is_weighed_and_the_record_says_of_how_many(checkpoints, within):
    train = make_split("train", 70, seed=1)
    train = dataclasses.replace(train, speaker=tuple(f"s{number % 2}" for number in range(70)))
    settings = {
        "margin": dataclasses.replace(MARGIN, within=within),
        "advantage": ADVANTAGE,
        "device": "cpu",
        "n_segments": 70,
    }
    n_compared = 70**2 / 2 if within == "any" else 2 * 35**2 / 2
    whole = find_hardest_pairs(checkpoints, train, n_weighed=round(n_compared), **settings)
    sample = find_hardest_pairs(checkpoints, train, n_weighed=round(n_compared / 4), **settings)

    assert (whole.n_segments, whole.n_train) == (70, 70)
    assert (sample.n_segments, sample.n_train) == (35, 70)
    assert sample.n_pairs < whole.n_pairs / 2
    assert len(sample.segments) <= 35
    # A place in the order is that among all of train.
    places = {segment.id: segment.order for segment in whole.segments}
    assert all(segment.order == places[segment.id] for segment in sample.segments)
    again = find_hardest_pairs(checkpoints, train, n_weighed=round(n_compared / 4), **settings)
    assert again == sample


def test_what_is_weighed_by_default_is_a_corpus_of_the_field():
    assert len(_draw_segments(20_000, None, n_pairs=N_WEIGHED)) == 20_000
    assert len(_draw_segments(700_000, None, n_pairs=N_WEIGHED)) == 20_000
