import os

import pytest

from pipeline.errors import PipelineError
from pipeline.execution.engines.clusters import ClusterSettings, connected, read_settings


@pytest.fixture
def settings_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CLUSTER", str(tmp_path / "cluster.yaml"))
    return tmp_path / "cluster.yaml"


def test_settings_are_read_and_the_rest_has_defaults(settings_file):
    settings_file.write_text('jobs: 3\ncores: 16\nwalltime: "04:00:00"\nprologue: ["module load ffmpeg"]\n')
    found = read_settings()
    assert (found.jobs, found.cores, found.walltime, found.prologue) == (
        3,
        16,
        "04:00:00",
        ["module load ffmpeg"],
    )
    assert found.partition is None


def test_without_a_file_there_are_defaults(tmp_path, monkeypatch):
    monkeypatch.delenv("GRCF_CLUSTER", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_settings() == ClusterSettings()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("nodes: 3\n", "nodes is 3: extra inputs are not permitted; the keys are jobs, cores"),
        ("jobs: many\n", "jobs is 'many': input should be a valid integer"),
        ("jobs: 0\n", "jobs is 0: input should be greater than or equal to 1"),
        ("walltime: forever\n", "walltime is 'forever': expected a time such as 04:00:00"),
        ("walltime: 2 hours\n", "walltime is '2 hours': expected a time"),
        ("- jobs\n", r"the file is \['jobs'\]"),
    ],
)
def test_a_setting_that_means_nothing_is_a_sentence(settings_file, content, sentence):
    settings_file.write_text(content)
    with pytest.raises(PipelineError, match=sentence):
        read_settings()


def test_a_file_that_is_not_there_is_a_sentence(settings_file):
    with pytest.raises(PipelineError, match=r"cluster\.yaml: not found, though GRCF_CLUSTER names it"):
        read_settings()


def test_a_home_that_is_nobodys_is_a_name_like_any_other(monkeypatch):
    monkeypatch.setenv("GRCF_CLUSTER", "~nobody-has-this-name/cluster.yaml")
    with pytest.raises(PipelineError, match=r"~nobody-has-this-name/cluster\.yaml: not found"):
        read_settings()


@pytest.mark.parametrize("walltime", ["30", "30:00", "04:00:00", "2-12", "2-12:30:00", "UNLIMITED"])
def test_a_time_is_written_as_slurm_takes_it(settings_file, walltime):
    settings_file.write_text(f"walltime: '{walltime}'\n")
    assert read_settings().walltime == walltime


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("key.pem", r"key\.pem: not found, though tls_key of GRCF_CLUSTER names it"),
        ("", r"ca\.pem, .*key\.pem: cannot be used for tls://127\.0\.0\.1:1 \(.*expected certificates"),
    ],
)
def test_a_certificate_that_is_missing_or_none_is_told_from_a_scheduler_that_is_not_there(
    settings_file, tmp_path, missing, sentence
):
    pytest.importorskip("distributed", reason="requirements-cluster.lock is not installed")
    names = {"tls_ca": "ca.pem", "tls_certificate": "own.pem", "tls_key": "key.pem"}
    for name in {*names.values()} - {missing}:
        (tmp_path / name).write_text("no PEM")
    settings_file.write_text("".join(f"{key}: {tmp_path / name}\n" for key, name in names.items()))
    with pytest.raises(PipelineError, match=sentence), connected("tls://127.0.0.1:1"):
        pass


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("memory: lots\n", "cannot be started here .*'lots'.*GRCF_CLUSTER"),
        ("interface: nope0\n", "cannot be started here .*'nope0' is not a valid network interface"),
    ],
)
def test_what_the_scheduler_of_slurm_cannot_start_with_is_a_sentence(
    settings_file, tmp_path, monkeypatch, content, sentence
):
    pytest.importorskip("dask_jobqueue", reason="requirements-cluster.lock is not installed")
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\nexit 1\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    settings_file.write_text(f"{content}shared_folder: {tmp_path}\n")
    with pytest.raises(PipelineError, match=sentence), connected("slurm"):
        pass
