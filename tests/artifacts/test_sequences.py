"""Notes travel with the rows that they are about."""

from dataclasses import replace

import numpy as np

from pipeline.artifacts.sequences import FeatureSequence, pack, read_sequences, write_sequences

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
