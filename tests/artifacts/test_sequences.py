"""Packed sequences: notes travel with the rows that they are about, and no segment is held while others pass."""

import weakref
from dataclasses import replace

import numpy as np

from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.artifacts.features.packed import pack
from pipeline.artifacts.features.shards import read_sequences, write_sequences, write_sequences_of

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
    write_sequences(tmp_path / "features", packed([PLAIN, NOTED]))

    found = read_sequences(tmp_path / "features")

    assert found.notes == {"c1": NOTED.notes}
    assert (found["c0"].notes, found["c1"].notes) == ((), NOTED.notes)


def test_without_notes_an_entry_is_what_it_was_before_there_were_any():
    assert b"notes" not in PLAIN.to_bytes()


def test_no_sequence_is_held_when_the_next_is_asked_for(tmp_path):
    alive: list[weakref.ref[FeatureSequence]] = []

    def made():
        for _ in range(5):
            assert sum(ref() is not None for ref in alive) <= 1
            sequence = replace(PLAIN)
            alive.append(weakref.ref(sequence))
            yield sequence
            del sequence

    write_sequences_of(
        tmp_path / "f", "visual", list("abcde"), made(), recordings="abcde", columns=["x"], extractor={}
    )

    assert len(read_sequences(tmp_path / "f").ids) == 5
