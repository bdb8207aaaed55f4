"""`python -m pipeline new`: a fresh repository with this pipeline, for a study that is no fork of it."""

import argparse
import shlex
import sys
from collections import Counter
from pathlib import Path

from pipeline.intake.importing import corpus_name
from pipeline.scaffold.study import Study, make_study

DESCRIPTION = """\
Make a repository for a study: the pipeline's files as they are here, DVC set up, a corpus to be filled, the workflow of CI, and a
README that says what to do next. No corpus, no results and no history go along; parameters are those of the last commit.

The folder must not be there, or be empty.
"""

EXAMPLES = """\
examples:
  python -m pipeline new ../my_study
  python -m pipeline new ../my_study --corpus interviews
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the repository to make")
    parser.add_argument(
        "--corpus", metavar="NAME", help="name of the corpus, a folder of data/raw (that of FOLDER)"
    )


def run(args: argparse.Namespace) -> int:
    """Make the repository, and say what was written and what is to be done."""
    folder: Path = args.folder
    name: str = args.corpus if args.corpus is not None else corpus_name(folder)
    sys.stdout.write(_report(make_study(folder, corpus=name), folder))
    return 0


def _report(study: Study, folder: Path) -> str:
    tops = Counter(name.partition("/")[0] for name in study.files)
    written = ", ".join(f"{top}/ ({n})" for top, n in sorted(tops.items()) if (study.folder / top).is_dir())
    plain = ", ".join(name for name in study.files if "/" not in name)
    lines = [
        f"{folder}: a study with {len(study.files)} files",
        f"  {written}",
        f"  {plain}",
        f"  data/raw/{study.corpus}: an empty corpus, which git ignores and DVC will track",
    ]
    quoted = shlex.quote(str(folder))
    if study.commit is None:
        lines += [
            "",
            f"nothing is committed yet: {study.reason}. All files are staged; once that is mended, commit them:",
            f"  cd {quoted}",
        ]
        if study.unknown_author:
            lines.append("  git config user.name 'Your Name' && git config user.email you@example.org")
        lines.append(f"  git commit --message {shlex.quote(study.message)}")
    else:
        lines.append(f"  committed as {study.commit}")
    if study.around is not None:
        lines += [
            "",
            f"it lies inside of {study.around}, whose git takes it for untracked; move it where you like",
        ]
    corpus = f"data/raw/{shlex.quote(study.corpus)}"
    lines += [
        "",
        "what to do next (README.md there says more):",
        f"  cd {quoted}",
        "  make environment && . .venv/bin/activate",
        f"  # put clips into {corpus}/clips and a row for each into {corpus}/segments.csv",
        f"  python -m pipeline import folder {corpus}",
        "  dvc repro",
        "",
    ]
    return "\n".join(lines)
