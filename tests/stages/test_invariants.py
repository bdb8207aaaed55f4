"""The bytes of an output depend on its inputs and on nothing else: not on kills, workers, or what was there before."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.corpus.segments import SPLITS, read_segments, write_segments
from pipeline.execution.cache import ResultCache
from tests.artifacts.test_aligned import same
from tests.stages.repositories import ROOT

pytestmark = pytest.mark.slow

OUTPUTS = {
    "words": "data/words/words.jsonl",
    "text": "data/text",
    "audio": "data/audio",
    "visual": "data/visual",
    "rank": "data/rank",
}


def content(repository, stage: str) -> dict[str, bytes]:
    path = repository.path / OUTPUTS[stage]
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted([path, *path.rglob("*")])
        if file.is_file()
    }


def entries(repository) -> set[tuple[str, str]]:
    """Folders and keys of finished cache entries, in files of their own or packed."""
    return {
        (str(folder), entry.key)
        for folder in (repository.path / ".cache").glob("*/*")
        for entry in ResultCache(folder).entries()
        if entry.finished
    }


def kill_when(repository, stage: str, condition: Callable[[], bool]) -> None:
    """Start a stage and kill its whole process group as the system would, once `condition` holds."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=repository.path,
        env=repository.environment(GRCF_WORKERS="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(12000):
        if condition() or process.poll() is not None:
            break
        time.sleep(0.01)
    assert process.poll() is None, "the stage ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("stage", ["words", "audio", "visual", "rank"])
def test_killed_and_resumed_equals_undisturbed_and_does_nothing_twice(copy, stage):
    undisturbed = content(copy, stage)
    kill_when(copy, stage, lambda: len(entries(copy)) >= 2)
    before = entries(copy)
    assert len(before) >= 2
    resumed = copy.stage(stage)
    assert content(copy, stage) == undisturbed
    assert entries(copy) > before
    assert f"{len(before)} of " in resumed.stderr, "an entry was made again"
    assert "done before" in resumed.stderr


@pytest.mark.parametrize("stage", list(OUTPUTS))
def test_cold_equals_warm_and_one_worker_equals_many(copy, stage):
    once = content(copy, stage)
    copy.stage(stage, GRCF_WORKERS="1")
    assert content(copy, stage) == once, "one worker, cold"
    copy.stage(stage, GRCF_WORKERS="3", GRCF_CACHE=str(copy.path / "other-cache"))
    assert content(copy, stage) == once, "three workers, cold"
    copy.stage(stage)
    assert content(copy, stage) == once, "warm"


def test_an_edited_extractor_misses_the_clip_cache_and_other_code_does_not(copy):
    copy.stage("audio")
    before = entries(copy)
    (copy.path / "pipeline/grcf/loss/groupwise.py").write_text("# another loss\n")
    copy.stage("audio")
    assert entries(copy) == before
    copy.edit("pipeline/extract/audio/classic.py", '"""', '"""Edited. ')
    copy.stage("audio")
    assert len(entries(copy)) == 2 * len(before)


def test_a_new_clip_is_the_only_one_extracted(copy):
    copy.stage("audio")
    before = entries(copy)
    path = copy.path / "data/manifest/segments.jsonl"
    segments = read_segments(path)
    write_segments(path, [*segments, replace(segments[0], id="new", end_s=0.5)])
    copy.stage("audio")
    assert len(entries(copy)) == len(before) + 1


def in_shards(repository) -> dict[str, bytes]:
    """Let features go into several shards from now on; what the stages then leave of the sound."""
    repository.edit(
        "pipeline/artifacts/sharding/assignment.py", "LIMIT_BYTES = 256_000_000", "LIMIT_BYTES = 60_000"
    )
    repository.stage("audio")
    once = content(repository, "audio")
    assert len(once) > 4
    assert all(len(file) <= 60_000 for file in once.values())
    return once


def test_shards_are_the_same_after_a_kill_and_with_any_number_of_workers(copy):
    once = in_shards(copy)
    for workers in ("1", "3"):
        shutil.rmtree(copy.path / "data/audio")
        copy.stage("audio", GRCF_WORKERS=workers, GRCF_CACHE=str(copy.path / workers))
        assert content(copy, "audio") == once
    shutil.rmtree(copy.path / ".cache/clips/audio")
    kill_when(copy, "audio", lambda: len(entries(copy)) >= 2)
    assert content(copy, "audio") == once, "what the run before left"
    copy.stage("audio")
    assert content(copy, "audio") == once, "killed and resumed"


def test_shards_are_the_same_through_an_engine(copy):
    pytest.importorskip("distributed", reason="requirements-cluster.lock is not installed")
    once = in_shards(copy)
    shutil.rmtree(copy.path / "data/audio")
    # By which an engine compares libraries.
    shutil.copy(ROOT / "requirements.lock", copy.path)
    copy.stage("audio", GRCF_ENGINE="local:2", GRCF_CACHE=str(copy.path / "other-cache"))
    assert content(copy, "audio") == once


def test_a_new_recording_leaves_the_shards_of_others_and_results_alone(copy):
    before = in_shards(copy)
    path = copy.path / "data/manifest/segments.jsonl"
    segments = read_segments(path)
    write_segments(path, [replace(segments[0], id="new", video="new", end_s=0.5), *segments])
    copy.stage("audio")
    after = content(copy, "audio")
    assert len(before.keys() - after.keys()) <= 1
    assert len(before.keys() & after.keys()) >= len(before) - 1


def test_align_and_training_make_the_same_of_shards_as_of_one_file(copy):
    def aligned():
        return {split: read_aligned(copy.path / "data/align" / split) for split in SPLITS}

    copy.stage("align")
    copy.stage("rank")
    whole, ranked = aligned(), content(copy, "rank")
    scaler = (copy.path / "data/align/preprocessing.safetensors").read_bytes()
    in_shards(copy)
    for stage in ("text", "visual", "align"):
        copy.stage(stage)
    assert len(list((copy.path / "data/align/train").glob("*.safetensors"))) > 2
    for split, found in aligned().items():
        same(found, whole[split])
    assert (copy.path / "data/align/preprocessing.safetensors").read_bytes() == scaler
    copy.stage("rank", GRCF_CACHE=str(copy.path / "other-cache"))
    assert content(copy, "rank") == ranked
