"""Parquet as `datasets` reads it: a split a file, vectors of fixed length, and a card that names them."""

import numpy as np
import pyarrow.dataset
import pyarrow.parquet as pq
import yaml

from pipeline.artifacts.corpus.segments import SPLITS
from pipeline.exporting.tables import export_tables
from tests.exporting.examples import DIMS, make_extracted

EXTRACTED = make_extracted()


def test_rows_are_the_segments_on_their_words(tmp_path):
    export_tables(EXTRACTED, tmp_path / "set")
    for split, name in zip(SPLITS, ("train", "validation", "test"), strict=True):
        rows = pq.read_table(tmp_path / f"set/data/{name}-00000-of-00001.parquet").to_pylist()
        for row, (segment, aligned) in zip(rows, EXTRACTED.aligned(split), strict=True):
            assert (row["id"], row["label"], row["transcript"]) == (segment.id, segment.label, segment.text)
            assert row["words"] == [word.text for word in EXTRACTED.spoken[segment.id].words[:6]]
            for modality, dim in DIMS.items():
                found = np.array(row[modality], np.float32).reshape(-1, dim)
                assert np.array_equal(found, aligned.features[modality])
                assert row[f"{modality}_valid"] == aligned.valid[modality].tolist()


def test_the_card_leads_to_every_file(tmp_path):
    export_tables(EXTRACTED, tmp_path / "set")
    card = (tmp_path / "set/README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    for entry in header["configs"][0]["data_files"]:
        (path,) = (tmp_path / "set").glob(entry["path"])
        assert pyarrow.dataset.dataset(path).count_rows() == 4
    assert {entry["split"] for entry in header["configs"][0]["data_files"]} == {"train", "validation", "test"}
    assert "| `audio` | 4 | `audio 0`" in card


def test_the_same_features_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        export_tables(make_extracted(), tmp_path / name)
    for path in (tmp_path / "one").rglob("*.*"):
        assert (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes() == path.read_bytes()
