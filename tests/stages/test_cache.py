"""`python -m pipeline cache` in a repository in which the pipeline ran."""

import contextlib
import io
import os
import re
import sys
import time
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.execution.cache import ResultCache
from pipeline.execution.packs import Packs
from tests.stages.repositories import Repository

pytestmark = pytest.mark.slow

KINDS = ["clips/words", "clips/text", "clips/audio", "clips/visual"]
CHECKPOINTS = ["checkpoints/rank", "checkpoints/calibrate", "checkpoints/pointwise"]


def cache(repository: Repository, *arguments: str) -> str:
    """What the command prints, in this process: the keys of an encoder need libraries that take seconds to import."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(repository.path)
        patch.delenv("GRCF_CACHE", raising=False)
        assert main(["cache", *arguments]) == 0
    return printed.getvalue()


def rates(table: str) -> dict[str, str]:
    return dict(re.findall(r"^((?:clips|checkpoints)/\S+) .* (\S+)$", table, re.MULTILINE))


def store(repository: Repository, kind: str) -> ResultCache:
    return ResultCache(repository.path / ".cache" / kind)


def keys(repository: Repository, kind: str) -> set[str]:
    return {entry.key for entry in store(repository, kind).entries()}


def all_keys(repository: Repository) -> dict[str, set[str]]:
    return {kind: keys(repository, kind) for kind in KINDS + CHECKPOINTS}


def make_old(paths: set[Path], days: float) -> None:
    then_s = time.time() - days * 86_400
    for path in paths:
        os.utime(path, (then_s, then_s))


def test_after_a_run_all_that_is_needed_is_there_and_nothing_else_is(filled):
    assert rates(cache(filled)) == dict.fromkeys(KINDS + CHECKPOINTS, "100.0%")

    before = all_keys(filled)
    assert "0 entries removed, 0 bytes" in cache(filled, "prune", "--workspace-only")
    assert all_keys(filled) == before


def test_the_results_of_an_extractor_are_in_one_file(filled):
    for kind in KINDS:
        files = [path for path in (filled.path / ".cache" / kind).rglob("*") if path.is_file()]
        assert [path.suffix for path in files] == [".pack"]


def test_an_entry_in_two_packs_is_counted_once(filled):
    def counts():
        return dict(re.findall(r"^(\S+/\S+|all) +(\d+) ", cache(filled), re.MULTILINE))

    before, folder = counts(), filled.path / ".cache" / "clips/audio" / "packs"
    packs = Packs(folder)
    (pack,) = packs.paths()
    packs.write(packs.read(pack)[:2], group="audio")
    assert len(packs.paths()) == 2
    assert counts() == before
    filled.edit("params.yaml", "n_mfcc: 20", "n_mfcc: 13")
    assert f"{before['clips/audio']} entries removed" in cache(filled, "prune", "--workspace-only")
    assert packs.paths() == []


def test_what_cannot_be_removed_is_said_below_what_was(filled):
    filled.edit("params.yaml", "n_mfcc: 20", "n_mfcc: 13")
    (pack,) = Packs(filled.path / ".cache" / "clips/audio" / "packs").paths()
    stuck = pack.parent / "stuck.tmp"
    stuck.mkdir()
    make_old({stuck}, 1)
    done = filled.run(sys.executable, "-m", "pipeline", "cache", "prune", "--workspace-only", check=False)
    assert done.returncode == 1
    assert "1 of its files could not be removed" in done.stderr
    assert str(stuck) in done.stderr
    assert re.search(r"^clips/audio +[1-9]", done.stdout, re.MULTILINE)
    assert not pack.exists()


def test_a_new_parameter_misses_its_own_kind_and_prune_keeps_what_head_needs(filled):
    before = all_keys(filled)
    filled.edit("params.yaml", "n_mfcc: 20", "n_mfcc: 13")
    rate_of = rates(cache(filled))
    assert rate_of["clips/audio"] == "0.0%"
    assert {rate_of[kind] for kind in KINDS if kind != "clips/audio"} == {"100.0%"}

    assert "0 entries removed" in cache(filled, "prune")
    assert all_keys(filled) == before


def test_prune_removes_what_only_others_need_where_that_is_asked_for(filled):
    before = all_keys(filled)
    filled.edit("params.yaml", "n_mfcc: 20", "n_mfcc: 13")
    filled.edit("params.yaml", "base: 0.2", "base: 0.5")
    gone = {"clips/audio", "checkpoints/rank", "checkpoints/calibrate"}
    n_gone = sum(len(before[kind]) for kind in gone)
    n_bytes = sum(entry.n_bytes for kind in gone for entry in store(filled, kind).entries())

    printed = cache(filled, "prune", "--workspace-only", "--dry-run")
    assert f"{n_gone} entries would be removed, {n_bytes:,} bytes" in printed
    assert all_keys(filled) == before
    assert "0 entries removed" in cache(filled, "prune", "--workspace-only", "--keep-days", "1")
    assert all_keys(filled) == before
    make_old({entry.path for entry in store(filled, "clips/audio").entries()}, days=2)
    assert f"{len(before['clips/audio'])} entries removed" in cache(
        filled, "prune", "--workspace-only", "--keep-days", "1"
    )
    assert f"{n_gone - len(before['clips/audio'])} entries removed" in cache(
        filled, "prune", "--workspace-only"
    )

    after = all_keys(filled)
    assert {kind for kind in before if not after[kind]} == gone
    assert {kind: after[kind] for kind in before if kind not in gone} == {
        kind: before[kind] for kind in before if kind not in gone
    }


def test_prune_keeps_what_an_experiment_needs(filled):
    filled.run("dvc", "exp", "run", "-n", "other", "-S", "audio.n_mfcc=13", "align")
    filled.run("git", "checkout", "-q", "params.yaml", "dvc.lock")
    filled.run("dvc", "checkout", "-q")
    before = all_keys(filled)
    assert len(before["clips/audio"]) == 30

    assert "0 entries removed" in cache(filled, "prune")
    assert "15 entries removed" in cache(filled, "prune", "--workspace-only")
    assert rates(cache(filled)) == dict.fromkeys(KINDS + CHECKPOINTS, "100.0%")


def test_what_a_killed_process_left_goes_after_an_hour(filled):
    folder = filled.path / ".cache/clips/audio"
    young, old = folder / "packs/.young.1.2.tmp", folder / "ab/.old.1.2.tmp"
    old.parent.mkdir(exist_ok=True)
    for path in (young, old):
        path.write_bytes(b"half")
    make_old({old}, days=1)
    assert "2 more files (8 bytes) are being written" in cache(filled)

    assert "1 entries removed, 4 bytes" in cache(filled, "prune")
    assert (young.exists(), old.exists()) == (True, False)


def test_a_pruned_entry_is_made_again_and_the_bytes_are_the_same(filled):
    packed = filled.path / "data/audio/index.json"
    once = packed.read_bytes()
    audio = store(filled, "clips/audio")
    audio.remove(sorted(audio.entries(), key=lambda entry: entry.key)[:3])
    assert rates(cache(filled))["clips/audio"] == "80.0%"

    filled.stage("audio")
    assert packed.read_bytes() == once
    assert rates(cache(filled))["clips/audio"] == "100.0%"
