"""A damaged file of any kind is read or refused by one sentence; nothing else comes of it."""

import os
import random

import pytest

from tests.fuzz.fuzzing import counted
from tests.fuzz.kinds import kinds

SEED = int(os.environ.get("GRCF_FUZZ_SEED", "1"))
N_FILES = 60
KINDS = kinds()


@pytest.mark.parametrize("name", KINDS)
def test_a_sound_file_is_read(name, tmp_path):
    (tmp_path / KINDS[name].name).write_bytes(KINDS[name].whole)
    KINDS[name].read(tmp_path)


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_or_refused(name):
    counts, failures = counted(KINDS[name], random.Random(f"{SEED} {name}"), N_FILES)
    assert not failures, f"{len(failures)} failed, such as {failures[0][0][:200]!r}: {failures[0][1]!r}"
    assert counts["refused"] > 0
