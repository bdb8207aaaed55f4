"""A fault of the machine ends a run with a sentence, and rejects no recording."""

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch
import yaml

from pipeline.corpus.inspection import inspect_media
from pipeline.errors import MachineError, machine_error, sentence_of_machine
from pipeline.media.container import MediaError, open_media
from pipeline.media.linear_pass import decode
from tests.media.recordings import numbered_pictures, write_recording
from tests.tasks import write_facts

ROOT = Path(__file__).parents[2]
MACHINE = [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ENOSPC, errno.EACCES]


@pytest.fixture
def recording(tmp_path):
    write_recording(tmp_path / "a.mp4", pictures=numbered_pictures([0.0, 0.1, 0.2]))
    return tmp_path / "a.mp4"


@pytest.mark.parametrize("number", MACHINE)
def test_no_fault_of_the_machine_is_taken_for_one_of_a_recording(monkeypatch, recording, number):
    def refuse(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(MachineError, match=f"{os.strerror(number)}.*fault of the machine"):
        inspect_media("a.mp4", folder=recording.parent)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EACCES])
def test_what_ffmpeg_says_of_the_machine_is_no_fault_of_the_recording(monkeypatch, recording, number):
    def refuse(*_args, **_kwargs):
        raise av.error.FFmpegError(number, os.strerror(number))

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(MachineError, match="fault of the machine"), open_media(recording):
        pass


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.EIO])
def test_ffmpeg_is_asked_twice_where_a_damaged_file_looks_like_a_fault_of_the_machine(
    monkeypatch, recording, number
):
    def refuse(*_args, **_kwargs):
        raise av.error.FFmpegError(number, os.strerror(number))

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(MediaError), open_media(recording):
        pass


def test_no_file_left_to_open_is_no_damaged_recording(recording):
    list(decode(recording, "video", start_s=0.0))
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
    held = []
    try:
        with contextlib.suppress(OSError):
            for _ in range(64):
                held.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(MachineError, match="Too many open files"):
            inspect_media("a.mp4", folder=recording.parent)
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


@pytest.mark.slow
@pytest.mark.parametrize("n_files", [8, 30])
def test_a_stage_with_too_few_open_files_ends_with_the_reason(tmp_path, recording, n_files):
    sections = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    sections["corpus"]["name"] = "mine"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")
    clips = tmp_path / "data/raw/mine/clips"
    clips.mkdir(parents=True)
    rows = ["id,label,split"]
    for split in ("train", "valid", "test"):
        shutil.copyfile(recording, clips / f"{split}.mp4")
        rows.append(f"{split},1,{split}")
    write_facts(clips.parent)
    (clips.parent / "segments.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    ended = subprocess.run(
        ["bash", "-c", f'ulimit -n {n_files}; exec "$0" -m stages.manifest', sys.executable],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "GRCF_WORKERS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "ulimit -n" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data/manifest").exists()


def test_other_errors_are_no_fault_of_the_machine():
    assert machine_error(FileNotFoundError(errno.ENOENT, "no"), "a file") is None
    assert sentence_of_machine(ValueError("no")) is None
    assert "no memory" in str(sentence_of_machine(MemoryError()))
    assert sentence_of_machine(RuntimeError("a bug")) is None


def test_what_torch_cannot_allocate_is_a_sentence_about_memory():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**55)
    assert "network.width" in str(sentence_of_machine(raised.value))
