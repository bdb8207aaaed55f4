"""`python -m pipeline preview`: what the extractors see in a recording, for a person to look at."""

import argparse
import sys
from pathlib import Path

from pipeline import params
from pipeline.artifacts.outputs import require_writable, write_output
from pipeline.commands.predict import add_recording_arguments, recordings
from pipeline.errors import PipelineError
from pipeline.prediction.recording import as_segment

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
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a file that this command did not write; never a recording",
    )


def run(args: argparse.Namespace) -> int:
    """Draw one recording."""
    asked = recordings(args)
    if len(asked) > 1 or asked[0].media is None:
        raise PipelineError(f"preview draws one clip, found {len(args.media)}; name one")
    if args.n < 1:
        raise PipelineError(f"--n is {args.n}; expected at least 1")
    out: Path = args.out or Path(f"{asked[0].media.stem}.preview.html")
    if out.suffix.lower() not in (".html", ".png"):
        raise PipelineError(f"{out}: expected a name that ends in .html or .png")
    require_writable(out, force=args.force)
    # Inside, so that --help and a mistyped option do not wait for Matplotlib and pocketsphinx.
    from pipeline.extract.extractors import choose
    from pipeline.extract.visual.mesh import FaceSettings
    from pipeline.extract.words.locate import WordSettings, locate_words
    from pipeline.prediction.contact_sheet import as_html, as_png, heading
    from pipeline.prediction.preview import preview

    segment = as_segment(asked[0], language=params.load(params.Corpus).language)
    spoken = locate_words(segment, WordSettings(**params.load(params.Words).model_dump()))
    faces = choose(FaceSettings, params.load(params.Visual).model_dump())
    sheet = preview(segment, spoken, faces=faces, n_tiles=args.n)
    content = as_png(sheet) if out.suffix.lower() == ".png" else as_html(sheet).encode()
    write_output(out, content, force=args.force)
    sys.stdout.write(f"{heading(sheet)}\nwrote {out}\n")
    return 0
