import pytest

from benchmarks.kills import measure

pytestmark = pytest.mark.slow


def test_a_run_that_was_killed_twice_ends_with_the_same_bytes(tmp_path):
    found = measure(tmp_path, n_clips=12, n_kills=2, seed=1, target="audio", share_of_run=0.2)

    assert found["identical"]
    assert found["n_files_compared"] == 5
    assert len(found["kills"]) == 2
    assert found["pieces_needed"] == 24  # each file opened, each clip extracted
