"""params.yaml: YAML 1.2 as DVC reads it, strict types, sentences for mistakes."""

import re
import shutil
from pathlib import Path

import dvc.api
import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import given
from hypothesis import strategies as st

from pipeline import params
from pipeline.errors import PipelineError
from pipeline.yaml12 import parse_yaml

PARAMS = Path(__file__).parent.parent / "params.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = PARAMS.read_text()
    assert old in text
    file = tmp_path / "params.yaml"
    file.write_text(text.replace(old, new, 1))
    return file


def test_reads_what_dvc_reads():
    assert parse_yaml(PARAMS.read_text()) == dvc.api.params_show(str(PARAMS))


def experiment(tmp_path: Path, *overrides: str) -> list[str]:
    """The lines of params.yaml after `dvc exp run -S …`."""
    file = tmp_path / "experiment.yaml"
    shutil.copy(PARAMS, file)
    apply_overrides(file, list(overrides))
    return file.read_text().splitlines()


def test_the_file_has_the_form_in_which_dvc_writes_it_back(tmp_path):
    assert experiment(tmp_path, "margin.base=0.2") == PARAMS.read_text().splitlines()


@pytest.mark.parametrize("value", ["0.5", "null", "false", "gated", "'a: b # c'"])
def test_an_experiment_changes_nothing_but_its_values(tmp_path, value):
    sections = parse_yaml(PARAMS.read_text())
    keys = [
        f"{section}.{key}"
        for section, values in sections.items()
        for key, old in values.items()
        if not isinstance(old, list)
    ]
    before = PARAMS.read_text().splitlines()
    after = experiment(tmp_path, *(f"{key}={value}" for key in keys))
    n_changed = 0
    for old, new in zip(before, after, strict=True):
        if old != new:
            key, comment = re.fullmatch(r"(  \w+: ?).*?( #.*)?", old).groups(default="")
            assert new.startswith(key.rstrip())
            assert new.endswith(comment)
            n_changed += 1
    assert n_changed > len(keys) / 2


@pytest.mark.parametrize("value", [[], [3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]])
@pytest.mark.parametrize("key", ["training.seeds", "evaluate.missing_rates", "evaluate.noise_scales"])
def test_a_list_changes_its_own_lines(tmp_path, key, value):
    before, after = PARAMS.read_text().splitlines(), experiment(tmp_path, f"{key}={value}")
    name = key.split(".")[1]
    start = before.index(f"  {name}:")
    end = next(n for n, line in enumerate(before) if n > start and not line.startswith("  - "))
    written = [f"  {name}:", *(f"  - {item}" for item in value)] if value else [f"  {name}: []"]
    assert after == [*before[:start], *written, *before[end:]]


def test_a_word_may_become_a_list(tmp_path):
    after = experiment(tmp_path, "margin.groups=[-0.5,0.5]")
    before = PARAMS.read_text().splitlines()
    start = next(n for n, line in enumerate(before) if line.startswith("  groups:"))
    assert after[start].startswith("  groups:  ")
    assert [*after[:start], *after[start + 3 :]] == [*before[:start], *before[start + 1 :]]


def test_every_section_of_the_file_has_a_type_and_back():
    named = {section.__name__.lower() for section in params.Section.__subclasses__()}
    assert named == set(parse_yaml(PARAMS.read_text()))


@pytest.mark.parametrize("section", params.Section.__subclasses__())
def test_the_file_in_the_repository_is_valid(section):
    assert params.load(section, PARAMS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-05", 1e-05),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("010", 10),
        ("yes", "yes"),
        ("off", "off"),
        ("12:30:45", "12:30:45"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("-3", -3),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    assert parse_yaml(f"a: {text}") == {"a": value}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_as_a_float(number):
    read = parse_yaml(f"a: {number!r}")["a"]
    assert isinstance(read, float)
    assert read == number


def test_pyyaml_alone_would_fail_here():
    assert yaml.safe_load("a: 1e-05") == {"a": "1e-05"}


@pytest.mark.parametrize(
    ("section", "old", "new", "sentence"),
    [
        (
            params.Evaluate,
            "  - 0.1\n  - 0.2\n",
            "  - 0.2\n  - 0.1\n",
            r"evaluate: missing_rates has to rise, found \[0\.0, 0\.2, 0\.1",
        ),
        (
            params.Margin,
            "base: 0.2",
            "base: '0.3'",
            r"margin\.base is '0\.3': input should be a valid number",
        ),
        (params.Margin, "base: 0.2", "bsae: 0.2", r"margin\.base is missing; margin\.bsae is unknown"),
        (params.Margin, "base: 0.2", "base: -1.0", r"margin\.base is -1\.0: input should be greater than"),
        (params.Margin, "base: 0.2", "base: .nan", r"margin\.base is nan"),
        (
            params.Margin,
            "base: 0.2",
            "base: 1.0e+308",
            r"margin\.base is 1e\+308: input should be less than or equal",
        ),
        (
            params.Margin,
            "smoothing: 1.0",
            "smoothing: 1.0e-320",
            r"margin: smoothing is 1e-320; expected 0 for a hard hinge",
        ),
        (
            params.Rank,
            "learning_rate: 0.003",
            "learning_rate: 0.0",
            r"rank\.learning_rate is 0\.0: input should be greater than",
        ),
        (params.Margin, "  groups:  ", "  groups: [0.5, 0.1]  ", r"margin: groups has to be 'integer' or"),
        (params.Training, "epochs: 60", "epochs: 1.5", r"training\.epochs is 1\.5"),
        (
            params.Training,
            "batch_size: 32",
            f"batch_size: {10**30}",
            r"training\.batch_size is 10+: input should be less than or equal",
        ),
        (params.Training, "  - 1\n  - 2\n", "  - 1\n  - 1\n", r"seeds have to be different"),
        (params.Training, "epoch: best", "epoch: first", r"training\.epoch is 'first'"),
        (
            params.Evaluate,
            "  metrics: []",
            "  metrics: 1",
            r"metrics is 1: input should be a list in brackets, such as \[1, 2\]",
        ),
        (
            params.Training,
            "  - 1\n",
            f"  - {2**63}\n",
            r"training\.seeds is 9223372036854775808: input should be less than",
        ),
        (
            params.Corpus,
            "  language:  ",
            "  language: English  ",
            r"corpus\.language is 'English'; expected an ISO 639 code",
        ),
        (
            params.Corpus,
            "name: demo",
            "name: ../etc",
            r"corpus\.name is '\.\./etc'; expected the name of a folder",
        ),
        (params.Manifest, "test_share: 0.2", "test_share: 0.9", r"leave nothing for train"),
        (params.Audio, "f0_max_hz: 450.0", "f0_max_hz: 50.0", r"expected f0_min_hz < f0_max_hz"),
        (
            params.Words,
            "aligner: pocketsphinx",
            "aligner: ctc",
            r"words: aligner is ctc, but ctc_model is empty",
        ),
        (params.Words, "recogniser: pocketsphinx", "recogniser: whisper", r"but whisper_model is empty"),
        *(
            (
                section,
                f"{key}: {name} ",
                f"{key}: concordance ",
                rf"\.{key} is 'concordance': input should be .*, or file\.py:Name of a file in plugins/",
            )
            for section, key, name in (
                (params.Rank, "objective", "groupwise"),
                (params.Network, "fusion", "attention_pooling"),
            )
        ),
        (params.Words, "recogniser: pocketsphinx", "recogniser: yes", r"words\.recogniser is 'yes'"),
    ],
)
def test_a_mistake_is_a_sentence_that_names_the_key(tmp_path, section, old, new, sentence):
    with pytest.raises(PipelineError, match=sentence) as raised:
        params.load(section, changed(tmp_path, old, new))
    assert "\n" not in str(raised.value)


def test_a_missing_section_or_file_is_a_sentence(tmp_path):
    with pytest.raises(PipelineError, match="not found"):
        params.load(params.Rank, tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("margin: {}\n")
    with pytest.raises(PipelineError, match="section 'rank' is missing"):
        params.load(params.Rank, tmp_path / "params.yaml")


def test_broken_yaml_is_a_sentence(tmp_path):
    (tmp_path / "params.yaml").write_text("a: [1,\n")
    with pytest.raises(PipelineError, match="not YAML"):
        params.load(params.Rank, tmp_path / "params.yaml")


def test_the_headline_command_changes_something():
    assert params.load(params.Margin, PARAMS).base != 0.5


def test_no_key_means_something_else_to_readers_of_yaml_1_1():
    """Most scripts read YAML by PyYAML, to which a key `on` is true."""
    waiting, keys = [yaml.safe_load(PARAMS.read_text())], []
    while waiting:
        for key, value in waiting.pop().items():
            keys.append(key)
            waiting += [value] if isinstance(value, dict) else []
    assert [key for key in keys if not isinstance(key, str)] == []
    assert len(keys) > 50


@pytest.mark.parametrize("value", ["2021", "1e3", "true"])
def test_a_number_in_place_of_a_name_is_told_to_be_put_in_quotes(tmp_path, value):
    with pytest.raises(PipelineError, match=r"corpus\.name is .*; put it in quotes \(-S \"corpus\.name='"):
        params.load(params.Corpus, changed(tmp_path, "name: demo ", f"name: {value} "))
