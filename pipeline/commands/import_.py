"""`python -m pipeline import`: a corpus from wherever it is to data/raw, under DVC, and what to run next."""

import argparse
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline import params
from pipeline.artifacts.sequences import MODALITIES
from pipeline.corpus.layouts import LAYOUTS
from pipeline.errors import PipelineError
from pipeline.intake.columns import ColumnChoice
from pipeline.intake.conversion import Converted, convert_table, is_table
from pipeline.intake.copying import Link
from pipeline.intake.importing import CACHE_TYPES, Imported, corpus_name, import_corpus
from pipeline.yaml12 import parse_yaml, read_yaml

RAW = Path("data/raw")

DESCRIPTION = """\
Bring a corpus into data/raw and put it under DVC, so that runs, `dvc exp run --temp` and sweeps find it. The source is a
folder or an archive (.zip, .tar, .tar.gz); it is checked against the layout before anything is copied and stays as it is.
An interrupted import goes on from where it was when the same command is run again. The layouts are described in
docs/reference/data.md.
"""

EXAMPLES = """\
examples:
  python -m pipeline import sims ~/CH-SIMS
  python -m pipeline import mustard mmsd.zip --name mustard
  python -m pipeline import mosei /corpora/CMU-MOSEI --link hardlink
  python -m pipeline import folder reviews.csv --label stars --text review --speaker author
"""

_ROLES = {
    "id": "with a name for each segment",
    "label": "to learn",
    "text": "with the transcripts",
    "split": "with train, valid and test",
    "speaker": "with whoever speaks",
    "video": "with the recording that a segment is part of",
    "spread": "with the standard deviation of several raters' labels",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("layout", choices=list(LAYOUTS), help="how the corpus is organised")
    parser.add_argument(
        "path",
        type=Path,
        help="its folder, its archive, or the one file that it is: a pickle, or for layout folder a table",
    )
    parser.add_argument(
        "--name", help="the folder below data/raw to be; default: from the name of the source"
    )
    parser.add_argument(
        "--link",
        choices=["copy", "hardlink"],
        default="copy",
        help="copy shares blocks where the file system can; hardlink takes no room, but the source's own files then "
        "become read-only and share every change",
    )
    table = parser.add_argument_group(
        "a table as a corpus",
        "layout folder takes a .csv or .tsv of text or features and labels. Columns are known by their usual names, or named here; "
        "none = no column of the table.",
    )
    for role, what in _ROLES.items():
        table.add_argument(f"--{role}", metavar="COLUMN", help=f"column {what}")
    table.add_argument(
        "--other-labels", metavar="COLUMN", nargs="+", default=[], help="columns to keep as further labels"
    )
    for modality in MODALITIES:
        table.add_argument(
            f"--{modality}-features",
            metavar="PATTERN",
            nargs="+",
            help=f"columns of numbers that describe the {modality} of a segment, such as 'mfcc*'; '!mfcc0' takes one away",
        )
    table.add_argument("--complete", action="store_true", help="leave out rows that lack a feature")
    table.add_argument("--words", metavar="FILE", type=Path, help="a table of words with times beside it")


def run(args: argparse.Namespace) -> int:
    """Import one corpus and say what came of it."""
    name = args.name or corpus_name(args.path)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise PipelineError(
            f"{name!r} is no name for a corpus; name one of letters, digits, '_', '.' and '-' by --name"
        )
    links: tuple[Link, ...] = ("hardlink",) if args.link == "hardlink" else ("reflink", "copy")
    done = import_corpus(LAYOUTS[args.layout], args.path, name=name, raw=RAW, links=links, table=_table(args))
    sys.stdout.write(_said(done, name=name, layout=args.layout))
    return 0


def _table(args: argparse.Namespace) -> Callable[[Path, Path], Converted] | None:
    """What converts a table, None where the layout is of another form.

    Raises:
        PipelineError: there is no table that the options on columns could be about.
    """
    choice = ColumnChoice(
        roles={role: column for role in _ROLES if (column := getattr(args, role)) is not None},
        other_labels=args.other_labels,
        features={
            modality: patterns
            for modality in MODALITIES
            if (patterns := getattr(args, f"{modality}_features")) is not None
        },
        complete=args.complete,
    )
    if args.layout == "folder" and is_table(args.path):
        return partial(convert_table, choice=choice, words=args.words)
    if args.words is not None or not choice.says_nothing:
        raise PipelineError(
            f"{args.path}: options on columns are for a table (.csv or .tsv) of layout folder; leave them out"
        )
    return None


def _said(done: Imported, *, name: str, layout: str) -> str:
    used = [candidate for candidate in done.candidates if candidate.excluded is None]
    splits = Counter(candidate.split for candidate in used)
    known = ", ".join(f"{splits[split]} {split}" for split in ("train", "valid", "test") if splits[split])
    lines = [
        f"{done.folder}: {len(used)} segments ({known or 'no split of its own: drawn by speaker or video'}) in "
        f"{done.n_files} files, {done.n_bytes / 1e6:.1f} MB",
    ]
    if len(used) < len(done.candidates):
        first = next(candidate.excluded for candidate in done.candidates if candidate.excluded is not None)
        lines.append(f"{len(done.candidates) - len(used)} further segments are not used; the first: {first}")
    if done.missing_media:
        lines.append(f"{len(done.missing_media)} media files are missing; the first: {done.missing_media[0]}")
    lines += done.notes
    if done.set_cache_type:
        lines.append(
            f"set cache.type to {CACHE_TYPES} in .dvc/config, so that the corpus is on the disk once"
        )
    settings = {"corpus.name": name, "corpus.layout": layout} | _changed(dict(LAYOUTS[layout].settings))
    # Features that lie in the corpus folder under the name of their modality, as `export npz` writes them, are meant to be used.
    settings |= {
        f"{modality}.precomputed": f"{modality}.npz"
        for modality in MODALITIES
        if layout == "folder" and (done.folder / f"{modality}.npz").is_file()
    }
    changes = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    if settings.get("corpus.language", "en") != "en":
        lines.append(
            "the text encoder of params.yaml may not know this language; name one that does by -S text.model=…"
        )
    return "\n".join(
        [
            *lines,
            "",
            "look at it, keep it, run it:",
            f"  python -m pipeline check {shlex.quote(name)} --layout {layout}",
            f"  git add {done.folder}.dvc {done.folder.parent}/.gitignore .dvc/config && git commit -m 'Corpus {name}'",
            f"  {shlex.join(['dvc', 'exp', 'run', *changes])}",
            "",
        ]
    )


def _changed(settings: dict[str, str]) -> dict[str, str]:
    """Those that params.yaml holds otherwise."""
    wanted = params.checked({key: parse_yaml(value) for key, value in settings.items()})
    sections = read_yaml(params.PARAMS_FILE)
    current = params.checked({key: _held(sections, key) for key in settings})
    return {key: value for key, value in settings.items() if wanted[key] != current[key]}


def _held(sections: dict[str, dict[str, object]], key: str) -> object:
    section, _, below = key.partition(".")
    return sections[section][below]
