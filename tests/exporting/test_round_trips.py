"""What `export` writes comes back whole by `import` alone: features, labels, splits, ids, whose each segment is, and raters."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.__main__ import main
from pipeline.align.splits import align_segment
from pipeline.artifacts.corpus.segments import SPLITS
from pipeline.commands.import_ import _convert_exported
from pipeline.corpus.facts import Facts, facts_from, read_facts
from pipeline.corpus.labels import label_chosen
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.manifest import build_manifest, check_table
from pipeline.corpus.pool import mixes_of
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from pipeline.exporting.arrays import export_arrays, exported_facts
from pipeline.exporting.mmsa import export_mmsa
from pipeline.exporting.reading import is_exported, read_tables
from pipeline.exporting.tables import export_tables
from pipeline.extract.precomputed import read_precomputed
from pipeline.extract.words.locate import WordSettings, locate_words
from pipeline.intake.facts import find_facts
from tests.exporting.examples import DIMS, make_extracted
from tests.extract.word_settings import WITHOUT_MODELS
from tests.stages.repositories import ROOT

pytestmark = pytest.mark.slow

WORDS = {**WITHOUT_MODELS, "aligner": "proportional", "recogniser": "none"}
CLASSES = ("neutral", "joy", "anger")
REGRESSION = {"kind": "regression", "min": -3.0, "max": 3.0, "protocol": "mosi"}
ACTED = {"kind": "classes", "classes": CLASSES, "meaning": "what was acted"}


def make(*, classes: bool = False):
    """Segments of which everything is said: raters, ratings, a trusted label, further labels, languages, odd names."""
    extracted = make_extracted()
    segments = []
    for number, segment in enumerate(extracted.segments):
        label = (-2.4, 0.0, 1.2, 0.5)[number // 3]
        ratings = {"ann": label - 0.5, "=bob": label + 0.5} if number % 2 else {}
        segments.append(
            replace(
                segment,
                label=float(number // 3 % 3) if classes else label,
                speaker=f"+{segment.speaker}",
                language=("en", "es")[number % 2],
                other_labels={"text": number / 8, "valence": -number / 4} if number % 3 else {"text": 0.5},
                ratings={} if classes else ratings,
                rater=None if ratings and not classes else f"rater {number % 2}",
                label_spread=None if classes else 0.5**0.5 if ratings else 0.25,
                trusted=number % 4 == 0,
            )
        )
    return replace(extracted, segments=tuple(segments))


def facts_of(*, classes: bool = False, label: str = "label") -> Facts:
    values = {
        "layout": "mosi",
        "language": "en",
        "labels": {
            "label": ACTED if classes else REGRESSION,
            "text": REGRESSION,
            "valence": REGRESSION | {"groups": [0.5]},
        },
        "licence": "CC0-1.0",
        "prescribed": True,
        "splits": {"origin": "by show", "standard_mixes": ["video"], "folds_mix": ["speaker"]},
    }
    facts = facts_from(values, source="test")
    return exported_facts(facts, facts.task(label, source="test"))


def written(form: str, folder: Path, *, classes: bool = False):
    """What `import folder` finds of an export, whose folder is as the import would leave it."""
    extracted, facts = make(classes=classes), facts_of(classes=classes)
    if form == "npz":
        export_arrays(extracted, folder / "corpus", classes=CLASSES if classes else (), facts=facts)
    else:
        export_tables(extracted, folder / "exported", facts=facts)
        _convert_exported(folder / "exported", folder / "corpus")
    return extracted, facts


def brought_in(folder: Path, layout: str = "folder"):
    candidates = LAYOUTS[layout].read(folder)
    facts = find_facts(layout, candidates, folder).facts
    task = facts.task(None, source="test")
    candidates = label_chosen(candidates, task)
    check_table(candidates, task=task)
    splits = split_candidates(
        candidates,
        valid_share=0.2,
        test_share=0.2,
        split_seed=1,
        mixes=mixes_of(facts, folder, split="standard"),
    )
    segments, rejected = build_manifest(
        candidates,
        splits,
        folder=PurePosixPath("x"),
        inspected={},
        language=facts.language,
        max_rejected_share=0.0,
    )
    assert rejected == []
    sequences = {
        modality: read_precomputed(
            modality, segments, folder=folder, layout=layout, name=facts.precomputed(modality, None)
        )
        for modality in DIMS
    }
    spoken = {segment.id: locate_words(segment, WordSettings(**WORDS)) for segment in segments}
    return {segment.id: segment for segment in segments}, spoken, sequences, facts


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("form", ["npz", "datasets"])
def test_all_that_is_known_of_a_segment_comes_back(form, classes, tmp_path):
    extracted, facts = written(form, tmp_path, classes=classes)
    segments, spoken, sequences, found = brought_in(tmp_path / "corpus")
    assert found == facts
    assert list(segments) == [segment.id for segment in extracted.segments]
    n_kept = None if form == "npz" else extracted.align["max_words"]
    for before in extracted.segments:
        after = segments[before.id]
        for name in (
            "split", "label", "speaker", "video", "language", "start_s", "end_s", "other_labels", "ratings", "rater",
            "trusted", "label_spread",
        ):  # fmt: skip
            assert getattr(after, name) == getattr(before, name), name
        assert (after.text or "") == (before.text or "")
        assert spoken[before.id].words == extracted.spoken[before.id].words[:n_kept]
    assert all(sequences[modality].columns == extracted.sequences[modality].columns for modality in DIMS)


@pytest.mark.parametrize("form", ["npz", "datasets"])
def test_features_come_back_to_the_bit_on_the_words(form, tmp_path):
    extracted, _ = written(form, tmp_path)
    segments, spoken, sequences, _ = brought_in(tmp_path / "corpus")
    for split in SPLITS:
        for before, expected in extracted.aligned(split):
            rows = {modality: sequences[modality][before.id] for modality in DIMS}
            found = align_segment(segments[before.id], spoken[before.id], rows, **extracted.align)
            for modality in DIMS:
                assert np.array_equal(found.features[modality], expected.features[modality]), before.id
                assert np.array_equal(found.valid[modality], expected.valid[modality])


def test_arrays_have_the_same_bytes_after_a_round_trip(tmp_path):
    extracted, facts = written("npz", tmp_path)
    segments, spoken, sequences, _ = brought_in(tmp_path / "corpus")
    again = replace(extracted, segments=tuple(segments.values()), spoken=spoken, sequences=sequences)
    export_arrays(again, tmp_path / "again", facts=facts)
    for path in (tmp_path / "corpus").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_tables_have_the_same_bytes_after_a_round_trip(tmp_path):
    extracted, facts = written("datasets", tmp_path)
    segments, spoken, sequences, _ = brought_in(tmp_path / "corpus")
    again = replace(extracted, segments=tuple(segments.values()), spoken=spoken, sequences=sequences)
    export_tables(again, tmp_path / "again", facts=facts)
    read, _ = read_tables(tmp_path / "exported")
    for before, after in zip(read.segments, read_tables(tmp_path / "again")[0].segments, strict=True):
        # A transcript that is not there comes back as one that is empty.
        assert replace(after, text=after.text or None) == before
    for modality in DIMS:
        first, second = (
            pa.concat_tables(
                pq.read_table(path, columns=["id", modality, f"{modality}_valid"])
                for path in sorted((tmp_path / name / "data").iterdir())
            )
            for name in ("exported", "again")
        )
        assert first.equals(second)


def test_rows_that_are_rare_stay_moments_or_stretches(tmp_path):
    """A row per half second stands for its moment where it was extracted so, and for a stretch where it was given so."""
    extracted = make()
    for spans in (False, True):
        sequences = dict(extracted.sequences)
        for modality in ("audio", "visual"):
            packed = extracted.sequences[modality]
            stretches = np.stack([packed.times_s - 0.5, packed.times_s + 0.5], axis=1)
            sequences[modality] = replace(packed, spans_s=stretches if spans else None)
        export_arrays(replace(extracted, sequences=sequences), tmp_path / f"{spans}", facts=facts_of())
        _, _, found, _ = brought_in(tmp_path / f"{spans}")
        for modality in ("audio", "visual"):
            for id_ in found[modality].ids:
                before, after = sequences[modality][id_].spans_s, found[modality][id_].spans_s
                has_rows = len(sequences[modality][id_].values) > 0
                assert (before is None) == (after is None) == (not (spans and has_rows))
                assert before is None or np.array_equal(before, after)


@pytest.mark.parametrize("classes", [False, True])
def test_a_pickle_for_mmsa_comes_back_with_what_its_form_holds(classes, tmp_path):
    extracted = make(classes=classes)
    names = CLASSES if classes else ()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    export_mmsa(extracted, tmp_path / "one/a.pkl", unaligned=False, binary=False, classes=names)
    segments, spoken, sequences, facts = brought_in(tmp_path / "one", "mmsa")
    task = facts.task(None, source="test")
    assert task.classes == names
    for before in extracted.segments:
        after = segments[f"{before.video}$_${before.id}"]
        assert (after.label, after.split, after.video) == (before.label, before.split, before.video)
        assert after.other_labels == {"text": pytest.approx(before.other_labels["text"])}
    # Once more: what is an id of the field stays as it is, and nothing else changes either.
    again = replace(extracted, segments=tuple(segments.values()), spoken=spoken, sequences=sequences)
    export_mmsa(again, tmp_path / "two/a.pkl", unaligned=False, binary=False, classes=task.classes)
    found, _, rows, _ = brought_in(tmp_path / "two", "mmsa")
    assert found == segments
    for modality in DIMS:
        assert np.array_equal(rows[modality].values, sequences[modality].values)


def test_the_label_that_another_was_chosen_in_place_of_comes_back_under_a_name_of_its_own(tmp_path):
    extracted = make()
    segments = [
        replace(segment, label=0.25, other_labels={"label": segment.label, "text": 0.5})
        for segment in extracted.segments
    ]
    facts = facts_of(label="valence")
    export_arrays(replace(extracted, segments=tuple(segments)), tmp_path / "corpus", facts=facts)
    candidates = LAYOUTS["folder"].read(tmp_path / "corpus")
    assert set(facts.labels) == {"label", "default", "text"}
    assert facts.labels["label"].groups == (0.5,)
    chosen = label_chosen(candidates, facts.task("default", source="test"))
    assert {row.id: row.label for row in chosen} == {row.id: row.label for row in extracted.segments}


def test_the_split_of_the_run_is_the_standard_one_with_what_it_may_mix():
    facts = facts_from(
        {
            "layout": "mustard",
            "language": "en",
            "labels": {"label": {"kind": "binary"}},
            "splits": {"folds_mix": ["speaker"]},
        },
        source="test",
    )
    task = facts.task(None, source="test")
    assert exported_facts(facts, task).splits.standard_mixes == ()
    assert exported_facts(facts, task, split="fold_1").splits.standard_mixes == ("speaker",)


def test_the_command_brings_in_a_folder_of_parquet_files(tmp_path, monkeypatch, capsys):
    extracted, facts = make(), facts_of()
    export_tables(extracted, tmp_path / "exported", facts=facts)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    assert main(["import", "folder", "exported", "--name", "back"]) == 0
    assert "12 segments (4 train, 4 valid, 4 test)" in capsys.readouterr().out
    assert read_facts(Path("data/raw/back")) == facts
    segments, _, _, _ = brought_in(tmp_path / "data/raw/back")
    assert len(segments) == len(extracted.segments)


def test_parquet_that_is_damaged_or_of_somebody_else_is_a_sentence(tmp_path):
    export_tables(make(), tmp_path / "set", facts=facts_of())
    assert is_exported(tmp_path / "set")
    train, valid, _ = (
        tmp_path / f"set/data/{name}-00000-of-00001.parquet" for name in ("train", "validation", "test")
    )
    whole = train.read_bytes()
    for content, sentence in (
        (whole[: len(whole) // 2], "cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"", "cannot be read"),
    ):
        train.write_bytes(content)
        with pytest.raises(PipelineError, match=sentence) as raised:
            read_tables(tmp_path / "set")
        assert str(train) in str(raised.value)
    pq.write_table(pa.table({"text": ["hi"], "label": [1]}), train)
    with pytest.raises(PipelineError, match="does not say what its features are; expected a file of"):
        read_tables(tmp_path / "set")
    train.write_bytes(whole)
    table = pq.read_table(train)
    pq.write_table(table.drop_columns(["words"]), train)
    with pytest.raises(PipelineError, match="is none of an export"):
        read_tables(tmp_path / "set")
    train.write_bytes(whole)
    valid.unlink()
    with pytest.raises(PipelineError, match=r"holds no data/validation-\*\.parquet"):
        read_tables(tmp_path / "set")
