"""Each layout is read as its corpus unpacks, with the oddities that the published files have."""

import json
import pickle
import shutil
from collections import Counter

import h5py
import numpy as np
import pytest

from pipeline.artifacts.corpus.words import Word
from pipeline.corpus.facts import Splits
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from tests.corpus.replicas import LABELS, N_SEGMENTS, REPLICAS, VIDEOS, clips, label_csv, put, write_csd

DRAW = {"valid_share": 0.2, "test_share": 0.2, "split_seed": 1}


@pytest.fixture
def replica(tmp_path):
    def make(name: str):
        REPLICAS[name](tmp_path)
        return tmp_path

    return make


def mixes_of(name: str, split: str):
    """What the published split of this layout may have in two parts."""
    return {None: Splits.model_validate(LAYOUTS[name].facts.get("splits", {})).mixes(split)}


def by_id(name: str, folder):
    return {candidate.id: candidate for candidate in LAYOUTS[name].read(folder)}


@pytest.mark.parametrize("name", REPLICAS)
def test_every_replica_has_its_segments_and_their_media(name, replica):
    folder = replica(name)
    used = [row for row in LAYOUTS[name].read(folder) if row.excluded is None]
    assert len({row.id for row in used}) == len(used) == N_SEGMENTS[name]
    assert all((folder / row.media).is_file() for row in used)
    assert all(row.text for row in used)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_of_something_else_is_refused_with_a_sentence(name, tmp_path):
    with pytest.raises(PipelineError, match=str(tmp_path)):
        LAYOUTS[name].read(tmp_path)


# The others publish folds, a part of a split, or none.
@pytest.mark.parametrize("name", sorted(REPLICAS.keys() - {"mustard", "mer2023", "cremad", "ravdess"}))
def test_the_standard_split_is_taken(name, replica):
    rows = LAYOUTS[name].read(replica(name))
    splits = split_candidates(rows, **DRAW, mixes=mixes_of(name, "standard"))
    assert Counter(splits.values()) == {"train": N_SEGMENTS[name] - 4, "valid": 2, "test": 2}


def test_mosi_has_the_split_of_the_sdk_by_video(replica):
    rows = by_id("mosi", replica("mosi"))
    assert [rows[f"{video}$_$1"].split for video in VIDEOS["mosi"]] == [
        "train", "train", "valid", "valid", "test", "test",
    ]  # fmt: skip


def test_a_video_outside_of_the_standard_split_is_excluded_and_told(replica):
    folder = replica("mosi")
    sequences = {video: ([[0.0, 1.0]], [[0.5]]) for video in (VIDEOS["mosi"][0], "unheard_of")}
    write_csd(folder / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", sequences)
    rows = by_id("mosi", folder)
    assert rows[f"{VIDEOS['mosi'][0]}$_$1"].excluded is None
    assert "unheard_of: is in no part of the standard split" in rows["unheard_of$_$1"].excluded


def test_other_videos_than_those_of_mosi_have_no_standard_split(tmp_path):
    write_csd(tmp_path / "My_Labels.csd", "labels", {"mine": ([[0.0, 1.0]], [[0.5]])})
    (row,) = LAYOUTS["mosi"].read(tmp_path)
    assert (row.split, row.excluded, row.media) == (None, None, None)


def test_words_of_the_video_become_words_of_the_clip(replica):
    row = by_id("mosi", replica("mosi"))[f"{VIDEOS['mosi'][0]}$_$1"]
    words = clips()[0]["text"].upper().split()
    assert [word.text for word in row.words] == words
    assert row.words[0] == Word(words[0], 0.2, 0.4)
    assert (row.start_s, row.end_s) == (None, None)
    assert row.media == f"Video/Segmented/{VIDEOS['mosi'][0]}_1.mp4"


def test_a_label_of_mosei_finds_its_transcript_by_time(replica):
    rows = by_id("mosei", replica("mosei"))
    second = rows["-3g5yACwYnA$_$11"]
    assert (second.text, second.label) == ("and that is it", LABELS[0])
    assert (second.start_s, second.end_s) == (0.9000001, 1.8)
    assert second.media == "Raw/Videos/Full/Combined/-3g5yACwYnA.mp4"


def test_a_label_of_mosei_without_a_transcript_is_never_put_to_another_clip(replica):
    """Clips are numbered from 0, and those without a label have numbers too: a guess would show the wrong one."""
    folder = replica("mosei")
    shutil.rmtree(folder / "Raw/Transcript")
    rows = LAYOUTS["mosei"].read(folder)
    assert {row.media for row in rows} == {f"Raw/Videos/Full/Combined/{row.video}.mp4" for row in rows}
    assert all(row.start_s is not None for row in rows)
    for full in (folder / "Raw/Videos/Full/Combined").iterdir():
        for clip in range(3):
            put(clips()[0], folder / f"Raw/Videos/Segmented/Combined/{full.stem}_{clip}.mp4")
    shutil.rmtree(folder / "Raw/Videos/Full")
    rows = LAYOUTS["mosei"].read(folder)
    assert all("no line of a transcript has its times" in row.excluded for row in rows)


def test_a_label_whose_times_are_in_no_line_has_an_id_of_its_own(replica):
    folder = replica("mosei")
    file = folder / "Raw/Transcript/Segmented/Combined/-3g5yACwYnA.txt"
    file.write_text(file.read_text().replace("___10___0.0___0.9___", "___2___0.0___0.7___"))
    rows = [row.id for row in LAYOUTS["mosei"].read(folder) if row.video == "-3g5yACwYnA"]
    assert rows == ["-3g5yACwYnA$_$11", "-3g5yACwYnA$_$0s"]


@pytest.mark.parametrize("mode", [",mode", ""])
def test_the_standard_split_is_that_of_the_folds_where_the_table_names_none(mode, tmp_path):
    rows = "".join(f"{video},1,words,0.5{',' if mode else ''}\n" for video in ("one", "two", "three", "four"))
    (tmp_path / "label.csv").write_text(f"video_id,clip_id,text,label{mode}\n{rows}")
    folds = {"train": ["one"], "valid": ["two"], "test": ["three"]}
    (tmp_path / "standard_folds.json").write_text(json.dumps(folds))
    found = {row.video: row for row in LAYOUTS["mosei"].read(tmp_path)}
    assert [found[video].split for video in ("one", "two", "three")] == ["train", "valid", "test"]
    assert "is in no part of the standard split" in found["four"].excluded


def test_the_emotions_of_mosei_are_other_labels(replica):
    rows = by_id("mosei", replica("mosei"))
    assert rows["-3g5yACwYnA$_$10"].other_labels == {
        "happiness": 2, "sadness": 0, "anger": 0, "surprise": 0, "disgust": 0, "fear": 0,
    }  # fmt: skip


def test_a_video_whose_name_ends_with_the_separator_keeps_it(replica):
    assert "abcdefghij_$_$10" in by_id("mosei", replica("mosei"))


def test_a_file_of_folds_is_read_and_never_run(replica):
    folder = replica("mosei")
    (folder / "cmu_mosei_std_folds.py").write_text(
        "import os\nos.abort()\nstandard_train_fold = list('ab')\n"
    )
    with pytest.raises(PipelineError, match="not the SDK's file of folds"):
        LAYOUTS["mosei"].read(folder)


@pytest.mark.parametrize("name", ["mosi", "mosei"])
def test_the_table_of_mmsa_serves_for_the_corpora_of_cmu(name, tmp_path):
    label_csv(tmp_path, unimodal=False, encoding="utf-8", zeros=True)
    row = by_id(name, tmp_path)["video_0001$_$0001"]
    assert (row.label, row.split, row.other_labels) == (0.5, "train", {})
    assert row.media == "Raw/video_0001/0001.mp4"


def test_a_sequence_that_lies_in_another_file_is_not_followed(tmp_path):
    write_csd(tmp_path / "elsewhere.h5", "labels", {"v": ([[0.0, 1.0]], [[0.5]])})
    with h5py.File(tmp_path / "My_Labels.csd", "w") as file:
        file["labels/data/v/intervals"] = np.asarray([[0.0, 1.0]])
        file["labels/data/v/features"] = h5py.ExternalLink("elsewhere.h5", "/labels/data/v/features")
    with pytest.raises(PipelineError, match="has no features of its own"):
        LAYOUTS["mosi"].read(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("x = " + "-" * 200_000 + "1", "not the SDK's file of folds"),
        ("x = " + "1 + " * 100_000 + "1", "not the SDK's file of folds"),
        ("#" * (1 << 23), "has 8,388,608 bytes; expected a text file of at most 4,194,304"),
    ],
)
def test_folds_that_would_exhaust_what_parses_them_are_refused(replica, content, sentence):
    folder = replica("mosei")
    (folder / "cmu_mosei_std_folds.py").write_text(content)
    with pytest.raises(PipelineError, match=sentence):
        LAYOUTS["mosei"].read(folder)


def test_the_labels_of_one_modality_are_other_labels(replica):
    row = by_id("sims", replica("sims"))["video_0001$_$0001"]
    assert (row.label, row.other_labels) == (0.5, {"text": 0.5, "visual": -0.5})


def test_a_table_in_gb_18030_without_leading_zeros_is_read(replica):
    row = by_id("simsv2", replica("simsv2"))["video_0001$_$1"]
    assert row.text == "我不想嫁给李茶, 真的"
    assert row.media == "Raw/video_0001/0001.mp4"


def test_a_clip_without_a_label_is_excluded(replica):
    row = by_id("simsv2", replica("simsv2"))["aqgy4$_$00023"]
    assert row.excluded.endswith("meta.csv, line 8: has no label")


def test_two_clips_of_one_number_are_ambiguous(replica):
    folder = replica("simsv2")
    put(clips()[0], folder / "Raw/video_0001/01.mp4")
    with pytest.raises(PipelineError, match="'1' could be 0001 or 01"):
        LAYOUTS["simsv2"].read(folder)


def test_the_split_of_sims_mixes_videos_and_a_drawn_one_does_not(replica):
    rows = [row for row in LAYOUTS["sims"].read(replica("sims")) if row.excluded is None]
    with pytest.raises(PipelineError, match="the video 'video_000"):
        split_candidates(rows, **DRAW)
    drawn = split_candidates(rows, split="drawn", **DRAW)
    assert all(
        len({drawn[row.id] for row in rows if row.video == video}) == 1 for video in {r.video for r in rows}
    )


def test_mustard_tests_on_one_show_and_draws_valid_by_speaker(replica):
    rows = LAYOUTS["mustard"].read(replica("mustard"))
    splits = split_candidates(rows, **DRAW)
    assert [splits[row.id] for row in rows].count("test") == 2
    assert {splits[row.id] for row in rows[8:]} == {"test"}
    assert sorted(splits[row.id] for row in rows[:8]) == ["train"] * 6 + ["valid"] * 2


@pytest.mark.parametrize("fold", range(1, 6))
def test_a_published_fold_of_mustard_is_the_test_part(fold, replica):
    folder = replica("mustard")
    rows = LAYOUTS["mustard"].read(folder)
    with (folder / "data/split_indices.p").open("rb") as file:
        expected = pickle.load(file)[fold - 1][1]
    splits = split_candidates(rows, split=f"fold_{fold}", **DRAW, mixes=mixes_of("mustard", f"fold_{fold}"))
    assert {row.id for row in rows if splits[row.id] == "test"} == {rows[int(k)].id for k in expected}
    assert set(splits.values()) == {"train", "valid", "test"}


def test_a_fold_that_the_corpus_does_not_have(replica):
    folder = replica("mustard")
    (folder / "data/split_indices.p").unlink()
    with pytest.raises(PipelineError, match=r"'fold_1', but it comes with no folds"):
        split_candidates(LAYOUTS["mustard"].read(folder), split="fold_1", **DRAW)


def test_people_whom_a_show_does_not_name_count_as_one(replica):
    rows = LAYOUTS["mustard"].read(replica("mustard"))
    assert list(dict.fromkeys(row.speaker for row in rows)) == [
        "SHELDON", "unnamed of BBT", "DOROTHY", "unnamed of GOLDENGIRLS", "ROSS", "unnamed of FRIENDS",
    ]  # fmt: skip


def test_a_misread_apostrophe_of_mustard_is_repaired(replica):
    rows = LAYOUTS["mustard"].read(replica("mustard"))
    assert rows[0].text.startswith("It\u2019s fine.")


def test_a_pickle_with_code_is_refused_and_not_run(replica):
    folder = replica("mustard")
    evil = b"cos\nsystem\n(S'touch " + str(folder / "harm").encode() + b"'\ntR."
    (folder / "data/split_indices.p").write_bytes(evil)
    with pytest.raises(PipelineError, match=r"os\.system"):
        LAYOUTS["mustard"].read(folder)
    assert not (folder / "harm").exists()


def test_times_of_the_talk_become_times_of_the_clip(replica):
    row = by_id("urfunny", replica("urfunny"))["7"]
    assert (row.start_s, row.words[0].start_s) == (0.6, 0.6)
    assert row.end_s == pytest.approx(0.6 + 0.15 * len(row.words))


def test_times_of_the_clip_stay_as_they_are(replica):
    folder = replica("urfunny")
    with (folder / "language_sdk.pkl").open("rb") as file:
        language = pickle.load(file)
    language[7] |= {"punchline_intervals": [[0.8, 1.0], [1.0, 1.4]], "context_intervals": [[[0.3, 0.8]]]}
    (folder / "language_sdk.pkl").write_bytes(pickle.dumps(language))
    row = by_id("urfunny", folder)["7"]
    assert (row.start_s, row.end_s) == (0.8, 1.4)
    assert row.words == ()  # two intervals, another number of words


def test_folds_and_table_of_different_versions_are_refused(replica):
    folder = replica("mustard")
    table = folder / "data/sarcasm_data.json"
    rows = json.loads(table.read_text())
    rows.pop("1_0")
    table.write_text(json.dumps(rows))
    with pytest.raises(PipelineError, match="test on 10 rows, but the table has 9"):
        LAYOUTS["mustard"].read(folder)
