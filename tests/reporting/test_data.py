import tracemalloc
from dataclasses import replace

import pytest

from pipeline.artifacts.corpus.segments import Segment
from pipeline.pages.blocks import Grid, Paragraph, Table
from pipeline.reporting.corpus_statement import CorpusTerms
from pipeline.reporting.counted_segments import count_segments
from pipeline.reporting.data import corpus_section, coverage_section


def tables(section) -> list[Table]:
    blocks = [
        each for block in section.blocks for each in (block.blocks if isinstance(block, Grid) else [block])
    ]
    return [block for block in blocks if isinstance(block, Table)]


def text(section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def test_coverage_has_a_row_for_each_split_and_modality(inputs):
    rows = [[cell.text for cell in row] for row in tables(coverage_section(inputs))[0].rows]
    assert [row[:2] for row in rows[:4]] == [
        ["train", "text"],
        ["train", "audio"],
        ["train", "visual"],
        ["valid", "text"],
    ]
    assert rows[-1] == ["test", "visual", "50", "150", "87.5", "6.2", "75.0"]


def test_coverage_says_how_words_were_timed_and_what_was_rejected(inputs):
    assert "150 segments with 450 words, of which 0 were cut off; 2 segments rejected." in text(
        coverage_section(inputs)
    )
    assert "150 segments aligned with their transcript" in text(coverage_section(inputs))


def test_the_corpus_says_on_what_terms_it_may_be_used(inputs):
    assert "Licence: the corpus names none; ask its owner" in text(corpus_section(inputs))
    terms = CorpusTerms(rated_by="five people", licence="CC BY 4.0.", citation="Doe (2020), Lectures")
    section = text(corpus_section(replace(inputs, terms=terms)))
    assert "Labels by: five people. Licence: CC BY 4.0. To cite: Doe (2020), Lectures." in section


def test_no_failure_is_said(inputs):
    assert "No segment failed" in text(coverage_section(inputs))


@pytest.mark.parametrize(("n_failures", "listed", "more"), [(1, 1, ""), (20, 20, ""), (23, 20, "and 3 more")])
def test_failures_are_listed_up_to_twenty_and_counted(inputs, n_failures, listed, more):
    failures = {"visual": {f"clip {n:02d}": "no face" for n in range(n_failures)}}
    failed = replace(inputs, coverage=replace(inputs.coverage, failures=failures))
    table = tables(coverage_section(failed))[1]
    assert [cell.text for cell in table.rows[0]] == ["clip 00", "visual", "no face"]
    assert len(table.rows) == listed
    assert f"{n_failures} failure" in table.caption
    assert table.caption.endswith(more)


def test_a_corpus_without_words_is_described(read_run):
    inputs = read_run(transcript="")
    assert "0 words" in text(coverage_section(inputs))
    assert "150 segments without words" in text(coverage_section(inputs))
    assert [row[6].text for row in tables(corpus_section(inputs))[0].rows] == ["60", "40", "50"]


def test_the_corpus_is_counted_by_split(inputs):
    minutes = sum(1.0 + n % 4 for n in range(50)) / 60
    row = [cell.text for cell in tables(corpus_section(inputs))[0].rows[2]]
    assert row[:5] == ["test", "50", "5", "7", f"{minutes:.1f}"]


def test_every_label_is_counted_once(inputs):
    table = tables(corpus_section(inputs))[1]
    assert [sum(int(row[column].text) for row in table.rows) for column in (1, 2, 3)] == [60, 40, 50]


def test_absent_media_are_counted(read_run):
    rows = tables(corpus_section(read_run(modalities=("text",))))[0].rows
    assert [(row[7].text, row[8].text) for row in rows] == [("60", "60"), ("40", "40"), ("50", "50")]


def test_a_speaker_in_two_splits_is_a_warning(read_run):
    section = corpus_section(read_run(speakers=lambda split, n: f"speaker {n % 3}"))
    (warning,) = [
        block for block in section.blocks if isinstance(block, Paragraph) and block.kind == "warning"
    ]
    assert "3 speakers (speaker 0, speaker 1, speaker 2)" in warning.text


def test_many_shared_speakers_are_counted(read_run):
    warning = text(corpus_section(read_run(speakers=lambda split, n: f"speaker {n % 30}")))
    assert "30 speakers" in warning
    assert "and 10 more" in warning


def test_of_a_corpus_only_what_is_counted_is_held():
    segment = Segment(
        id="a", split="train", label=0.5, speaker="s", video="v", language="en", text="x" * 1000, media=None,
        media_sha256=None, has_audio=True, has_video=False, start_s=0.0, end_s=2.0,
    )  # fmt: skip
    segments = (replace(segment, text=f"{n} {segment.text}", end_s=1.0 + n % 2) for n in range(1, 5001))
    tracemalloc.start()
    counted = count_segments(segments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
    assert (len(counted), counted.by_split["train"].duration_min) == (5000, 5000 * 1.5 / 60)


def test_notes_are_listed_where_there_are_any(inputs):
    notes = {"audio": {"clip": ("there are 2 sound tracks; the default one was taken",)}}
    noted = replace(inputs, coverage=replace(inputs.coverage, notes=notes))

    assert "2 sound tracks" in str(coverage_section(noted).blocks[-1])
    assert "on segments that were extracted" not in str(coverage_section(inputs).blocks)
