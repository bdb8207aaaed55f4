"""The corpus on disk, and folds that no speaker crosses."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mustard.corpus import N_FOLDS, assign_folds, speaker_groups, split_of, write_corpus
from pipeline.corpus.folder import read_folder
from pipeline.corpus.manifest import check_table
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from tests.tasks import BINARY

SHARED = Path(
    os.environ.get("GRCF_SHARED_DATA", Path(__file__).parents[4] / "shared/data")
) / "mustard"  # fmt: skip

TABLE = "utterance_id,text,speaker,show,context,sarcasm\n" + "".join(
    f'{speaker}_{n},"Oh, {n}",{speaker},{show},before ||| that,{n % 2}\n'
    for speaker, show in (
        ("ANNA", "A"), ("BEN", "A"), ("CLEO", "B"), ("DAN", "B"), ("EVE", "B"), ("PERSON", "A"), ("PERSON1", "A"), ("PERSON", "B"),
    )
    for n in range(3 if not speaker.startswith("PERSON") else 1)
).replace("PERSON_0,", "PERSON_x,", 1)  # fmt: skip


def test_unnamed_speakers_of_a_show_may_be_the_same():
    speaker = pd.Series(["ANNA", "PERSON", "PERSON1", "PERSON", "PERSONA"])
    show = pd.Series(["A", "A", "A", "B", "B"])
    assert speaker_groups(speaker, show).tolist() == [
        "ANNA",
        *["unnamed of A"] * 2,
        "unnamed of B",
        "PERSONA",
    ]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=80),
    st.randoms(),
)
def test_no_speaker_is_in_two_folds_and_the_order_of_the_rows_does_not_matter(rows, random):
    speaker = np.array([f"speaker {number}" for number, _ in rows])
    label = np.array([float(one) for _, one in rows])
    folds = assign_folds(speaker, label)
    assert all(len(set(folds[speaker == name])) == 1 for name in speaker)
    shuffled = np.array(random.sample(range(len(rows)), len(rows)))
    assert np.array_equal(assign_folds(speaker[shuffled], label[shuffled]), folds[shuffled])


def test_folds_of_equal_speakers_are_equal_in_both_classes():
    speaker = np.repeat([f"speaker {n}" for n in range(10)], 4)
    folds = assign_folds(speaker, np.tile([0.0, 1.0], 20))
    assert np.bincount(folds).tolist() == [8] * N_FOLDS


def test_every_fold_is_tested_once_and_valid_once():
    roles = np.array([[split_of(fold, tested) for fold in range(N_FOLDS)] for tested in range(N_FOLDS)])
    for role, n in (("test", 1), ("valid", 1), ("train", N_FOLDS - 2)):
        assert ((roles == role).sum(axis=0) == n).all()
        assert ((roles == role).sum(axis=1) == n).all()


def accepted(folder: Path):
    candidates = read_folder(folder)
    check_table(candidates, task=BINARY)
    split_candidates(candidates, valid_share=0.1, test_share=0.1, split_seed=1)
    return candidates


def test_the_corpus_is_one_that_the_manifest_accepts_and_has_no_media(tmp_path):
    (tmp_path / "utterances.csv").write_text(TABLE)
    write_corpus(tmp_path, tmp_path / "corpus")
    candidates = accepted(tmp_path / "corpus")
    assert len(candidates) == 18
    assert {candidate.media for candidate in candidates} == {None}
    assert {candidate.label for candidate in candidates} == {0.0, 1.0}
    assert candidates[0].text == "Oh, 0"


def test_a_missing_table_is_a_sentence(tmp_path):
    with pytest.raises(
        PipelineError, match=r"utterances\.csv is missing; name the folder that holds MUStARD"
    ):
        write_corpus(tmp_path, tmp_path / "corpus")


def test_another_table_is_a_sentence(tmp_path):
    (tmp_path / "utterances.csv").write_text("utterance_id,text\n1,a\n")
    with pytest.raises(PipelineError, match="the column 'speaker' is missing"):
        write_corpus(tmp_path, tmp_path / "corpus")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"MUStARD is not at {SHARED}; set GRCF_SHARED_DATA")
def test_the_real_table_is_balanced_as_far_as_its_speakers_are(tmp_path):
    write_corpus(SHARED, tmp_path)
    candidates = accepted(tmp_path)
    assert len(candidates) == 690
    assert sum(candidate.label for candidate in candidates) == 345
    folds = assign_folds(
        np.array([each.speaker for each in candidates]), np.array([each.label for each in candidates])
    )
    # One speaker alone has 158 segments, 120 of them ones.
    assert np.bincount(folds).min() > 690 / N_FOLDS * 0.85
    assert np.bincount(folds).max() < 190
