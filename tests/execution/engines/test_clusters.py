import pytest

from pipeline.errors import PipelineError
from pipeline.execution.engines.clusters import ClusterSettings, read_settings


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
