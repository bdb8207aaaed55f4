"""A table that was cut off between two rows is noticed by what the other tables hold."""

import pytest

from pipeline.errors import PipelineError
from pipeline.pages.blocks import Table
from pipeline.reporting.report import build_report
from pipeline.reporting.robustness import robustness_section


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("group_pairs", r"group_pairs\.csv counts [0-9]+ pairs, but reports/pair_distributions\.csv has"),
        ("predictions", r"predictions\.csv has [0-9]+ rows of test, but the manifest has"),
        ("robustness", r"robustness\.csv has no rows of|not a table of robustness"),
    ],
)
def test_a_table_without_its_last_rows_is_refused(read_run, tmp_path, name, sentence):
    read_run()
    path = tmp_path / f"reports/{name}.csv"
    lines = path.read_text().splitlines(keepends=True)
    for n_rows in (1, 2):
        path.write_text("".join(lines[:-n_rows]))
        with pytest.raises(PipelineError, match=sentence):
            _read()


def test_robustness_without_a_whole_modality_is_refused(read_run, tmp_path):
    read_run()
    path = tmp_path / "reports/robustness.csv"
    header, *rows = path.read_text().splitlines(keepends=True)
    split, modality = rows[-1].split(",")[:2]
    kept = [row for row in rows if not row.startswith(f"{split},{modality},")]
    path.write_text("".join([header, *kept]))
    with pytest.raises(PipelineError, match=f"has no rows of {modality} in {split}, as if it was cut off"):
        _read()


@pytest.mark.parametrize("split", ["valid", "test"])
@pytest.mark.parametrize("modalities", [("text", "audio"), ("text", "audio", "visual")])
def test_a_modality_that_one_split_lacks_is_no_damage(read_run, split, modalities):
    inputs = read_run(seeds=(1,), modalities=modalities, lacking={split: ["audio"]})
    rows = {(curve.split, curve.modality) for curve in (*inputs.robustness, *inputs.noise)}
    other = "test" if split == "valid" else "valid"
    assert (split, "audio") not in rows
    assert (other, "audio") in rows
    assert build_report(inputs).title
    tables = [block for block in robustness_section(inputs).blocks if isinstance(block, Table)]
    with_audio = [table.caption for table in tables if "words in audio" in str(table.rows)]
    assert with_audio
    assert all(f" on {other}, " in caption for caption in with_audio)


def test_a_modality_that_a_split_has_is_missed_where_both_splits_lost_it(read_run, tmp_path):
    read_run()
    path = tmp_path / "reports/noise.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if ",audio," not in line))
    with pytest.raises(
        PipelineError, match=r"noise\.csv has no rows of audio in valid, as if it was cut off"
    ):
        _read()


def _read() -> None:
    from stages import report  # as the fixtures do, in the folder of the run

    report.read_inputs()
