"""`python -m pipeline preview`: what the extractors see in a recording, for a person to look at."""

import argparse
import sys
from pathlib import Path

from pipeline import params
from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.formats.outputs import add_force, require_writable, write_output
from pipeline.commands.predict import add_recording_arguments, recordings
from pipeline.corpus.facts import FACTS_FILE, read_facts
from pipeline.errors import PipelineError
from pipeline.settled.facts import RAW

DESCRIPTION = """\
Draw a few pictures of a recording as the extractors see them: the points of the face, where the head looks, the word
that is spoken at that moment, and whether the picture counts. Takes the sections words and visual of params.yaml and
needs no trained model, so a corpus can be looked at before anything runs.
"""

EXAMPLES = """\
examples:
  python -m pipeline preview clip.mp4
  python -m pipeline preview clip.mp4 --transcript "I would see it again." --out sheet.png
  python -m pipeline preview talk.mkv --start-s 61.5 --end-s 66 --n 12 --out talk.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    add_recording_arguments(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="a .html or .png file; default: <name of the clip>.preview.html",
    )
    parser.add_argument("--n", metavar="N", type=int, default=6, help="how many pictures; default 6")
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Draw one recording."""
    if not args.media:
        raise PipelineError(
            "preview draws the pictures of one clip, and none is named; run for example `python -m pipeline preview clip.mp4`"
        )
    if len(args.media) > 1:
        raise PipelineError(f"preview draws one clip, found {len(args.media)}; name one")
    if args.n < 1:
        raise PipelineError(f"--n is {args.n}; expected at least 1")
    (recording,) = recordings(args)
    out: Path = args.out or Path(f"{args.media[0].stem}.preview.html")
    if out.suffix.lower() not in (".html", ".png"):
        raise PipelineError(f"{out}: expected a name that ends in .html or .png")
    require_writable(out, force=args.force)
    # Inside, so that --help and a mistyped option wait for no library; OpenCV and MediaPipe are loaded in the worker.
    from pipeline.prediction.guarded import Previewer, Refusal, map_segments, open_recordings

    language = _language(params.load(params.Corpus))
    previewer = Previewer(
        words=params.load(params.Words).model_dump(),
        visual=params.load(params.Visual).model_dump(),
        n_tiles=args.n,
        suffix=out.suffix.lower(),
    )
    (opened,) = open_recordings([recording], language=language)
    if isinstance(opened, Segment) and not opened.has_video:
        raise PipelineError(
            f"{recording.name}: has no video, so there is nothing to draw; name a file with pictures"
        )
    (answer,) = map_segments(previewer, [opened])
    if isinstance(answer, Refusal):
        raise PipelineError(answer.sentence)
    for note in answer.result.notes:
        sys.stderr.write(f"{note}\n")
    write_output(out, answer.result.content, force=args.force)
    sys.stdout.write(f"{answer.result.heading}\nwrote {out}\n")
    return 0


def _language(corpus: params.Corpus) -> str:
    """That of params.yaml or of the corpus; a recording can be looked at before there is any corpus."""
    if corpus.language is not None:
        return corpus.language
    folder = RAW / corpus.name
    return (read_facts(folder).language if (folder / FACTS_FILE).is_file() else None) or "en"
