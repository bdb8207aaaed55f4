"""What the page says is what the run left, no more than asked for and no longer than needed."""

import json
import tracemalloc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts.corpus.segments import read_segments, write_segments
from pipeline.artifacts.corpus.words import SegmentWords, Word, write_words
from pipeline.artifacts.evaluated.representations import (
    MOST_SEGMENTS,
    read_representations,
    write_representations,
)
from pipeline.errors import PipelineError
from pipeline.inspector.html import to_html
from pipeline.inspector.inputs import read_inputs
from pipeline.inspector.page import build_page
from stages import report
from tests.inspector.runs import CLASSES
from tests.reporting.runs import BINARY

pytestmark = pytest.mark.slow


def list_of(page, key):
    (found,) = [each for each in page["lists"] if each["key"] == key]
    return found


def test_there_are_eight_lists_and_test_comes_last(page_of):
    assert [each["key"] for each in page_of()["lists"]] == [
        "valid-order", "valid-error", "valid-map", "train-weight", "train-pull", "test-order", "test-error", "test-map",
    ]  # fmt: skip


def test_a_wrong_pair_has_its_gaps_and_the_seeds_that_agree(page_of, read_run):
    page = page_of()
    predicted = {each.split: each for each in read_run().predictions}["valid"]
    found = list_of(page, "valid-order")
    grcf = dict(zip(predicted.ids, predicted.models["grcf"].T, strict=True))
    label = dict(zip(predicted.ids, predicted.truth, strict=True))
    assert found["entries"]
    for entry in found["entries"]:
        above, below = (page["segments"][entry[name]]["id"] for name in ("above", "below"))
        gap = grcf[above] - grcf[below]
        assert label[above] > label[below]
        assert entry["gap"] == pytest.approx(gap.mean(), abs=1e-4)
        assert entry["gap"] < 0
        assert entry["width"] == pytest.approx(label[above] - label[below] - gap.mean(), abs=1e-4)
        assert entry["wrongSeeds"] == (gap < 0).sum()
    widths = [entry["width"] for entry in found["entries"]]
    assert widths == sorted(widths, reverse=True)
    assert found["summary"]["wrong"] == len(widths)


def test_labels_of_others_are_not_compared_where_stage_1_did_not(page_of):
    everything, within = (page_of(params={"margin.within": owner}) for owner in ("any", "speaker"))
    found = list_of(within, "valid-order")
    pairs = [[within["segments"][entry[side]] for side in ("above", "below")] for entry in found["entries"]]
    assert pairs
    assert all(above["speaker"] == below["speaker"] for above, below in pairs)
    summary = list_of(everything, "valid-order")["summary"]
    assert 0 < found["summary"]["comparable"] < summary["comparable"]
    assert (found["summary"]["within"], summary["within"]) == ("speaker", "any")


def test_a_perfect_model_has_no_wrong_pair(page_of):
    found = list_of(page_of(error_sd=0.0), "valid-order")
    assert found["entries"] == []
    assert found["summary"]["wrong"] == 0 < found["summary"]["comparable"]


def test_segments_with_the_largest_error_come_first(page_of):
    page = page_of()
    entries = list_of(page, "test-error")["entries"]
    errors = [abs(entry["error"]) for entry in entries]
    assert errors == sorted(errors, reverse=True)
    segment = page["segments"][entries[0]["segment"]]
    assert np.mean(segment["predictions"]) - segment["label"] == pytest.approx(entries[0]["error"], abs=2e-4)


def test_a_map_has_every_segment_and_says_how_much_of_the_variance_it_holds(page_of):
    page = page_of()
    found = list_of(page, "test-map")
    assert [page["segments"][entry["segment"]]["id"] for entry in found["entries"]] == [
        f"test_{n:03d}" for n in range(12)
    ]
    across, upwards = found["summary"]["explained"]
    # The vectors grow with the label along one direction, and are random along the others.
    assert across > 0.6 > upwards > 0
    labels = [page["segments"][entry["segment"]]["label"] for entry in found["entries"]]
    assert np.corrcoef(labels, [entry["x"] for entry in found["entries"]])[0, 1] > 0.9


def test_a_map_of_a_sample_says_of_how_many(page_of, read_run, tmp_path):
    read_run()
    folder = tmp_path / "data/representations"
    whole = read_representations(folder, "test")
    by_seed = {seed: vectors[:5] for seed, vectors in whole.by_seed.items()}
    write_representations(folder, replace(whole, ids=whole.ids[:5], by_seed=by_seed))
    inputs = read_inputs(report.INSPECTED, parameters=report.settled_parameters())
    found = list_of(build_page(inputs, with_text=True, root=".."), "test-map")
    assert len(found["entries"]) == 5
    assert found["summary"]["segments"] == 12


def test_a_map_of_another_run_is_an_error_for_people(read_run, tmp_path):
    read_run()
    folder = tmp_path / "data/representations"
    whole = read_representations(folder, "valid")
    write_representations(folder, replace(whole, ids=("stranger", *whole.ids[1:])))
    with pytest.raises(
        PipelineError, match=r"valid\.safetensors has segments that reports/predictions.csv lacks"
    ):
        read_inputs(report.INSPECTED, parameters=report.settled_parameters())


def test_segments_of_classes_have_errors_and_a_map(page_of):
    page = page_of(params=CLASSES)
    assert [each["key"] for each in page["lists"] if each["split"] == "test"] == ["test-error", "test-map"]
    for entry in list_of(page, "test-map")["entries"]:
        row = page["segments"][entry["segment"]]
        assert row["likeliest"] in CLASSES["task.classes"]
        assert all(0 <= share <= 1 for share in row["predictions"])


def test_a_hard_pair_has_weight_margin_violation_and_the_gap_by_seed(page_of, read_run):
    page = page_of()
    pair = read_run().hardest.pairs[0]
    entry = list_of(page, "train-weight")["entries"][0]
    assert [page["segments"][entry[name]]["id"] for name in ("above", "below")] == [pair.above, pair.below]
    assert entry["weight"] == pytest.approx(np.mean(pair.weight), abs=1e-4)
    assert entry["violation"] == pytest.approx(np.mean(pair.violation), abs=1e-4)
    assert entry["margin"] == 0.5
    assert entry["gaps"] == pytest.approx(pair.gap, abs=1e-4)


def test_a_segment_says_what_its_modalities_and_words_were(page_of):
    page = page_of(failures={"valid_000": "no face in 40 frames"})
    rows = {row["id"]: row for row in page["segments"]}
    assert rows["valid_000"]["seen"] == {"text": (3, 4), "audio": (3, 4), "visual": (0, 0)}
    assert rows["valid_000"]["failures"] == {"visual": "no face in 40 frames"}
    assert rows["valid_001"]["words"] == "proportional"


SECRET = "geheim"


def secretive(page_of, **fields):
    return page_of(
        texts=lambda split, n: f"{SECRET} text {n}",
        media=lambda split, n: f"data/raw/x/{SECRET} {n}.mp4",
        failures={"valid_000": f"{SECRET}.mp4 holds no face"},
        **fields,
    )


def test_without_text_neither_transcripts_nor_recordings_are_told(page_of):
    assert SECRET in to_html(secretive(page_of))
    shared = secretive(page_of, with_text=False)
    text = to_html(shared)
    assert SECRET not in text
    assert "recording 1" not in text
    assert {row["id"] for row in shared["segments"]} >= {"valid_000"}
    assert all(
        "label" in row and "predictions" in row for row in shared["segments"] if row["split"] == "valid"
    )


def test_without_text_a_speaker_that_is_the_recording_is_not_told_either(page_of):
    shared = page_of(with_text=False, speakers=lambda split, n: f"{split} recording {n}")
    assert {row["speaker"] for row in shared["segments"]} == {""}


def test_text_that_would_end_the_script_stays_data(page_of):
    nasty = "</script><script>alert(\"1\")</script> & 'q' <!-- \u2028"
    page = page_of(texts=lambda split, n: nasty, ids=lambda split, n: f"{split}</script>{n}")
    html = to_html(page)
    assert html.count("</script>") == 4
    start = html.index(">", html.index('id="data"')) + 1
    data = json.loads(html[start : html.index("</script>", start)])
    assert {row["text"] for row in data["segments"]} == {nasty}
    assert all("</script>" in row["id"] for row in data["segments"])


def test_the_page_names_nothing_outside_of_itself(page_of):
    html = to_html(page_of())
    for needle in ("http:", "https:", "//cdn", "@import", "url("):
        assert needle not in html.replace("http://www.w3.org/2000/svg", ""), needle


def test_groups_are_those_of_the_margin(page_of):
    page = page_of(params={"margin.groups": [-1.0, 0.5]})
    assert page["groupNames"] == {"0": "≤ −1", "1": "−1 … 0.5", "2": "> 0.5"}
    for row in page["segments"]:
        assert row["group"] == sum(row["label"] > cut for cut in (-1.0, 0.5))


def test_two_classes_are_called_by_their_labels(page_of):
    page = page_of(params=BINARY, error_sd=0.4)
    assert page["binary"]
    assert set(page["groupNames"].values()) <= {"0", "1"}
    assert list_of(page, "valid-order")["entries"]


def test_one_seed_and_no_test_split_work(page_of):
    page = page_of(seeds=(4,), n_segments={"train": 5, "valid": 6, "test": 0})
    assert [each["split"] for each in page["lists"]] == ["valid", "valid", "valid", "train", "train"]
    assert all(len(row["predictions"]) == 1 for row in page["segments"] if row["split"] == "valid")


def test_a_predicted_segment_that_the_manifest_does_not_know_is_an_error_for_people(read_run, tmp_path):
    read_run()
    table = tmp_path / "reports/predictions.csv"
    table.write_text(table.read_text().replace("valid_000", "valid_xyz"))
    with pytest.raises(
        PipelineError, match="segment valid_xyz: predicted or weighed, but not in the manifest"
    ):
        read_inputs(report.INSPECTED, parameters=report.settled_parameters())


def test_thousands_of_segments_make_a_page_of_bounded_size(read_run):
    inputs = read_run(
        n_segments={"train": 8, "valid": 500, "test": 2500}, texts=lambda split, n: "some twenty words " * 7
    )
    page = build_page(inputs, with_text=True, root="..")
    assert max(len(each["entries"]) for each in page["lists"] if each["kind"] != "map") == 200
    assert len(list_of(page, "test-map")["entries"]) == MOST_SEGMENTS
    assert len(to_html(page)) < 2_000_000


def test_the_same_run_gives_the_same_bytes(read_run):
    inputs = read_run()
    assert to_html(build_page(inputs, with_text=True, root="..")) == to_html(
        build_page(inputs, with_text=True, root="..")
    )


def test_words_are_read_one_segment_at_a_time(read_run, tmp_path):
    read_run()
    path = tmp_path / "data/words/words.jsonl"
    words = tuple(Word(f"word{number}", number / 10, number / 10 + 0.1) for number in range(300))
    ids = [segment.id for segment in read_segments(tmp_path / "data/manifest/segments.jsonl")]
    write_words(path, [SegmentWords(id_, "given", words) for id_ in ids])
    tracemalloc.start()
    inputs = read_inputs(report.INSPECTED, parameters=report.settled_parameters())
    shown = inputs.read_shown({*ids})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {each.align_method for each in shown.values()} == {"given"}
    assert set(shown) == set(ids)
    # All words of all segments at once would take several times the bytes of their file.
    assert peak < path.stat().st_size


def test_of_train_only_what_was_weighed_is_held(read_run, tmp_path):
    ordinary = read_run()
    path = tmp_path / "data/manifest/segments.jsonl"
    segments = read_segments(path)
    train = {segment.id: segment for segment in segments if segment.split == "train"}
    write_segments(path, [*(replace(each, id=f"{each.id} again") for each in train.values()), *segments])
    found = read_inputs(report.INSPECTED, parameters=report.settled_parameters())
    assert found.weighed == ordinary.weighed == train


def test_of_a_large_split_the_manifest_is_read_where_the_page_shows_a_segment(read_run, tmp_path):
    texts = {"train": 10, "valid": 10, "test": 10_000}
    read_run(
        n_segments={"train": 4, "valid": 8, "test": 1500}, texts=lambda split, n: str(n) + "x" * texts[split]
    )
    size = (tmp_path / "data/manifest/segments.jsonl").stat().st_size
    tracemalloc.start()
    inputs = read_inputs(report.INSPECTED, parameters=report.settled_parameters())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 2
    shown = inputs.read_shown({"test_0007", "test_007"})
    assert {id_: each.segment.text[:1] for id_, each in shown.items()} == {"test_007": "7"}


def test_names_that_segments_have_in_common_are_in_memory_once(read_run):
    inputs = read_run()
    segments = inputs.read_predicted(inputs.predictions[0])
    assert [segment.id for segment in segments] == list(inputs.predictions[0].ids)
    assert len({id(segment.speaker) for segment in segments}) == len(
        {segment.speaker for segment in segments}
    )


def test_what_the_report_is_made_from_is_let_go_before_the_inspector(monkeypatch):
    class Inputs:
        pass

    inputs = Inputs()
    left = weakref.ref(inputs)
    held = [inputs]
    del inputs
    monkeypatch.setattr(report, "read_inputs", held.pop)
    monkeypatch.setattr(report, "write_report", lambda inputs: None)
    monkeypatch.setattr(report, "read_card_inputs", lambda inputs: None)
    monkeypatch.setattr(report, "card_to_markdown", lambda inputs: "")
    monkeypatch.setattr(report, "write_text", lambda path, text: None)
    monkeypatch.setattr(report, "write_inspector", lambda: gone.append(left() is None))
    gone: list[bool] = []
    report.main()
    assert gone == [True]


def test_the_scale_holds_the_means_of_the_baseline(read_run):
    inputs = read_run()
    far = [
        replace(each, models={**each.models, "pointwise": each.models["pointwise"] + 9.0})
        for each in inputs.predictions
    ]
    page = build_page(replace(inputs, predictions=far), with_text=True, root="..")
    low, high = page["axis"]
    drawn = [segment["baseline"] for segment in page["segments"] if "baseline" in segment]
    assert max(drawn) > 6
    assert low <= min(drawn)
    assert max(drawn) <= high
