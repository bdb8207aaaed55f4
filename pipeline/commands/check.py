"""`python -m pipeline check`: what is in a corpus, and what would end or spoil a run, before anything heavy runs."""

import argparse
import json
import sys
from pathlib import Path

from pipeline import params
from pipeline.artifacts.outputs import require_writable, write_output
from pipeline.corpus.layouts import LAYOUTS
from pipeline.errors import PipelineError
from pipeline.intake.checking import check_corpus
from pipeline.intake.page import to_html, to_json, to_text
from pipeline.intake.problems import Rules
from pipeline.yaml12 import parse_yaml

RAW = Path("data/raw")

DESCRIPTION = """\
Look at a corpus before anything heavy runs: segments, speakers, hours and languages of each split, labels, media that
are missing or cannot be opened, speakers and recordings in two splits, sentences that are nearly the same in two splits.
The status is 1 where something would end or spoil a run.

Without --layout, the corpus is held against params.yaml. With another layout than that of params.yaml, against what
that layout asks of params.yaml, as `python -m pipeline import` prints it.
"""

EXAMPLES = """\
examples:
  python -m pipeline check
  python -m pipeline check mustard --layout mustard --html mustard.html
  python -m pipeline check ~/CH-SIMS --layout sims --open all
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("corpus", nargs="?", help="a folder, or a name below data/raw; default: corpus.name")
    parser.add_argument("--layout", choices=list(LAYOUTS), help="how it is organised; default: corpus.layout")
    parser.add_argument(
        "--split", help="the split to look at: standard, drawn or fold_1 …; default: manifest.split"
    )
    parser.add_argument(
        "--open",
        metavar="N",
        default="200",
        help="how many media files to open, evenly spread, or all; every one is looked for; default 200",
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with a figure, too")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a file that this command did not write; never a recording",
    )


def run(args: argparse.Namespace) -> int:
    """Check one corpus, and print what was found."""
    if args.html is not None:
        require_writable(args.html, force=args.force)
    corpus = params.load(params.Corpus)
    layout = args.layout or corpus.layout
    if args.open != "all" and not args.open.isdecimal():
        raise PipelineError(f"--open is {args.open!r}; expected a whole number or all")
    report = check_corpus(
        _folder(args.corpus or corpus.name),
        layout=layout,
        reader=LAYOUTS[layout],
        rules=_rules(layout if layout != corpus.layout else None, args.split),
        n_opened=None if args.open == "all" else int(args.open),
    )
    if args.html is not None:
        write_output(args.html, to_html(report).encode(), force=args.force)
        sys.stderr.write(f"wrote {args.html}\n")
    sys.stdout.write(
        json.dumps(to_json(report), indent=2, ensure_ascii=False) + "\n" if args.json else to_text(report)
    )
    return int(report.has_errors)


def _folder(named: str) -> Path:
    """A name below data/raw before a folder of that name: corpora are spoken of by name."""
    below = RAW / named
    folder = below if "/" not in named and below.is_dir() else Path(named).expanduser()
    if not folder.is_dir():
        raise PipelineError(f"{named}: neither a corpus below {RAW} nor a folder; check its name")
    return folder


def _rules(layout: str | None, split: str | None) -> Rules:
    """What params.yaml says, changed as the layout asks for and as `split` says."""
    settings = {} if layout is None else dict(LAYOUTS[layout].settings)
    changes = {key: parse_yaml(value) for key, value in settings.items()}
    if split is not None:
        changes["manifest.split"] = split
    changed = params.checked(changes) if changes else {}
    corpus, manifest = params.load(params.Corpus), params.load(params.Manifest)
    return Rules(
        label_min=changed.get("corpus.label_min", corpus.label_min),
        label_max=changed.get("corpus.label_max", corpus.label_max),
        binary=changed.get("task.kind", params.load(params.Task).kind) == "binary",
        language=changed.get("corpus.language", corpus.language),
        split=changed.get("manifest.split", manifest.split),
        valid_share=manifest.valid_share,
        test_share=manifest.test_share,
        split_seed=manifest.split_seed,
        max_rejected_share=manifest.max_rejected_share,
        groups=changed.get("margin.groups", params.load(params.Margin).groups),
    )
