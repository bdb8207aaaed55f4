"""Every page that the pipeline makes, of inputs as small as they may be; the kit is tried on a whole report too."""

from pathlib import Path

import numpy as np
import pytest
from markupsafe import Markup

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.comparison import series_page
from pipeline.comparison.html import as_html
from pipeline.comparison.leaderboard import leaderboard
from pipeline.comparison.series import Entry, Series, read_series
from pipeline.evaluation.protocols import MOSI
from pipeline.history.revisions import Revision
from pipeline.inspector import html as inspector
from pipeline.inspector.inputs import read_inputs
from pipeline.inspector.page import build_page
from pipeline.intake import page as check
from pipeline.intake.checking import CorpusReport, Part
from pipeline.intake.problems import Problem
from pipeline.pages.html import to_html
from pipeline.pages.svg import element, picture
from pipeline.prediction import contact_sheet
from pipeline.prediction.preview import Sheet, Tile
from pipeline.prediction.timeline import Page, timeline
from stages import report
from tests.comparison.repositories import new_repository
from tests.comparison.test_html import run
from tests.inspector import runs
from tests.reporting.conftest import document, inputs, ordinary

__all__ = ["document", "inputs", "ordinary", "pages"]


@pytest.fixture(scope="session")
def pages(document, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each page by what makes it."""
    board = leaderboard(
        run("base", base=0.2), [run("wide", base=0.5)], protocol=MOSI, confidence=0.95, n_resamples=20
    )
    return {
        "report": to_html(document),
        "comparison": as_html(board, board.rows, with_leaderboard=False),
        "leaderboard": as_html(board, board.rows, with_leaderboard=True),
        "history": series_page.as_html(series(tmp_path_factory.mktemp("tracked"))),
        "check": check.to_html(corpus_report()),
        "inspector": inspector.to_html(inspected(tmp_path_factory.mktemp("inspected"))),
        "preview": contact_sheet.as_html(sheet()),
        "prediction": timeline([prediction()]),
    }


def inspected(folder: Path) -> dict[str, object]:
    with pytest.MonkeyPatch.context() as patch:
        runs.write_run(folder, runs.Run())
        patch.chdir(folder)
        inputs = read_inputs(report.INSPECTED, parameters=report.settled_parameters())
        return build_page(inputs, with_text=True, root="..")


def series(root: Path) -> Series:
    """Two parts, a step in the second, and a commit that holds no run."""
    repository = new_repository(root)
    entries = []
    for number, (noise, n_segments) in enumerate(((0.5, 39), (0.5, 40), (0.5, 40), (1.5, 40), (1.5, 40))):
        repository.write_run(noise=noise, n_segments=n_segments)
        sha = repository.commit(f"run {number}")
        entries.append(Entry(Revision(sha[:7], sha), "2020-01-01", f"run {number}"))
    (root / "reports/predictions.csv").unlink()
    sha = repository.commit("no run")
    entries.insert(2, Entry(Revision(sha[:7], sha), "2020-01-01", "no run"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return read_series(
            entries, name="main", metric=None, protocol_of=lambda run: MOSI, confidence=0.95, n_resamples=50
        )


def corpus_report() -> CorpusReport:
    part = Part(
        n_segments=3, n_speakers=1, n_videos=1, n_with_text=3, n_with_words=0, n_with_media=3, mean_label=-0.5,
        mean_duration_s=2.0, total_duration_s=6.0, languages={"en": 3},
    )  # fmt: skip
    return CorpusReport(
        folder="corpus",
        layout="folder",
        n_excluded=0,
        parts={"train": part, "valid": part},
        label_edges=(-1.0, 0.0, 1.0),
        label_counts={"train": (2, 1), "valid": (0, 3)},
        n_media=6,
        n_media_opened=2,
        duration_is_estimated=True,
        annotator_spread=0.3,
        groups=(-0.3, 0.3),
        problems=[
            Problem("error", "media", 1, "clips/a.mp4 is missing"),
            Problem("warning", "text", 2, "short"),
        ],
    )


def sheet() -> Sheet:
    tile = Tile(
        time_s=0.5,
        image=np.zeros((4, 6, 3), np.uint8),
        before="it",
        word="was",
        after="good",
        valid=True,
        pose=(-3.0, 0.0, 12.0),
        face_size=0.4,
        zoomed=False,
    )
    segment = Segment(
        id="clip", split="test", label=0.0, speaker="s", video="v", language="en", text=None, media="clip.mp4",
        media_sha256=None, has_audio=True, has_video=True, start_s=0.0, end_s=1.0,
    )  # fmt: skip
    return Sheet(segment, SegmentWords("clip", "none", ()), [tile], 1, 1)


def prediction() -> Page:
    drawn = picture(
        [element("line", class_="rule", x1=0, y1=0, x2=9, y2=9)], width=9.0, height=9.0, label="a line"
    )
    return Page(
        title="clip",
        path="clip.mp4",
        span="0.00 to 1.00 s",
        quantity="sentiment",
        value="−0.50",
        range="The range of the training labels",
        spread="mean of 2 seeds from −0.60 to −0.40, sd 0.14",
        scale=drawn,
        panels=[drawn, Markup(drawn)],
        modalities=[("text", "−0.30", 100.0, "down"), ("audio", "absent", 0.0, "down")],
        facts=[("words", "none")],
        notes=["Give a transcript with --transcript."],
        has_sound=True,
        has_faces=True,
        pitch_range="60 to 450 Hz",
        full_bar="0.14",
        has_rows=True,
    )
