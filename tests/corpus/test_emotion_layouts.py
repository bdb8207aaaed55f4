"""Corpora of emotions are read as they unpack: classes by number, further labels by name, who speaks, and which part."""

from collections import Counter
from pathlib import PurePosixPath

import pytest

from pipeline.corpus.facts import facts_from
from pipeline.corpus.labels import label_chosen
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.manifest import check_table
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from tests.corpus.replicas import CHINESE, N_SEGMENTS, REPLICAS, clips, put, write

EMOTIONAL = ("meld", "iemocap", "mer2023", "cremad", "ravdess")


def read(name, folder):
    REPLICAS[name](folder)
    return {row.id: row for row in LAYOUTS[name].read(folder)}


def chosen(rows, name, label):
    """The rows of a layout with the label of this name as the one to learn."""
    return label_chosen(rows, facts(name).task(label, source="params.yaml"))


def facts(name):
    return facts_from({"layout": name, **LAYOUTS[name].facts}, source=name)


@pytest.mark.parametrize("name", EMOTIONAL)
def test_every_label_of_the_facts_can_be_learnt_and_every_label_of_the_rows_is_described(name, tmp_path):
    rows = list(read(name, tmp_path).values())
    known = facts(name)
    for label in known.labels:
        learnt = chosen(rows, name, label)
        check_table(learnt, task=known.task(label, source="params.yaml"))
        assert any(row.excluded is None for row in learnt)
    assert {other for row in rows for other in row.other_labels} <= set(known.labels)


@pytest.mark.parametrize("name", EMOTIONAL)
def test_all_segments_are_there_with_their_media_and_what_is_said(name, tmp_path):
    used = [row for row in read(name, tmp_path).values() if row.excluded is None]
    assert len(used) == N_SEGMENTS[name]
    assert all((tmp_path / row.media).is_file() for row in used)
    assert all(row.text for row in used)


@pytest.mark.parametrize("name", EMOTIONAL)
def test_a_split_can_be_had(name, tmp_path):
    rows = list(read(name, tmp_path).values())
    splits = split_candidates(
        rows,
        valid_share=0.2,
        test_share=0.2,
        split_seed=1,
        mixes={None: facts(name).splits.mixes("standard")},
    )
    assert set(splits.values()) == {"train", "valid", "test"}


def test_meld_has_its_emotions_and_no_misread_apostrophe(tmp_path):
    rows = read("meld", tmp_path)
    assert [rows[f"train_dia0_utt{n}"].label for n in range(2)] == [1.0, 0.0]
    assert rows["dev_dia0_utt0"].label == 3.0
    assert rows["dev_dia0_utt0"].other_labels == {"sentiment": 0.0}
    row = rows["test_dia0_utt1"]
    assert row.text.startswith("It’s: ")
    assert (row.split, row.speaker, row.video) == ("test", "Ross", "test_dia0")
    assert row.media == "output_repeated_splits_test/dia0_utt1.mp4"
    write(
        tmp_path / "dev_sent_emo.csv", (tmp_path / "dev_sent_emo.csv").read_text().replace("Anger", "angst")
    )
    with pytest.raises(
        PipelineError, match=r"dev_sent_emo\.csv, line 2: Emotion is 'angst'; expected neutral, joy"
    ):
        LAYOUTS["meld"].read(tmp_path)


def test_iemocap_has_four_classes_six_and_three_dimensions(tmp_path):
    rows = read("iemocap", tmp_path)
    row = rows["Ses01F_impro01_M000"]
    assert (row.label, row.speaker, row.video, row.split, row.fold) == (
        3.0,
        "Ses01M",
        "Ses01F_impro01",
        "train",
        1,
    )
    assert row.media == "IEMOCAP_full_release/Session1/dialog/avi/DivX/Ses01F_impro01.avi"
    assert (row.start_s, row.end_s) == (0.2, 1.2)
    assert row.other_labels == {"six": 2.0, "valence": 2.5, "activation": 3.0, "dominance": 4.0}
    frustrated = rows["Ses05F_impro01_M001"]
    assert "the emotion 'fru' is none of the four classes" in frustrated.excluded
    # It has a label where another one is learnt.
    assert {row.id for row in chosen(list(rows.values()), "iemocap", "six") if row.excluded is None} == set(
        rows
    )
    moved = next(row for row in chosen(list(rows.values()), "iemocap", "valence") if row.id == frustrated.id)
    assert (moved.label, moved.excluded) == (2.5, None)
    assert "label" not in moved.other_labels


def test_iemocap_without_its_videos_takes_the_sound_of_each_turn(tmp_path):
    read("iemocap", tmp_path)
    session = tmp_path / "IEMOCAP_full_release/Session1"
    (session / "dialog/avi/DivX/Ses01F_impro01.avi").unlink()
    put(clips()[0], session / "sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav")
    rows = {row.id: row for row in LAYOUTS["iemocap"].read(tmp_path)}
    row = rows["Ses01F_impro01_F000"]
    assert PurePosixPath(row.media).name == "Ses01F_impro01_F000.wav"
    assert (row.start_s, row.end_s) == (None, None)


def test_mer2023_tests_on_its_test_sets(tmp_path):
    rows = read("mer2023", tmp_path)
    assert Counter(row.split for row in rows.values()) == {"train": 12, "test": 2}
    row = rows["sample_00000012"]
    assert (row.label, row.other_labels, row.media) == (1.0, {"valence": -3.5}, "test1/sample_00000012.avi")
    assert (rows["sample_00000013"].other_labels, rows["sample_00000001"].text) == ({}, CHINESE[1])


def test_cremad_takes_pictures_before_sound_and_no_tie(tmp_path):
    rows = read("cremad", tmp_path)
    row = rows["1001_ITH_ANG_HI"]
    assert (row.label, row.speaker, row.text) == (1.0, "actor 1001", "I think I have a doctor's appointment")
    assert row.media == "VideoFlash/1001_ITH_ANG_HI.flv"
    assert row.other_labels == {"voice": 1.0, "face": 1.0, "perceived": 1.0, "intensity": 3.0}
    assert rows["1002_ITH_DIS_XX"].other_labels == {"voice": 2.0, "face": 2.0}


def test_ravdess_takes_each_performance_once_and_leaves_out_what_is_sung(tmp_path):
    rows = read("ravdess", tmp_path)
    assert rows["01-01-02-02-01-01-02"].label == 1.0
    assert rows["01-01-02-02-01-01-02"].other_labels == {"intensity": 1.0}
    assert rows["03-01-06-01-01-01-03"].speaker == "actor 03"
    assert "is sung, not spoken" in rows["01-02-01-01-01-01-01"].excluded
    assert len(rows) == N_SEGMENTS["ravdess"] + 1


@pytest.mark.parametrize("name", EMOTIONAL)
def test_a_folder_of_something_else_is_refused_with_a_sentence(name, tmp_path):
    with pytest.raises(PipelineError, match=f"^{tmp_path}: holds no "):
        LAYOUTS[name].read(tmp_path)


def test_emotions_of_mosei_can_be_learnt(tmp_path):
    REPLICAS["mosei"](tmp_path)
    known = facts("mosei")
    rows = chosen(LAYOUTS["mosei"].read(tmp_path), "mosei", "happiness")
    check_table(rows, task=known.task("happiness", source="params.yaml"))
    assert {row.label for row in rows} == {0.0, 2.0}


def test_the_labels_of_one_modality_of_sims_can_be_learnt(tmp_path):
    REPLICAS["sims"](tmp_path)
    rows = LAYOUTS["sims"].read(tmp_path)
    for label in ("text", "visual"):
        assert any(row.excluded is None for row in chosen(rows, "sims", label))
