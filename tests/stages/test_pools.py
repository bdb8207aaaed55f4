"""Two small corpora of text with scales of their own go in as a pool and through all stages, trained on each of them."""

import csv
import json
import random
import statistics
import sys
from pathlib import Path

import pytest

from pipeline.artifacts.evaluated.by_corpus import read_corpus_metrics
from pipeline.artifacts.evaluated.predictions import read_predictions
from tests.stages.repositories import TOY, Repository, make_repository

pytestmark = pytest.mark.slow

POOL, OTHER = "zwei-in_1", "kurz.2"
GOOD, BAD = ("great", "lovely", "wonderful", "superb"), ("awful", "dull", "terrible", "boring")
SETTINGS = (
    f"corpus.name={POOL}",
    "training.seeds=[7,8]",
    "evaluate.missing_rates=[]",
    "evaluate.noise_scales=[]",
)
"""What makes a run short, beside what every small repository has."""
CROSS = (sys.executable, "-m", "pipeline", "cross")


def rows_of(split_sizes: dict[str, int], *, low: float, high: float, seed: int) -> list[dict[str, str]]:
    """Sentences whose label is how many of their words are good; every speaker has two."""
    rng = random.Random(seed)
    rows = []
    for split, n in split_sizes.items():
        for number in range(n):
            n_good = number % 5
            words = rng.choices(GOOD, k=n_good) + rng.choices(BAD, k=4 - n_good)
            rows.append(
                {
                    "id": f"{split} {number}",
                    "label": f"{low + (high - low) * n_good / 4:g}",
                    "text": f"It was {', '.join(words)}.",
                    "speaker": f"{split} {number // 2}",
                    "split": split,
                }
            )
    return rows


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with a pool of labels from -3 to 3 and from 0 to 1, in which nothing was run."""
    first = rows_of({"train": 20, "valid": 10, "test": 14}, low=-3, high=3, seed=1)
    repository = make_repository(tmp_path_factory.mktemp("pool") / "repository", first, {})
    table = repository.path.parent / "other.csv"
    with table.open("w", newline="") as file:
        second = rows_of({"train": 15, "valid": 10, "test": 12}, low=0, high=1, seed=2)
        writer = csv.DictWriter(file, list(second[0]))
        writer.writeheader()
        writer.writerows(second)
    command = (sys.executable, "-m", "pipeline", "import")
    span = ("--label-min", "0", "--label-max", "1")
    repository.run(*command, "folder", str(table), "--name", OTHER, "--language", "en", *span)
    printed = repository.run(*command, "pool", TOY, OTHER, "--name", POOL).stdout
    assert f"the labels of {OTHER}, from 0 to 1, are mapped linearly to -3 to 3" in printed
    repository.set_params(*SETTINGS)
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-q", "-m", "a pool")
    return repository


@pytest.fixture(scope="module")
def crossed(pool: Repository) -> Repository:
    """The repository after a run on each part."""
    ended = pool.run(*CROSS, "--json")
    assert "[2/2] cross-" in ended.stderr
    cells = json.loads(ended.stdout)["cells"]
    assert {(*cell["trained_on"], cell["measured_on"]) for cell in cells} == {
        (trained_on, measured_on) for trained_on in (TOY, OTHER) for measured_on in (TOY, OTHER)
    }
    return pool


def test_what_is_trained_on_one_scale_orders_the_other_and_is_calibrated_by_a_few_labels(crossed):
    ended = crossed.run(*CROSS, "--test", "--calibrate-with", "6", "--json")
    assert "2 of 2 are there already" in ended.stderr
    found = json.loads(ended.stdout)
    assert (found["pool"], found["split"], found["calibrated_on"]) == (POOL, "test", "valid")
    sizes = {TOY: 14, OTHER: 12}
    assert {(cell["measured_on"], cell["n_segments"], cell["unit"]) for cell in found["cells"]} == {
        (corpus, n, "speaker") for corpus, n in sizes.items()
    }
    assert {(cell["metric"], cell["n_labels"]) for cell in found["cells"]} == {
        ("mae", None),
        ("mae", 6),
        ("pearson", None),
        ("ordered_pair_accuracy", None),
    }


def test_the_run_on_one_part_saw_its_labels_alone_and_reports_both(crossed, tmp_path):
    (name,) = crossed.run(*CROSS, "--train", OTHER, "--dry-run").stdout.splitlines()
    repository = crossed.copy(tmp_path / "repository")
    repository.run("dvc", "exp", "apply", name.removesuffix("  (there already)"))
    reports = repository.path / "reports"
    splits = {split.split: split for split in read_predictions(reports / "predictions.csv")}
    sizes = {"valid": (10, 10), "test": (14, 12)}
    for name, split in splits.items():
        assert tuple(split.corpus.count(corpus) for corpus in (TOY, OTHER)) == sizes[name]
        assert all(id_.startswith(f"{corpus}/") for id_, corpus in zip(split.ids, split.corpus, strict=True))
    # The constant is of the labels that trained: those of the second corpus, on the scale of the first.
    segments = (repository.path / "data/manifest/segments.jsonl").read_text().splitlines()
    trained = [
        row["label"]
        for row in map(json.loads, segments)
        if row["split"] == "train" and row["corpus"] == OTHER
    ]
    assert len(trained) == 15
    assert {min(trained), max(trained)} == {-3.0, 3.0}
    assert set(splits["test"].models["median"].ravel()) == {statistics.median(trained)}
    measured = read_corpus_metrics(reports / "by_corpus.csv")
    assert {(row.split, row.corpus, row.n_segments) for row in measured} == {
        (name, corpus, n)
        for name, found in sizes.items()
        for corpus, n in zip((TOY, OTHER), found, strict=True)
    }
    assert {row.unit for row in measured} == {"speaker"}
    text = section(reports / "report.md", "Corpus by corpus")
    assert f"| {OTHER} | yes | 12 | GRCF |" in text
    assert f"| {TOY} | no | 14 | GRCF |" in text


def section(report: Path, heading: str) -> str:
    _, _, rest = report.read_text().partition(f"## {heading}\n")
    return rest.partition("\n## ")[0]
