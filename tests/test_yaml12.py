"""YAML 1.2 from files that anybody may have written: the values that DVC reads, or one sentence."""

import contextlib
import os

import dvc.utils.serialize
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.yaml12 import parse_yaml, read_yaml


def aliases(n_levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, n_levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands already in line 1"),
        ("a: {b: 1, b: 2}", "line 1: the key 'b' stands already"),
        ("a: " + "9" * 5000, "line 1: a number of 5000 characters"),
        ("a: 1" + "0" * 5000 + ".5", "a number of 5003 characters"),
        (aliases(9), "more than 100,000 values"),
        ("a: &a [*a]", r"\*a stands inside of &a"),
        ("a: &a {b: *a}", r"\*a stands inside of &a"),
        ("a: " + "[" * 100_000, "nested more than 32 deep"),
        ("a: " + "{b: " * 50 + "1" + "}" * 50, "nested more than 32 deep"),
        ("- " * 500 + "x", "nested more than 32 deep"),
        ("x" * (2 << 20), "expected at most"),
        ("a: !!int abc", "does not fit its tag"),
        ("a: !!timestamp abc", "does not fit its tag"),
        ("a: !!bool maybe", "does not fit its tag"),
        ("a: !!python/object:os.system x", "not YAML"),
        ("a: *b", "not YAML"),
        ("a: [1,", "not YAML"),
        ("{a: 1}: 2", "not YAML"),
        ("a: \x00", "not YAML"),
        ("a: 1\n---\nb: 2", "not YAML"),
    ],
)
def test_what_no_file_of_parameters_holds_is_one_sentence(text, sentence):
    with pytest.raises(PipelineError, match=sentence) as raised:
        parse_yaml(text, source="params.yaml")
    assert str(raised.value).startswith("params.yaml: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}",
        "a: &a [1, 2]\nb: *a\nc: [*a, *a]",
        "a: &a 5\nb: *a",
        aliases(3),
        "a: 1e-05\nb: '1e-05'\nc: ~\nd:\ne: []",
    ],
)
def test_aliases_and_merges_are_read_as_dvc_reads_them(text):
    assert parse_yaml(text) == dvc.utils.serialize.parse_yaml(text, "params.yaml", typ="safe")


@given(
    st.text(st.characters(codec="utf-8"), max_size=60) | st.text("[]{}&*!:-#'\"<a1. \n\t|>%@", max_size=60)
)
def test_no_text_ends_in_anything_but_values_or_a_sentence(text):
    with contextlib.suppress(PipelineError):
        parse_yaml(text)


def test_a_byte_order_mark_is_no_content(tmp_path):
    (tmp_path / "params.yaml").write_text("\ufeffa: 1\n", encoding="utf-8")
    assert read_yaml(tmp_path / "params.yaml") == {"a": 1}


def test_what_is_no_readable_file_is_a_sentence(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(PipelineError, match="line 2 is not UTF-8"):
        read_yaml(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(PipelineError, match="is a folder"):
        read_yaml(file)
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(PipelineError, match="no regular file"):
        read_yaml(file)
    file.unlink()
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(PipelineError, match="bytes; expected at most"):
        read_yaml(file)
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(PipelineError, match="cannot be read"):
        read_yaml(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_a_sentence(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("a: 1")
    file.chmod(0)
    with pytest.raises(PipelineError, match="cannot be read"):
        read_yaml(file)
