"""Several corpora become one without a name, a scale or a split getting lost."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.corpus.facts import Splits, facts_from, facts_to_yaml, read_facts
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.pool import mixes_of
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from pipeline.intake.facts import NOTHING_GIVEN, Given
from pipeline.intake.pooling import part_names, put_together

RAW = Path("data/raw")
THREE = {"kind": "regression", "min": -3.0, "max": 3.0, "protocol": "mosi"}
ONE = {"kind": "regression", "min": -1.0, "max": 1.0, "protocol": "sims", "groups": (-0.7, -0.1, 0.1, 0.7)}


def write_corpus(name: str, label: dict, values, *, language="en", splits=True, width=None, **facts) -> None:
    """A corpus of text in which every speaker has one segment, with the same ids as any other."""
    folder = RAW / name
    folder.mkdir(parents=True)
    parts = ["train"] * (len(values) - 2) + ["valid", "test"]
    header = "id,label,text,speaker,video" + (",split" if splits else "")
    rows = [
        f"s{number},{value},some words of {number},who{number},tape{number}" + (f",{part}" if splits else "")
        for number, (value, part) in enumerate(zip(values, parts, strict=True))
    ]
    (folder / "segments.csv").write_text("\n".join([header, *rows, ""]))
    if width is not None:
        np.savez(
            folder / "audio.npz",
            ids=[f"s{n}" for n in range(len(values))],
            values=np.ones((len(values), width)),
        )
        facts["features"] = {"audio": "audio.npz"}
    values = {"layout": "folder", "language": language, "labels": {"label": label}, **facts}
    (folder / "corpus.yaml").write_text(facts_to_yaml(facts_from(values, source=name)))


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_corpus("films", THREE, [-3.0, 1.5, 0.6, -1.2, 2.4])
    write_corpus("clips", ONE, [-1.0, 0.2, 0.7, -0.6], language="zh", licence="CC BY 4.0")
    return tmp_path


def pooled(*names: str, given: Given = NOTHING_GIVEN):
    converted = put_together(RAW, Path("pooled"), names=names, given=given)
    return converted, {row.id: row for row in LAYOUTS["pool"].read(Path("pooled"))}


def test_names_are_unique_by_part_and_labels_on_the_scale_of_the_first():
    converted, rows = pooled("films", "clips")
    assert len(rows) == 9
    row = rows["clips/s3"]
    assert (row.corpus, row.speaker, row.video, row.language) == ("clips", "clips/who3", "clips/tape3", "zh")
    assert [rows[f"clips/s{n}"].label for n in range(4)] == [-3.0, 0.6, 2.1, -1.8]
    assert [rows[f"films/s{n}"].label for n in range(5)] == [-3.0, 1.5, 0.6, -1.2, 2.4]
    assert len(converted.notes) == 1
    assert converted.notes[0].startswith("the labels of clips, from -1 to 1, are mapped linearly to -3 to 3")
    facts = read_facts(Path("pooled"))
    assert (facts.parts, facts.language, facts.licence) == (("films", "clips"), None, "clips: CC BY 4.0")
    assert facts.labels["label"].protocol == "mosi"


def test_the_order_of_the_parts_or_a_range_that_is_given_chooses_the_scale():
    _, rows = pooled("clips", "films")
    assert rows["films/s1"].label == 0.5
    _, rows = pooled("films", "clips", given=Given(label_min=0.0, label_max=1.0))
    assert (rows["films/s1"].label, rows["clips/s1"].label) == (0.75, 0.6)
    assert read_facts(Path("pooled")).labels["label"].protocol == "regression"


def test_each_part_keeps_its_split_and_one_without_is_drawn_by_itself():
    write_corpus("talks", THREE, [1.0, -1.0, 0.5, 2.0, -2.0, 0.1, 1.1, -0.4], splits=False)
    _, rows = pooled("films", "talks")
    splits = split_candidates(list(rows.values()), valid_share=0.25, test_share=0.25, split_seed=1)
    by_part = {
        part: Counter(split for id_, split in splits.items() if id_.startswith(part))
        for part in ("films", "talks")
    }
    assert by_part == {
        "films": {"train": 3, "valid": 1, "test": 1},
        "talks": {"train": 4, "valid": 2, "test": 2},
    }


def test_what_the_split_of_one_part_mixes_excuses_no_other():
    write_corpus("talks", THREE, [1.0, -1.0, 0.5, 2.0, -2.0, 0.1, 1.1, -0.4])
    facts = read_facts(RAW / "films")
    mixed = facts.model_copy(update={"splits": Splits(standard_mixes=("speaker", "video"))})
    (RAW / "films/corpus.yaml").write_text(facts_to_yaml(mixed))
    _, rows = pooled("films", "talks")
    mixes = mixes_of(read_facts(Path("pooled")), Path("pooled"), split="standard")
    assert mixes == {"films": ("speaker", "video"), "talks": ()}
    draw = {"valid_share": 0.25, "test_share": 0.25, "split_seed": 1, "mixes": mixes}
    for part, refused in (("films", False), ("talks", True)):
        alike = [
            replace(row, speaker=f"{part}/one", video=f"{part}/one") if row.corpus == part else row
            for row in rows.values()
        ]
        if refused:
            with pytest.raises(PipelineError, match="the speaker 'talks/one' is in"):
                split_candidates(alike, **draw)
        else:
            split_candidates(alike, **draw)


def test_features_of_one_width_are_joined_and_others_left_out_with_a_sentence():
    write_corpus("one", THREE, [1.0, 2.0, 0.0], width=2)
    write_corpus("two", THREE, [1.0, 2.0, 0.0, -1.0], width=2)
    write_corpus("wide", THREE, [1.0, 2.0, 0.0], width=5)
    converted, _ = pooled("one", "two")
    assert converted.notes == []
    assert read_facts(Path("pooled")).features.audio == "audio.npz"
    with np.load("pooled/audio.npz") as arrays:
        assert arrays["values"].shape == (7, 2)
        assert arrays["ids"].tolist()[2:4] == ["one/s2", "two/s0"]
    converted, _ = pooled("one", "wide")
    assert "those of one have 2 columns, those of wide 5" in converted.notes[0]
    converted, _ = pooled("one", "films")
    assert "films brings none" in converted.notes[0]
    assert read_facts(Path("pooled")).features.audio is None
    assert not Path("pooled/audio.npz").exists()


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("films",), "is one corpus; a pool needs at least two"),
        (("films", "clips", "films"), "films: is named twice"),
        (("films", "pooled"), "is the pool to be"),
        (("films", "clisp"), "no such corpus .*clips"),
        (("films", "away"), "is not here yet; fetch it by `dvc pull data/raw/away.dvc`"),
        (("films", "../films"), "is no name of a corpus"),
        (("films", "/etc"), "is no name of a corpus"),
        (("films", ""), "is no name of a corpus"),
    ],
)
def test_parts_that_are_none_are_refused(names, sentence):
    (RAW / "away.dvc").write_text("outs: []\n")
    with pytest.raises(PipelineError, match=sentence):
        part_names([Path(name) for name in names], raw=RAW, name="pooled")


def test_a_folder_below_the_raw_data_is_as_good_as_its_name():
    named = part_names([Path("data/raw/films/"), Path("clips")], raw=RAW, name="pooled")
    assert named == ("films", "clips")


def test_a_pool_is_no_part_of_a_pool():
    put_together(RAW, RAW / "both", names=("films", "clips"), given=NOTHING_GIVEN)
    with pytest.raises(
        PipelineError, match=r"both: is a pool itself; name its parts instead, which are films, clips"
    ):
        part_names([Path("both"), Path("films")], raw=RAW, name="pooled")


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ({"kind": "binary"}, "jokes: its label 'label' is of the kind binary"),
        (
            {"kind": "classes", "classes": ("calm", "angry")},
            "jokes: its label 'label' is of the kind classes",
        ),
    ],
)
def test_numbers_and_classes_cannot_be_pooled(label, sentence):
    write_corpus("jokes", label, [0, 1, 0, 1])
    with pytest.raises(PipelineError, match=sentence):
        pooled("films", "jokes")


def test_classes_are_pooled_where_they_are_the_same():
    calm = {"kind": "classes", "classes": ("calm", "angry")}
    write_corpus("first", calm, [0, 1, 0, 1])
    write_corpus("second", calm, [1, 0, 0, 1])
    write_corpus("third", {"kind": "classes", "classes": ("angry", "calm")}, [1, 0, 0, 1])
    _, rows = pooled("first", "second")
    assert [rows[f"second/s{n}"].label for n in range(4)] == [1, 0, 0, 1]
    with pytest.raises(
        PipelineError, match="third: its classes are angry, calm, those of the pool calm, angry"
    ):
        pooled("first", "third")


def test_a_label_outside_of_the_range_of_its_own_corpus_is_refused():
    write_corpus("loud", ONE, [-1.0, 2.5, 0.7])
    with pytest.raises(
        PipelineError, match=r"the label of 's1' is 2\.5; expected a number from -1\.0 to 1\.0"
    ):
        pooled("films", "loud")


@pytest.mark.parametrize("parts", [[], ["films"], ["films", "films"], ["films", "../clips"]])
def test_facts_of_a_pool_name_folders_that_differ(parts):
    values = {"layout": "pool", "parts": parts, "language": "en", "labels": {"label": THREE}}
    with pytest.raises(PipelineError, match="parts"):
        facts_from(values, source="corpus.yaml")


def test_only_a_pool_has_parts():
    values = {"layout": "folder", "parts": ["a", "b"], "language": "en", "labels": {"label": THREE}}
    with pytest.raises(PipelineError, match="parts is for layout pool"):
        facts_from(values, source="corpus.yaml")


def test_several_sources_are_for_a_pool_alone(capsys):
    assert main(["import", "folder", "data/raw/films", "data/raw/clips"]) == 1
    assert "layout folder is read from one" in capsys.readouterr().err
    assert main(["import", "pool", "films", "clips"]) == 1
    assert "a pool needs a name of its own; give it by --name" in capsys.readouterr().err


@pytest.mark.slow
def test_import_counts_the_segments_of_a_part_whose_split_is_yet_to_be_drawn(workspace, capsys):
    root = Path(__file__).parents[2]
    (workspace / "params.yaml").write_text((root / "params.yaml").read_text())
    for command in (("git", "init", "-q"), (sys.executable, "-m", "dvc", "init", "-q")):
        subprocess.run(command, check=True)
    write_corpus("talks", THREE, [-2.0, 1.5, 0.6, -1.2, 2.4, 1.0], splits=False)
    assert main(["import", "pool", "films", "talks", "--name", "pooled"]) == 0
    assert (
        "11 segments (3 train, 1 valid, 1 test, 6 with no split of their own: drawn by speaker or video)"
        in capsys.readouterr().out
    )


@pytest.mark.slow
def test_import_tracks_a_pool_and_the_first_stage_accepts_it(workspace):
    root = Path(__file__).parents[2]
    (workspace / "params.yaml").write_text((root / "params.yaml").read_text())

    def run(*command: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("git", "init", "-q")
    run(sys.executable, "-m", "dvc", "init", "-q")
    command = (sys.executable, "-m", "pipeline", "import", "pool", "films", "clips", "--name", "pooled")
    printed = run(*command)
    assert "9 segments (5 train, 2 valid, 2 test)" in printed
    assert Path("data/raw/pooled.dvc").is_file()
    assert run(*command) == printed.replace(
        "set cache.type to reflink,hardlink,copy in .dvc/config, so that the corpus is on the disk once\n", ""
    )
    run(sys.executable, "-m", "pipeline", "check", "pooled")
    text = Path("params.yaml").read_text().replace("name: demo", "name: pooled", 1)
    Path("params.yaml").write_text(text)
    run(sys.executable, "-m", "stages.manifest")
    segments = [json.loads(line) for line in Path("data/manifest/segments.jsonl").read_text().splitlines()]
    assert Counter(segment["corpus"] for segment in segments) == {"films": 5, "clips": 4}
    assert {segment["language"] for segment in segments if segment["corpus"] == "clips"} == {"zh"}
