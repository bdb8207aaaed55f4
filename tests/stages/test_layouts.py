"""A miniature of each published corpus comes in by `import` and goes through the real first stage; some through all."""

import json
import shlex
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.mosi.corpus import write_corpus
from pipeline.artifacts.corpus.segments import SPLITS
from pipeline.artifacts.features.shards import read_sequences
from pipeline.corpus.layouts import LAYOUTS
from stages import align, audio, manifest, text, visual, words
from tests.corpus.replicas import N_SEGMENTS, REPLICAS
from tests.stages.repositories import Repository, make_repository, toy_rows

pytestmark = pytest.mark.slow

NAME = "kleiner-korpus"

TWINS = {
    "folder": "the study of tests/scaffold",
    "mosei": "mosi, and iemocap for segments of longer recordings",
    "simsv2": "sims",
    "urfunny": "mustard",
    "meld": "iemocap",
    "mer2023": "iemocap",
    "cremad": "iemocap",
    "ravdess": "iemocap",
}
"""Layouts that run to the last features, for what comes after sees the same kinds of labels and segments in their twin."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository in which nothing was run; its own corpus is not used."""
    repository = make_repository(tmp_path_factory.mktemp("layouts") / "repository", *toy_rows())
    repository.set_params("training.seeds=[7,8]", "evaluate.missing_rates=[]", "evaluate.noise_scales=[]")
    # Or each import would start DVC once more to set it.
    repository.run("dvc", "config", "cache.type", "hardlink,copy")
    repository.run("git", "commit", "-qam", "two seeds, undamaged")
    return repository


@pytest.fixture(scope="module")
def imports(empty, tmp_path_factory) -> Callable[[str], tuple[Repository, list[str]]]:
    """A repository with the miniature of a layout, and what import says to run next; each is brought in once."""

    @cache
    def bring_in(layout: str) -> tuple[Repository, list[str]]:
        folder = tmp_path_factory.mktemp(layout)
        REPLICAS[layout](folder / "source")
        repository = empty.copy(folder / "repository")
        command = (sys.executable, "-m", "pipeline", "import", layout, str(folder / "source"))
        printed = repository.run(*command, "--name", NAME).stdout
        (line,) = [
            line for line in printed.splitlines() if line.strip().startswith("git restore params.yaml && ")
        ]
        return repository, shlex.split(line.partition(" && ")[2])

    return bring_in


@pytest.fixture(params=REPLICAS)
def imported(request, imports, tmp_path) -> tuple[str, Repository, list[str]]:
    """Layout, a repository with its miniature, and what import says to run next."""
    repository, command = imports(request.param)
    return request.param, repository.copy(tmp_path / "repository"), list(command)


def set_as_printed(repository: Repository, command: list[str]) -> None:
    assert command[:3] == ["dvc", "exp", "run"]
    assert set(command[3::2]) == {"-S"}
    repository.set_params(*command[4::2])


def segments(repository: Repository) -> list[dict]:
    lines = (repository.path / "data/manifest/segments.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def check_coverage(repository: Repository, layout: str) -> None:
    coverage = json.loads((repository.path / "reports/coverage.json").read_text())
    assert coverage["segments"] == N_SEGMENTS[layout]
    assert all(row["valid_words"] > 0 for row in coverage["modalities"] if row["modality"] != "visual")


def test_the_first_stage_accepts_what_import_brought_with_the_settings_that_it_printed(imported):
    layout, repository, command = imported
    assert (repository.path / f"data/raw/{NAME}.dvc").is_file()
    set_as_printed(repository, command)
    warnings = repository.stage("manifest").stderr
    assert (
        "videos are in two splits, because the published split has it so" in warnings
    ) == layout.startswith("sims")
    found = segments(repository)
    assert len(found) == N_SEGMENTS[layout]
    assert {segment["split"] for segment in found} == {"train", "valid", "test"}
    assert all(segment["has_video"] and segment["has_audio"] for segment in found)
    further = {name for segment in found for name in segment.get("other_labels", ())}
    described = LAYOUTS[layout].facts.get("labels", {}).keys() - {"label"}
    assert further <= described
    assert bool(further) == bool(described)


@pytest.mark.parametrize("imported", ["mustard"], indirect=True)
def test_a_published_fold_is_tested_on_though_it_shares_speakers(imported):
    _, repository, command = imported
    table = repository.path / f"data/raw/{NAME}/data/sarcasm_data.json"
    rows = json.loads(table.read_text())
    for row in rows.values():
        row["speaker"] = "SHELDON"
    table.unlink()  # the file may be a link into the cache
    table.write_text(json.dumps(rows))
    set_as_printed(repository, [*command, "-S", "manifest.split=fold_1"])
    assert "speakers are in two splits" in repository.stage("manifest").stderr
    # The first of five folds of ten rows, from the last row backwards, see the replica.
    assert [s["id"] for s in segments(repository) if s["split"] == "test"] == ["1_8", "2_9"]
    assert {s["speaker"] for s in segments(repository)} == {"SHELDON"}


@pytest.mark.parametrize("imported", ["sims"], indirect=True)
def test_a_whole_experiment_elsewhere_finds_the_corpus(imported, clips):
    """In a temporary workspace, where raw data that git ignores and DVC does not know would be missing."""
    _, repository, command = imported
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-q", "-m", "corpus")
    repository.run(*command, "--temp", "--name", "small", GRCF_CACHE=clips)
    (ref,) = repository.run(
        "git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/small"
    ).stdout.split()
    metrics = json.loads(repository.run("git", "show", f"{ref}:reports/metrics.json").stdout)
    assert {"grcf", "pointwise", "median"} <= set(metrics["test"])


@pytest.mark.parametrize("imported", sorted(REPLICAS.keys() - TWINS.keys() - {"sims"}), indirect=True)
def test_all_stages_run_on_it(imported, clips):
    layout, repository, command = imported
    set_as_printed(repository, command)
    repository.run("dvc", "repro", GRCF_CACHE=clips)
    check_coverage(repository, layout)
    metrics = json.loads((repository.path / "reports/metrics.json").read_text())
    assert {"grcf", "pointwise"} <= set(metrics["test"])


@pytest.mark.parametrize("imported", TWINS, indirect=True)
def test_features_are_made_of_it(imported, clips, monkeypatch):
    """In this process: each stage by itself would import its libraries again, for a handful of clips."""
    layout, repository, command = imported
    set_as_printed(repository, command)
    monkeypatch.chdir(repository.path)
    monkeypatch.setenv("GRCF_CACHE", clips)
    monkeypatch.setenv("GRCF_WORKERS", "1")
    for stage in (manifest, words, text, audio, visual, align):
        stage.main()
    check_coverage(repository, layout)


def test_timed_words_and_given_sound_without_pictures(empty, tmp_path):
    """CMU-MOSI as its benchmark brings it into our layout, in miniature: no media at all."""
    rows = [
        (f"{video}_{clip}", video, clip * 5.0, clip * 5.0 + 4.0, "SO GOOD", label, split)
        for split, video in zip(SPLITS, ("2iD-tVS8NPw", "WKA5OygbEKI", "tmZoasNr4rU"), strict=True)
        for clip, label in ((1, 2.4), (2, -1.0))
    ]
    names = ["segment_id", "video_id", "start_s", "end_s", "text", "label", "split"]
    source = tmp_path / "mosi"
    source.mkdir()
    pd.DataFrame(rows, columns=names).to_csv(source / "segments.csv", index=False)
    words = [
        (row[1], word, row[2] + start_s, row[2] + start_s + 0.5)
        for row in rows
        for word, start_s in (("so", 0.5), ("sp", 1.0), ("good", 1.5))
    ]
    pd.DataFrame(words, columns=["video_id", "word", "start_s", "end_s"]).to_csv(
        source / "words.csv", index=False
    )
    np.savez(
        source / "audio_utterance_features.npz",
        segment_id=[row[0] for row in rows],
        hubert_proj256=np.arange(18, dtype=np.float32).reshape(6, 3),
    )
    write_corpus(source, tmp_path / "corpus")
    repository = empty.copy(tmp_path / "repository")
    repository.run(
        sys.executable, "-m", "pipeline", "import", "folder", str(tmp_path / "corpus"), "--name", NAME
    )
    set_as_printed(repository, ["dvc", "exp", "run", "-S", f"corpus.name={NAME}"])
    checked = repository.run(sys.executable, "-m", "pipeline", "check", check=False)
    assert "nothing would end a run" in checked.stdout
    for stage in ("manifest", "words", "audio", "visual"):
        repository.stage(stage)
    (first, *_) = segments(repository)
    assert (first["media"], first["start_s"], first["end_s"]) == (None, 0.0, 4.0)
    (spoken, *_) = map(json.loads, (repository.path / "data/words/words.jsonl").read_text().splitlines())
    assert spoken["align_method"] == "given"
    assert [(word["text"], word["start_s"]) for word in spoken["words"]] == [("so", 0.5), ("good", 1.5)]
    sound = read_sequences(repository.path / "data/audio")
    assert sound[first["id"]].values.tolist() == [[0.0, 1.0, 2.0]]
    sights = read_sequences(repository.path / "data/visual")
    assert not any(sights[row[0]].valid.any() for row in rows)


def test_an_import_says_what_is_wrong_before_it_copies(empty, tmp_path):
    REPLICAS["mosi"](tmp_path / "source")
    command = (sys.executable, "-m", "pipeline", "import", "sims", str(tmp_path / "source"))
    done = empty.run(*command, check=False)
    assert done.returncode == 1
    assert "expected the table of CH-SIMS" in done.stderr
    assert sorted(path.name for path in Path(empty.path / "data/raw").iterdir() if path.suffix != ".dvc") == [
        ".gitignore",
        "ein-korpus_2",
    ]
