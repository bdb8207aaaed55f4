import pytest

from benchmarks.cluster import WINDOW_S, page, windows
from pipeline.errors import PipelineError
from tests.segments import make_segment


def recordings(*ends_s: float):
    return [
        make_segment(id=f"s{number}", media=f"{number}.mp4", start_s=0.0, end_s=end_s)
        for number, end_s in enumerate(ends_s)
    ]


def test_windows_are_distinct_lie_within_their_recordings_and_go_over_all_of_them():
    found = windows(recordings(0.9, 2.0, 3.5), 9)
    assert len({segment.id for segment in found}) == len({(s.media, s.start_s) for s in found}) == 9
    assert {segment.media for segment in found} == {"1.mp4", "2.mp4"}, "one recording is too short"
    ends = {"1.mp4": 2.0, "2.mp4": 3.5}
    for segment in found:
        assert segment.end_s - segment.start_s == pytest.approx(WINDOW_S)
        assert 0 <= segment.start_s < segment.end_s <= ends[segment.media]


def test_more_windows_than_milliseconds_are_refused():
    with pytest.raises(PipelineError, match="1 recordings give"):
        windows(recordings(1.002), 50)


def test_the_page_compares_with_the_pool_and_does_not_hide_another_digest():
    rows = [
        {"engine": "pool", "processor_s": 100.0, "wall_clock_s": 50.0, "sha256": {"audio": "a"}},
        {"engine": "local:2", "processor_s": 112.0, "wall_clock_s": 60.0, "sha256": {"audio": "b"}},
    ]
    written = page({"cores": 2, "corpora": [{"n_segments": 2000, "media_s": 2000.0, "rows": rows}]})
    assert "| local:2 | 112 | 1.12 | 60 | NO |" in written
    assert "## 2,000 segments, 2000 s of media" in written
