"""Packed sequences: notes travel with the rows that they are about, and segments that pass one by one make the same file."""

import weakref
from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts.sequences import (
    FeatureSequence,
    pack,
    read_sequences,
    write_sequences,
    write_sequences_of,
)
from pipeline.errors import PipelineError

PLAIN = FeatureSequence(np.ones((2, 1), np.float32), np.arange(2.0), np.ones(2, bool))
NOTED = replace(
    PLAIN, notes=("22 of 50 pictures could not be decoded", "the largest face became another one once")
)


def packed(sequences):
    return pack("visual", [f"c{i}" for i in range(len(sequences))], sequences, columns=["x"], extractor={})


def test_notes_pass_through_the_clip_cache():
    assert FeatureSequence.from_bytes(NOTED.to_bytes()).notes == NOTED.notes
    assert FeatureSequence.from_bytes(PLAIN.to_bytes()).notes == ()


def test_notes_are_written_with_the_segments_that_have_some(tmp_path):
    write_sequences(tmp_path / "features.safetensors", packed([PLAIN, NOTED]))

    found = read_sequences(tmp_path / "features.safetensors")

    assert found.notes == {"c1": NOTED.notes}
    assert (found["c0"].notes, found["c1"].notes) == ((), NOTED.notes)


def test_without_notes_a_file_is_what_it_was_before_there_were_any(tmp_path):
    write_sequences(tmp_path / "features.safetensors", packed([PLAIN]))

    assert b"notes" not in (tmp_path / "features.safetensors").read_bytes()
    assert b"notes" not in PLAIN.to_bytes()


NOTHING = FeatureSequence.empty(1, "no video")
SEEN = replace(PLAIN, quality=np.array([0.25, 1.0], np.float32))
SPANNING = replace(PLAIN, spans_s=np.array([[0.0, 0.5], [0.5, 1.5]]))


@pytest.mark.parametrize(
    "sequences",
    [[PLAIN], [NOTHING], [NOTHING, PLAIN, NOTED], [PLAIN, SEEN, NOTHING], [SPANNING, PLAIN, SEEN, NOTED]],
    ids=lambda sequences: f"{len(sequences)} segments",
)
def test_sequences_that_pass_one_by_one_make_the_same_bytes(tmp_path, sequences):
    ids = [f"c{i}" for i in range(len(sequences))]
    extractor = {"settings": {"rate_hz": 10}}
    together = pack("visual", ids, sequences, columns=["x"], extractor=extractor)
    write_sequences(tmp_path / "together", together)

    one_by_one = (sequence for sequence in sequences)
    write_sequences_of(tmp_path / "alone", "visual", ids, one_by_one, columns=["x"], extractor=extractor)

    assert (tmp_path / "alone").read_bytes() == (tmp_path / "together").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "together"]


def test_a_segment_is_found_whether_or_not_it_is_where_it_is_expected():
    both = packed([PLAIN, NOTED])
    for position in (0, 1, 2):
        assert both.in_order(position, "c1").notes == NOTED.notes
    with pytest.raises(KeyError):
        both.in_order(0, "c9")


def test_no_sequence_is_held_when_the_next_is_asked_for(tmp_path):
    alive: list[weakref.ref[FeatureSequence]] = []

    def made():
        for _ in range(5):
            assert sum(ref() is not None for ref in alive) <= 1
            sequence = replace(PLAIN)
            alive.append(weakref.ref(sequence))
            yield sequence
            del sequence

    write_sequences_of(tmp_path / "f", "visual", list("abcde"), made(), columns=["x"], extractor={})

    assert len(read_sequences(tmp_path / "f").ids) == 5


def test_where_a_sequence_cannot_be_had_nothing_is_left(tmp_path):
    def made():
        yield PLAIN
        raise PipelineError("its result cannot be read again")

    with pytest.raises(PipelineError, match="cannot be read again"):
        write_sequences_of(tmp_path / "f", "visual", ["a", "b"], made(), columns=["x"], extractor={})

    assert list(tmp_path.iterdir()) == []
