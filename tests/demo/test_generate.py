"""The corpus in the repository keeps its contract and is the one that the design describes."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

import av
import numpy as np
import pytest

from demo.design import corpus
from demo.generate import COLUMNS, main, write_facts, write_segments
from pipeline.corpus.facts import read_facts

CORPUS = Path(__file__).parents[2] / "data" / "raw" / "demo"
CLIPS = sorted((CORPUS / "clips").glob("*.mp4"))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (CORPUS / "segments.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_columns_of_the_contract_and_no_other(rows):
    assert tuple(rows[0]) == COLUMNS == ("id", "media", "speaker", "split", "label", "text")


def test_the_table_is_what_the_design_writes(tmp_path):
    write_segments(corpus(), tmp_path / "segments.csv")
    assert (tmp_path / "segments.csv").read_bytes() == (CORPUS / "segments.csv").read_bytes()


def test_another_folder_gets_the_facts_without_which_no_run_can_name_it_and_keeps_its_own(tmp_path):
    write_facts(tmp_path / "corpus.yaml")
    assert read_facts(tmp_path) == read_facts(CORPUS)
    (tmp_path / "corpus.yaml").write_text("layout: folder\n")
    write_facts(tmp_path / "corpus.yaml")
    assert (tmp_path / "corpus.yaml").read_text() == "layout: folder\n"


def test_the_folder_holds_the_clips_of_the_table_and_nothing_that_gives_the_design_away(rows):
    found = {path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*") if path.is_file()}
    assert found == {row["media"] for row in rows} | {"segments.csv", "README.md", "corpus.yaml"}


def test_the_corpus_is_small_enough_for_git():
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) <= 9e6


def test_every_speaker_has_16_clips_and_is_in_one_split(rows):
    assert set(Counter(row["speaker"] for row in rows).values()) == {16}
    splits_of = defaultdict(set)
    for row in rows:
        splits_of[row["speaker"]].add(row["split"])
    assert Counter(split for (split,) in splits_of.values()) == {"train": 6, "valid": 2, "test": 2}


def test_no_sentence_is_said_twice(rows):
    assert max(Counter(row["text"].casefold() for row in rows).values()) == 1


def test_labels_are_means_of_five_whole_ratings(rows):
    labels = np.array([float(row["label"]) for row in rows])
    assert np.abs(labels).max() <= 3
    np.testing.assert_allclose(labels * 5, np.rint(labels * 5), atol=1e-9)


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_a_clip_decodes_to_two_to_four_seconds_of_pictures_and_sound(path):
    with av.open(str(path)) as file:
        assert file.metadata.keys() <= {"major_brand", "minor_version", "compatible_brands", "encoder"}
        (video,), (audio,) = file.streams.video, file.streams.audio
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        rate_hz, n_frames, blocks = audio.rate, 0, []
        for frame in file.decode(video, audio):
            if isinstance(frame, av.VideoFrame):
                assert (frame.width, frame.height) == (320, 240)
                n_frames += 1
            else:
                blocks.append(frame.to_ndarray())
    samples = np.concatenate(blocks, axis=1)[0]
    assert 2 * 25 <= n_frames <= 4 * 25
    # The last AAC frame is padded to 1024 samples.
    assert abs(len(samples) / rate_hz - n_frames / 25) < 0.1
    assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.3
    assert np.mean(np.abs(samples) > 0.999) < 1e-3


def test_a_clip_that_does_not_exist_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path), "--only", "s01_01", "s99_01"])
    assert "no such clip: s99_01" in capsys.readouterr().err
