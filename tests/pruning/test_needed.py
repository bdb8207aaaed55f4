"""What parameters need is what the stages would look up, and a change reaches only what it concerns."""

import copy
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipeline import params
from pipeline.artifacts.corpus.segments import Segment, write_segments
from pipeline.artifacts.corpus.task import write_task
from pipeline.artifacts.corpus.words import Word
from pipeline.errors import PipelineError
from pipeline.extract.cached.words import words_extractor
from pipeline.extract.words.locate import WordSettings
from pipeline.pruning.experiments import experiments
from pipeline.pruning.needed import CLIP_SECTIONS, STAGES, Needs, kinds, needs_of
from tests.segments import make_segment
from tests.tasks import MOSI

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SECTIONS_OF = {stage: DVC[stage]["params"] for stage in STAGES}
SECTIONS = {
    section.__name__.lower(): params.load(section, ROOT / "params.yaml").model_dump(mode="json")
    for section in params.Section.__subclasses__()
}


def segment(name: str, *words: str) -> Segment:
    """A transcript with word times, for which no recording is opened."""
    return make_segment(
        id=name,
        label=0.5,
        video=name,
        text=" ".join(words),
        media_sha256=f"digest of {name}",
        end_s=float(len(words)),
        timed_words=tuple(Word(word, float(at), at + 0.5) for at, word in enumerate(words)),
    )


SEGMENTS = [segment("a", "so", "good"), segment("b", "so", "very", "bad"), segment("c", "well")]


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Words of three segments in a cache, and what a run after that finds."""
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    for name in ("train", "valid"):
        (tmp_path / f"{name}.json").write_bytes(name.encode())
    (tmp_path / "seed_1.safetensors").write_bytes(b"checkpoint")
    write_task(tmp_path / "task.json", MOSI)
    locations = {
        "data/manifest/task.json": "task.json",
        "data/align/train/index.json": "train.json",
        "data/align/valid/index.json": "valid.json",
    }
    written = iter(range(1000))

    def needs(
        segments: list[Segment] = SEGMENTS, sections: Mapping[str, Mapping[str, object]] = SECTIONS
    ) -> dict[str, Needs]:
        manifest = tmp_path / f"segments_{next(written)}.jsonl"  # what was read once is not read again
        write_segments(manifest, segments)

        def locate(path: Path) -> Path | None:
            if path == Path("data/manifest/segments.jsonl"):
                return manifest
            return tmp_path / locations.get(str(path), "seed_1.safetensors")

        return needs_of(sections, locate=locate, sections_of=SECTIONS_OF)

    words_extractor(WordSettings(**SECTIONS["words"])).map(SEGMENTS)
    return needs


def changed(**values: object) -> dict[str, dict[str, object]]:
    sections = copy.deepcopy(SECTIONS)
    for key, value in values.items():
        section, _, name = key.partition("__")
        assert name in sections[section]
        sections[section][name] = value
    return sections


def test_words_that_are_there_say_which_texts_are_needed(workspace):
    needs = workspace()

    assert {kind: len(need.keys) for kind, need in needs.items() if kind.startswith("clips/")} == {
        "clips/words": 3,
        "clips/text": 3,
        "clips/audio": 3,
        "clips/visual": 3,
    }
    assert {kind: len(need.keys) for kind, need in needs.items() if kind.startswith("checkpoints/")} == {
        f"checkpoints/{stage}": len(SECTIONS["training"]["seeds"]) for stage in STAGES
    }
    assert set(needs) == set(kinds())


def test_every_stage_that_fills_the_clip_cache_is_asked():
    # What the extractors make of degraded recordings is not kept: docs/howto/degraded-recordings.md says so.
    stages = {
        path.stem
        for path in (ROOT / "stages").glob("*.py")
        if "pipeline.extract.cached" in path.read_text() and path.stem not in ("frames", "degrade")
    }
    assert stages == set(CLIP_SECTIONS)


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ({"audio__n_mfcc": 13}, {"clips/audio"}),
        ({"visual__frame_rate_hz": 5.0}, {"clips/visual"}),
        ({"text__layers": [-2]}, {"clips/text"}),
        ({"words__aligner": "proportional"}, {"clips/words", "clips/text"}),
        ({"margin__base": 0.5}, {"checkpoints/rank", "checkpoints/calibrate"}),
        ({"pointwise__learning_rate": 0.5}, {"checkpoints/pointwise"}),
        ({"evaluate__n_bins": 3, "report__title": "other"}, set()),
    ],
)
def test_a_parameter_touches_only_what_it_concerns(workspace, change, concerned):
    before, after = workspace(), workspace(sections=changed(**change))

    assert {kind for kind in before if before[kind] != after[kind]} == concerned


def test_a_new_clip_needs_one_more_entry_of_each_kind_and_its_text_is_not_known_yet(workspace):
    before, after = workspace(), workspace([*SEGMENTS, segment("d", "never", "heard")])

    for kind in ("clips/words", "clips/audio", "clips/visual"):
        assert before[kind].keys < after[kind].keys
        assert len(after[kind].keys - before[kind].keys) == 1
    assert after["clips/text"].keys == before["clips/text"].keys
    assert after["clips/text"].n_unknown == 1


def test_another_name_split_label_or_speaker_needs_nothing_new(workspace):
    renamed = [replace(one, id=f"new {one.id}", split="test", label=-1.0, speaker="t") for one in SEGMENTS]

    assert workspace(renamed) == workspace()


def test_another_transcript_needs_other_words_and_nothing_else_of_the_recording(workspace):
    corrected = [*SEGMENTS[:2], replace(SEGMENTS[2], text="swell", timed_words=())]
    before, after = workspace(), workspace(corrected)

    assert len(after["clips/words"].keys - before["clips/words"].keys) == 1
    assert (after["clips/audio"], after["clips/visual"]) == (before["clips/audio"], before["clips/visual"])


def test_precomputed_features_need_no_entries(workspace):
    needs = workspace(sections=changed(audio__precomputed="features.npz"))

    assert (needs["clips/audio"].keys, needs["clips/audio"].reason) == (frozenset(), None)


def test_without_a_manifest_nothing_can_be_told(workspace):
    needs = needs_of(SECTIONS, locate=lambda path: None, sections_of=SECTIONS_OF)

    assert {need.keys for need in needs.values()} == {frozenset()}
    assert "data/manifest/segments.jsonl: not made yet" in needs["clips/text"].reason
    assert "data/align/train/index.json: not made yet" in needs["checkpoints/rank"].reason


def test_an_encoder_that_is_nowhere_is_a_reason(workspace, tmp_path):
    needs = workspace(sections=changed(text__model=str(tmp_path)))

    assert "holds no encoder" in needs["clips/text"].reason
    assert needs["clips/words"].reason is None


def test_experiments_that_git_does_not_tell_are_not_taken_for_none(repository, monkeypatch):
    assert [found.name for found in experiments()] == ["refs/heads/main"]
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # as where git runs as another user
    with pytest.raises(
        PipelineError, match=r"git does not say what other experiments there are.*dubious ownership"
    ):
        list(experiments())


def test_outside_of_git_there_are_no_experiments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert list(experiments()) == []


def test_a_task_of_another_version_is_a_reason_and_clips_are_known(workspace, tmp_path):
    before = workspace()
    (tmp_path / "task.json").write_text('{"kind": "regression", "scale": 3}')
    needs = workspace()

    assert {need.reason for kind, need in needs.items() if kind.startswith("checkpoints/")} == {
        f"{tmp_path / 'task.json'}: not a whole task file (KeyError); delete it and run `dvc repro`"
    }
    clips = [kind for kind in needs if kind.startswith("clips/")]
    assert [needs[kind] for kind in clips] == [before[kind] for kind in clips]


@pytest.mark.parametrize("folder", ["standalone/tmp1", "tmp1"])
def test_what_runs_in_a_copy_has_the_parameters_of_no_commit(repository, folder):
    copied = repository / ".dvc/tmp/exps" / folder
    (copied / "data/manifest").mkdir(parents=True)
    (copied / "data/manifest/segments.jsonl").touch()
    (copied / "params.yaml").write_text("audio: other\n")
    assert [found.name for found in experiments()] == ["refs/heads/main"], "is being made"
    digest = "d0" * 16
    (copied / "dvc.lock").write_text(
        f"stages:\n  words:\n    outs:\n    - path: data/words/words.jsonl\n      md5: {digest}\n"
    )
    there = repository / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    there.parent.mkdir(parents=True)
    there.touch()
    _, found = experiments()
    assert (found.name, found.params) == (f"the run in .dvc/tmp/exps/{folder}", "audio: other\n")
    assert found.locate(Path("data/manifest/segments.jsonl")).samefile(
        copied / "data/manifest/segments.jsonl"
    )
    assert found.locate(Path("data/words/words.jsonl")).samefile(there)
    assert found.locate(Path("data/manifest/task.json")) is None


@pytest.mark.parametrize(
    "lock",
    ["", "- a list", "stages:", "stages: [align]", "stages: {align: null}", "stages: {align: {outs: 3}}"],
)
def test_a_lock_file_that_names_no_stage_is_one_of_an_experiment_without_outputs(repository, lock):
    (repository / "dvc.lock").write_text(lock)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "b"], check=True)
    (found,) = experiments()
    assert found.locate(Path("data/manifest/segments.jsonl")) is None


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of git and DVC with the parameters of this one and a lock file."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):  # fmt: skip
        subprocess.run(["git", *command], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    return tmp_path
