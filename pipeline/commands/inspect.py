"""`python -m pipeline inspect`: the page of pairs and segments that the model gets wrong, as it is or for sharing."""

import argparse
import os
import sys
from pathlib import Path

from pipeline import params
from pipeline.artifacts.formats.files import write_text
from pipeline.artifacts.formats.outputs import add_force, require_writable, write_output
from pipeline.inspector.html import to_html
from pipeline.inspector.inputs import InspectorFiles, read_inputs
from pipeline.inspector.page import build_page
from pipeline.settled.task import load_task

# As the stage `report` has them.
FILES = InspectorFiles(
    segments=Path("data/manifest/segments.jsonl"),
    words=Path("data/words/words.jsonl"),
    features={
        "text": Path("data/text"),
        "audio": Path("data/audio"),
        "visual": Path("data/visual"),
    },
    predictions=Path("reports/predictions.csv"),
    hardest=Path("data/weights/hardest_pairs.json"),
    representations=Path("data/representations"),
)
TASK = Path("data/manifest/task.json")
SECTIONS = (params.Corpus, params.Margin, params.Advantage, params.Report)
WITH_TEXT, WITHOUT_TEXT = Path("reports/inspector.html"), Path("reports/inspector_shared.html")

DESCRIPTION = """\
Write the ranking inspector: the pairs that the model orders wrongly, those that weigh most in stage 1, the segments with
the largest errors, and a map of the representations, each segment with its transcript, its predictions over the seeds and
its recording. Runs no stage.

--no-text leaves out transcripts, recordings, their names, and what extractors said of them, for a copy that can be
shared. Ids, speakers, labels and predictions remain. `report.transcripts: false` in params.yaml does the same.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION
    parser.add_argument("--no-text", action="store_true", help="leave out transcripts and recordings")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help=f"where to write; {WITH_TEXT}, or with --no-text {WITHOUT_TEXT}",
    )
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where."""
    with_text = params.load(params.Report).transcripts and not args.no_text
    file: Path = args.out or (WITHOUT_TEXT if args.no_text else WITH_TEXT)
    if args.out is not None:
        require_writable(file, force=args.force)
    # Links to the recordings lead from wherever the page is.
    root = Path(os.path.relpath(Path.cwd(), file.resolve().parent)).as_posix()
    inputs = read_inputs(FILES, parameters=params.dump(SECTIONS) | load_task(TASK).parameters)
    page = to_html(build_page(inputs, with_text=with_text, root=root))
    if args.out is None:
        write_text(file, page)  # the stage `report` writes the same bytes there
    else:
        write_output(file, page.encode(), force=args.force)
    left_out = "" if with_text else ", without transcripts and recordings"
    sys.stdout.write(f"{file}: {file.stat().st_size:,} bytes{left_out}\n")
    return 0
