"""Bad tables are refused with a sentence, unusable clips are listed with a reason, speakers stay in one split."""

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.corpus.segments import read_segments, write_segments
from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.folder import read_folder
from pipeline.corpus.inspection import Inspected, inspect_media, refuse_name
from pipeline.corpus.manifest import build_manifest, check_table, media_files, say_repeated_recordings
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from pipeline.media.probe import MediaInfo
from tests.tasks import BINARY, MOSI

FOLDER = PurePosixPath("data/raw/x")
DRAW = {"valid_share": 0.2, "test_share": 0.2, "split_seed": 1}


def media_info(duration_s=4.0, has_audio=True, has_video=True) -> MediaInfo:
    return MediaInfo(
        duration_s=duration_s,
        has_audio=has_audio,
        has_video=has_video,
        width=32,
        height=32,
        frame_rate_hz=25.0,
    )


def candidate(id_="a", **changes) -> Candidate:
    row = {
        "place": f"segments.csv, {id_}", "id": id_, "label": 0.5, "media": f"clips/{id_}.mp4", "text": "hello",
        "split": None, "speaker": None, "video": id_, "language": None, "start_s": None, "end_s": None, "words": (),
    }  # fmt: skip
    return Candidate(**(row | changes))


def build(candidates, infos=None, *, max_rejected_share=1.0, splits=None, language="en"):
    infos = infos or {}
    inspected = {
        name: infos.get(name, Inspected(media_info(), "0" * 64, None)) for name in media_files(candidates)
    }
    splits = splits or {row.id: ("train", "valid", "test")[k % 3] for k, row in enumerate(candidates)}
    return build_manifest(
        candidates,
        splits,
        folder=FOLDER,
        inspected=inspected,
        language=language,
        max_rejected_share=max_rejected_share,
    )


THREE = [candidate("a"), candidate("b"), candidate("c")]


def table(tmp_path: Path, text: str, words: str | None = None) -> Path:
    (tmp_path / "segments.csv").write_text(text, encoding="utf-8")
    if words is not None:
        (tmp_path / "words.csv").write_text(words, encoding="utf-8")
    return tmp_path


def test_reads_the_table(tmp_path):
    folder = table(
        tmp_path,
        '\ufeffid,label,media,text,split,speaker,start_s,end_s\n001, -1.5 ,m.mp4,"Yes, really.",train,NA,1,2.5\n',
        "id,word,start_s,end_s\n001,Yes,1.1,1.4\n",
    )
    (row,) = read_folder(folder)
    assert (row.id, row.label, row.text, row.speaker) == ("001", -1.5, "Yes, really.", "NA")
    assert (row.start_s, row.end_s, row.video) == (1.0, 2.5, "m.mp4")
    assert row.words == (Word("Yes", 1.1, 1.4),)


def test_finds_media_by_id_whatever_its_extension(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.webm").touch()
    rows = read_folder(table(tmp_path, "id,label\na,1\nb,1\n"))
    assert [row.media for row in rows] == ["clips/a.webm", "clips/b.mp4"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,text\na,b\n", r"is missing 'label'; expected a label, or label_1, label_2"),
        ("id,label,lable\na,1,1\n", r"does not know the column 'lable'"),
        ("id,label\na,high\nb,1\n", r"segments\.csv, line 2: label is 'high'; expected a number"),
        ("id,label\n", r"has no rows"),
        ("", r"segments\.csv: is empty"),
    ],
)
def test_a_bad_table_is_a_sentence(tmp_path, text, sentence):
    with pytest.raises(PipelineError, match=sentence):
        read_folder(table(tmp_path, text))


def test_a_table_in_another_encoding_is_a_sentence(tmp_path):
    (tmp_path / "segments.csv").write_bytes("id,label,text\na,1,caf\xe9\n".encode("latin-1"))
    with pytest.raises(
        PipelineError, match=r"segments\.csv, line 2: the byte 0xe9 is no text in utf-8.*Latin-1"
    ):
        read_folder(tmp_path)


def test_a_missing_folder_or_table_is_a_sentence(tmp_path):
    with pytest.raises(PipelineError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(PipelineError, match=r"segments\.csv: not found"):
        read_folder(tmp_path)


def test_a_duplicate_id_names_both_places():
    with pytest.raises(PipelineError, match=r"'a' was used before, at segments\.csv, a"):
        check_table([candidate("a"), candidate("a")], task=MOSI)


@pytest.mark.parametrize("label", [3.2, float("nan"), float("inf")])
def test_a_label_out_of_range_is_refused(label):
    with pytest.raises(PipelineError, match=r"expected a number from -3\.0 to 3\.0"):
        check_table([candidate("a", label=label)], task=MOSI)


def test_an_empty_id_is_refused():
    with pytest.raises(PipelineError, match="id is empty"):
        check_table([candidate("")], task=MOSI)


def test_unusable_media_is_rejected_with_its_reason_and_the_rest_goes_on():
    segments, rejections = build(
        [*THREE, candidate("d")], {"clips/d.mp4": Inspected(None, None, "clips/d.mp4: zero bytes")}
    )
    assert [segment.id for segment in segments] == ["a", "b", "c"]
    assert [(row.id, row.reason) for row in rejections] == [("d", "clips/d.mp4: zero bytes")]


def test_too_many_rejections_fail_with_the_count_and_the_first_reason():
    infos = {"clips/d.mp4": Inspected(None, None, "clips/d.mp4: zero bytes")}
    with pytest.raises(PipelineError, match=r"1 of 4 segments cannot be used.*= 0\.2 allows.*zero bytes"):
        build([*THREE, candidate("d")], infos, max_rejected_share=0.2)


@pytest.mark.parametrize(("named", "code"), [("eng", "en"), ("zho", "zh"), ("yue", "yue"), (None, None)])
def test_the_language_of_a_corpus_has_one_code(named, code):
    rows = [candidate(id_, language=None if named else "fr") for id_ in "abc"]
    segments, _ = build(rows, language=named)
    assert {segment.language for segment in segments} == {code or "fr"}


def test_a_split_without_segments_is_refused():
    with pytest.raises(PipelineError, match="split 'valid' has no usable segments"):
        build(THREE, splits={"a": "train", "b": "train", "c": "test"})


def test_a_span_outside_the_media_is_rejected_and_a_rounded_one_is_cut():
    rows = [*THREE, candidate("late", start_s=5.0, end_s=6.0), candidate("round", start_s=1.0, end_s=4.3)]
    segments, rejections = build(rows)
    assert [row.id for row in rejections] == ["late"]
    assert "which lasts 4.00 s" in rejections[0].reason
    assert next(s for s in segments if s.id == "round").end_s == 4.0


def test_words_become_relative_to_the_segment():
    words = (Word("before", 0.0, 0.5), Word("in", 1.2, 1.5), Word("over", 2.9, 3.4))
    segments, _ = build([*THREE, candidate("w", start_s=1.0, end_s=3.0, words=words)])
    spoken = next(s for s in segments if s.id == "w").timed_words
    assert [(w.text, round(w.start_s, 6), round(w.end_s, 6)) for w in spoken] == [
        ("in", 0.2, 0.5),
        ("over", 1.9, 2.0),
    ]


def test_a_segment_without_media_lives_by_its_transcript():
    segments, rejections = build([*THREE, candidate("t", media=None), candidate("n", media=None, text=None)])
    silent = next(s for s in segments if s.id == "t")
    assert (silent.media, silent.has_audio, silent.has_video) == (None, False, False)
    assert [row.id for row in rejections] == ["n"]


@pytest.mark.parametrize(
    ("changes", "has_length"),
    [
        ({}, False),
        ({"start_s": 2.0}, False),
        ({"start_s": 2.0, "end_s": 3.0}, True),
        ({"end_s": 1.0}, True),
        ({"words": (Word("one", 0.0, 1.0),)}, True),
        ({"cues": (Cue("one", 0.0, 1.0),)}, True),
        ({"media": "clips/a.mp4"}, True),
    ],
)
def test_the_manifest_tells_a_second_from_a_length_that_nobody_gave(changes, has_length, tmp_path):
    rows = [candidate("a", **({"media": None} | changes)), *THREE[1:]]
    segments, _ = build(rows, {"clips/a.mp4": Inspected(media_info(1.0), "0" * 64, None)})
    write_segments(tmp_path / "segments.jsonl", segments)
    (found, *_) = read_segments(tmp_path / "segments.jsonl")
    assert (found.duration_s, found.has_length) == (1.0, has_length)


def test_the_corpus_split_is_kept():
    rows = [candidate("a", split="train"), candidate("b", split="valid"), candidate("c", split="test")]
    assert split_candidates(rows, **DRAW) == {"a": "train", "b": "valid", "c": "test"}


def test_an_unknown_split_or_half_a_split_is_refused():
    with pytest.raises(PipelineError, match="split is 'dev'; expected train, valid, test"):
        split_candidates([candidate("a", split="dev")], **DRAW)
    with pytest.raises(PipelineError, match="fill all or none"):
        split_candidates([candidate("a", split="train"), candidate("b")], **DRAW)


@pytest.mark.parametrize("kind", ["speaker", "video"])
def test_nobody_is_in_two_splits(kind):
    rows = [candidate("a", split="train", **{kind: "x"}), candidate("b", split="test", **{kind: "x"})]
    with pytest.raises(PipelineError, match=f"the {kind} 'x' is in test and train"):
        split_candidates(rows, **DRAW)


@given(
    speakers=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    shares=st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4)),
    seed=st.integers(0, 5),
)
def test_a_drawn_split_is_by_speaker_seeded_and_never_empty(speakers, shares, seed):
    rows = [candidate(f"s{k}", speaker=f"p{who}") for k, who in enumerate(speakers)]
    draw = {"valid_share": shares[0], "test_share": shares[1], "split_seed": seed}
    n_wanted = sum(max(1, round(share * len(set(speakers)))) for share in shares)
    if len(set(speakers)) <= n_wanted:
        with pytest.raises(PipelineError, match="too few: no two of the three splits"):
            split_candidates(rows, **draw)
        return
    splits = split_candidates(rows, **draw)
    assert splits == split_candidates(rows[::-1], **draw)
    owners = {}
    for row in rows:
        assert owners.setdefault(row.speaker, splits[row.id]) == splits[row.id]
    assert set(splits.values()) == {"train", "valid", "test"}


@pytest.mark.parametrize(
    "name",
    ["../secret.mp4", "/etc/passwd", "clips/../../x.mp4", "C:\\x.mp4", "\\x.mp4", "clips\\..\\..\\x.mp4"],
)
def test_media_cannot_leave_the_corpus_folder(tmp_path, name):
    assert "leads out of the corpus folder" in str(inspect_media(name, folder=tmp_path).reason)


def test_a_link_out_of_the_corpus_folder_is_refused_and_one_into_the_cache_of_dvc_is_not(
    tmp_path, monkeypatch
):
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet", "--no-scm"], check=True)
    cached = repository / ".dvc/cache/files/md5/ab" / ("c" * 30)
    looks_cached = tmp_path / "elsewhere/files/md5/ab" / ("c" * 30)
    for path in (tmp_path / "outside.mp4", cached, looks_cached):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.mp4").symlink_to(tmp_path / "outside.mp4")
    (folder / "b.mp4").symlink_to(cached)
    (folder / "c.mp4").symlink_to(looks_cached)
    assert "outside of the corpus folder" in str(refuse_name("a.mp4", folder=folder))
    assert refuse_name("a.mp4", folder=folder, links=True) is None
    assert refuse_name("b.mp4", folder=folder) is None
    assert "outside of the corpus folder" in str(refuse_name("c.mp4", folder=folder))


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_a_reason(name, tmp_path):
    assert refuse_name(name, folder=tmp_path) is not None


@pytest.mark.parametrize("name", ["视频 é.mp4", "-dash.mp4", "a" * 251 + ".mp4", "a: b.mp4"])
def test_an_unusual_name_is_a_name(name, tmp_path):
    (tmp_path / name).touch()
    assert refuse_name(name, folder=tmp_path) is None


def test_several_annotators_give_a_mean_and_a_spread(tmp_path):
    rows = read_folder(table(tmp_path, "id,label_1,label_2,label_3\na,1,2,3\nb,1,,\nc,2,,1\n"))
    assert [(row.label, row.spread) for row in rows] == [
        (2.0, 1.0),
        (1.0, None),
        (1.5, pytest.approx(0.5**0.5)),
    ]


def test_a_label_stands_before_the_mean_of_the_annotators(tmp_path):
    (row,) = read_folder(table(tmp_path, "id,label,label_1,label_2\na,0.4,0,1\n"))
    assert (row.label, row.spread) == (0.4, pytest.approx(0.5**0.5))


def test_labels_by_name_are_kept_beside_the_label(tmp_path):
    first, second = read_folder(
        table(tmp_path, "id,text,label,label_text,label_audio\na,hi,1,0.5,-1\nb,hi,1,,2\n")
    )
    assert first.other_labels == {"text": 0.5, "audio": -1.0}
    assert second.other_labels == {"audio": 2.0}
    segments, _ = build(
        [candidate("v"), first, candidate("w")], splits={"a": "train", "v": "valid", "w": "test"}
    )
    assert segments[0].other_labels == first.other_labels


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,text\na,hello\n", "is missing 'label'"),
        ("id,label_1,label_2\na,,\n", "label is ''; expected a number"),
        ("id,label_1\na,1\nb,good\n", "label_1 is 'good'; expected a number"),
    ],
)
def test_a_segment_that_nobody_labelled(tmp_path, text, sentence):
    with pytest.raises(PipelineError, match=sentence):
        read_folder(table(tmp_path, text))


def test_separators_of_windows_are_read(tmp_path):
    folder = table(tmp_path, "id,label,media\na,1,clips\\a.mp4\nb,1,clips\\b.mp4\n")
    (folder / "clips").mkdir()
    (folder / "clips/a.mp4").touch()
    (folder / "clips\\b.mp4").touch()
    assert [row.media for row in read_folder(folder)] == ["clips/a.mp4", "clips\\b.mp4"]


def test_what_the_field_leaves_out_is_listed_and_is_no_loss():
    rows = [*THREE, candidate("d", label=99.0, excluded="outside")]
    check_table(rows, task=MOSI)
    segments, rejections = build(
        rows, max_rejected_share=0.0, splits={"a": "train", "b": "valid", "c": "test"}
    )
    assert len(segments) == 3
    assert [(rejection.id, rejection.reason) for rejection in rejections] == [("d", "outside")]


def test_train_and_test_alone_get_a_valid_part_by_speaker():
    rows = [
        candidate(f"{speaker}{n}", speaker=speaker, split="test" if speaker == "e" else "train")
        for speaker in "abcde"
        for n in range(2)
    ]
    splits = split_candidates(rows, **DRAW)
    valid = {row.speaker for row in rows if splits[row.id] == "valid"}
    assert len(valid) == 1
    assert all(splits[row.id] == "valid" for row in rows if row.speaker in valid)
    assert splits == split_candidates(rows[::-1], **DRAW)


def test_a_drawn_split_ignores_that_of_the_corpus():
    rows = [candidate(name, split="train") for name in "abcde"]
    assert set(split_candidates(rows, split="drawn", **DRAW).values()) == {"train", "valid", "test"}


def test_missing_and_broken_media_have_a_reason(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert "not found" in str(inspect_media("none.mp4", folder=tmp_path).reason)
    assert "empty.mp4" in str(inspect_media("empty.mp4", folder=tmp_path).reason)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_class_is_a_label_of_a_binary_task(label):
    check_table([candidate("a", label=label)], task=BINARY)


@pytest.mark.parametrize("label", [0.5, 2.0, -1.0])
def test_any_other_label_of_a_binary_task_is_refused_with_its_line(label):
    with pytest.raises(
        PipelineError, match=rf"csv, a: the label of 'a' is {label}; expected 0 or 1, .*binary"
    ):
        check_table([candidate("a", label=label)], task=BINARY)


def test_two_classes_under_regression_are_refused_with_the_task_to_set():
    rows = [candidate("a", label=0.0), candidate("b", label=1.0)]
    with pytest.raises(PipelineError, match=r"segments\.csv: every label is 0 or 1.*set it to binary"):
        check_table(rows, task=MOSI)
    check_table(rows, task=BINARY)
    check_table([*rows, candidate("c", label=0.5)], task=MOSI)


def test_one_recording_under_two_names_in_two_splits_is_told(capsys):
    infos = {
        f"clips/{name}.mp4": Inspected(media_info(), digest * 64, None)
        for name, digest in {"a": "1", "b": "1", "c": "2", "d": "1"}.items()
    }
    segments, _ = build(
        [*THREE, candidate("d")], infos, splits={"a": "train", "b": "test", "c": "valid", "d": "train"}
    )
    say_repeated_recordings(segments)
    warning = capsys.readouterr().err
    assert "clips/a.mp4 ('a', train) and data/raw/x/clips/b.mp4 ('b', test) are the same recording" in warning
    say_repeated_recordings([segment for segment in segments if segment.split == "train"])
    assert capsys.readouterr().err == ""
