"""A variable of the environment that is empty or blank counts as one that is not set, whichever it is."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.execution.cache import cache_folder
from pipeline.execution.engines.choice import chosen_engine, on_this_machine
from pipeline.execution.engines.clusters import SETTINGS_VARIABLE, ClusterSettings, read_settings
from pipeline.execution.variables import variable
from pipeline.execution.workers import worker_count
from pipeline.storage.node_cache import FOLDER, SIZE, node_cache
from pipeline.storage.place import VARIABLE as MEDIA
from pipeline.storage.place import StorageError, place_of

ROOT = Path(__file__).parents[2]
EMPTY = ("", " ", "\t\n")
# Where an empty value has a meaning of its own, or a copy of the whole environment is made.
_MEANT = {"CUDA_VISIBLE_DEVICES", "GRCF_PRELOADED"}


@pytest.mark.parametrize("value", EMPTY)
def test_what_is_empty_is_not_set(value, monkeypatch, tmp_path):
    names = (
        "GRCF_WORKERS",
        "GRCF_CACHE",
        "GRCF_ENGINE",
        SETTINGS_VARIABLE,
        FOLDER,
        SIZE,
        "TMPDIR",
        MEDIA,
        "DVC_ROOT",
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in names:
        monkeypatch.delenv(name, raising=False)
    unset = (worker_count(), cache_folder(), node_cache())
    for name in names:
        monkeypatch.setenv(name, value)
    assert (worker_count(), cache_folder(), node_cache()) == unset
    assert chosen_engine() is on_this_machine
    assert read_settings() == ClusterSettings()
    with pytest.raises(StorageError, match="GRCF_MEDIA is not set"):
        place_of("talks")


def test_blanks_around_a_value_are_no_part_of_it(monkeypatch):
    monkeypatch.setenv("GRCF_WORKERS", " 3\n")
    assert (variable("GRCF_WORKERS"), worker_count()) == ("3", 3)


def test_variables_are_read_in_one_way_alone():
    strange = [
        f"{path}: {found[0]}"
        for folder in ("pipeline", "stages")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for found in re.finditer(
            r"environ(?:\.get|\.pop)?[(\[] *(\"\w+\"|[A-Z_]+)[^\n]*", path.read_text("utf-8")
        )
        if path.name != "variables.py" and not re.match(r"environ\[[^\n]*\] = ", found[0])
        if found[1].strip('"') not in _MEANT
    ]
    # How numba's own cache was found is a part of a mark, as it stands.
    assert [found for found in strange if "NUMBA_CACHE_DIR" not in found] == []


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("makefile", ["Makefile", "pipeline/scaffold/Makefile.j2"])
def test_make_takes_an_empty_variable_for_none(makefile):
    asked = dict.fromkeys(("PYTHON", "VENV", "DATA", "BASE", "SECONDS", "OMP_NUM_THREADS"), "")
    done = subprocess.run(
        ["make", "-n", "-f", str(ROOT / makefile), "clean-env", "ci-compare"],
        cwd=ROOT, env=os.environ | asked, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "rm -rf .venv\n" in done.stdout
    assert '.ci/experiment compare "main"' in done.stdout
