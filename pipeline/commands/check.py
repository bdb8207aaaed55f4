"""`python -m pipeline check`: what is in a corpus, and what would end or spoil a run, before anything heavy runs."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from pipeline import params
from pipeline.artifacts.formats.outputs import add_force, require_writable, write_output
from pipeline.corpus.facts import FACTS_FILE, Facts, read_facts
from pipeline.corpus.layouts import LAYOUTS, layout_name
from pipeline.errors import PipelineError, written_out_in_json
from pipeline.execution.cache import path_named
from pipeline.intake.checking import check_corpus
from pipeline.intake.facts import find_facts, rules_of
from pipeline.intake.page import to_html, to_json, to_text
from pipeline.intake.problems import Rules
from pipeline.settled.facts import RAW, chosen_task

DESCRIPTION = """\
Look at a corpus before anything heavy runs: segments, speakers, hours and languages of each split, labels, media that
are missing or cannot be opened, speakers and recordings in two splits, sentences that are nearly the same in two splits.
The status is 1 where something would end or spoil a run.

The corpus is held against the facts in its corpus.yaml, and against params.yaml if it is the corpus named there. With
--layout, a folder that has no corpus.yaml yet is held against the facts that `python -m pipeline import` would write.
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
    parser.add_argument(
        "--layout",
        type=layout_name,
        metavar="LAYOUT",
        help=f"how it is organised: {', '.join(LAYOUTS)}, or file.py:Name of a file in plugins/; default: as its corpus.yaml says",
    )
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
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Check one corpus, and print what was found."""
    if args.html is not None:
        require_writable(args.html, force=args.force)
    corpus = params.load(params.Corpus)
    if args.open != "all" and not args.open.isdecimal():
        raise PipelineError(f"--open is {args.open!r}; expected a whole number or all")
    if args.split is not None:
        params.checked({"manifest.split": args.split})
    folder = _folder(args.corpus or corpus.name)
    facts = None if args.layout is not None and not (folder / FACTS_FILE).is_file() else read_facts(folder)
    if facts is not None and args.layout not in (None, facts.layout):
        facts = None
    layout = args.layout or (facts.layout if facts is not None else "")
    in_params = folder.resolve() == (RAW / corpus.name).resolve()
    report = check_corpus(
        folder,
        layout=layout,
        rules_for=lambda candidates: _rules(
            facts or find_facts(layout, candidates, folder).facts, folder, args.split, in_params=in_params
        ),
        n_opened=None if args.open == "all" else int(args.open),
    )
    if args.html is not None:
        write_output(args.html, to_html(report).encode(), force=args.force)
        sys.stderr.write(f"wrote {args.html}\n")
    sys.stdout.write(
        written_out_in_json(json.dumps(to_json(report), indent=2, ensure_ascii=False)) + "\n"
        if args.json
        else to_text(report)
    )
    return int(report.has_errors)


def _folder(named: str) -> Path:
    """A name below data/raw before a folder of that name: corpora are spoken of by name."""
    below = RAW / named
    folder = below if "/" not in named and below.is_dir() else path_named(named)
    if not folder.is_dir():
        raise PipelineError(f"{named}: neither a corpus below {RAW} nor a folder; check its name")
    return folder


def _rules(facts: Facts, folder: Path, split: str | None, *, in_params: bool) -> Rules:
    """What a run holds the corpus against; the choices of params.yaml are for the corpus that it names."""
    manifest = params.load(params.Manifest)
    corpus = params.load(params.Corpus)
    rules = rules_of(
        facts,
        folder,
        label=corpus.label if in_params else None,
        language=corpus.language if in_params else None,
        split=split or manifest.split,
        valid_share=manifest.valid_share,
        test_share=manifest.test_share,
        split_seed=manifest.split_seed,
        max_rejected_share=manifest.max_rejected_share,
    )
    return replace(rules, task=chosen_task(facts)) if in_params else rules
