"""From the tables of MOSI to the corpus layout."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.mosi.corpus import write_corpus
from pipeline.corpus.folder import read_folder
from pipeline.errors import PipelineError


@pytest.fixture
def source(tmp_path):
    pd.DataFrame(
        {
            "segment_id": ["v_1", "v_2"],
            "video_id": ["v", "v"],
            "start_s": [10.0, 14.0],
            "end_s": [12.0, 15.0],
            "text": ["SO GOOD", "NO"],
            "label": [2.4, -1.0],
            "split": ["train", "test"],
        }
    ).to_csv(tmp_path / "segments.csv", index=False)
    pd.DataFrame(
        {
            "video_id": ["v"] * 5,
            "word": ["before", "so", "sp", "good", "no"],
            "start_s": [8.0, 9.9, 10.5, 11.0, 14.1],
            "end_s": [9.0, 10.4, 11.0, 12.2, 14.6],
        }
    ).to_csv(tmp_path / "words.csv", index=False)
    np.savez(
        tmp_path / "audio_utterance_features.npz",
        segment_id=["v_1", "v_2"],
        hubert_proj256=np.ones((2, 3), np.float32),
    )
    return tmp_path


def test_words_belong_to_the_segment_that_holds_their_middle(source, tmp_path):
    write_corpus(source, tmp_path / "corpus")
    first, second = read_folder(tmp_path / "corpus")
    assert [(word.text, word.start_s, word.end_s) for word in first.words] == [
        ("so", 0.0, 0.4),
        ("good", 1.0, 2.0),
    ]
    assert [(word.text, word.start_s) for word in second.words] == [("no", pytest.approx(0.1))]


def test_segments_keep_label_split_and_speaker(source, tmp_path):
    write_corpus(source, tmp_path / "corpus")
    first = read_folder(tmp_path / "corpus")[0]
    assert (first.label, first.split, first.speaker, first.start_s, first.end_s) == (
        2.4,
        "train",
        "v",
        0.0,
        2.0,
    )


def test_a_missing_file_is_a_sentence(source, tmp_path):
    (source / "words.csv").unlink()
    with pytest.raises(PipelineError, match=r"words\.csv is missing"):
        write_corpus(source, tmp_path / "corpus")
