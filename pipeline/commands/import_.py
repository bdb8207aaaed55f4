"""`python -m pipeline import`: a corpus from wherever it is to data/raw, under DVC, and what to run next."""

import argparse
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from pipeline import params
from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.artifacts.corpus.task import Kind, ProtocolName
from pipeline.comparison.parameters import flattened, same_value
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import language_code
from pipeline.corpus.facts import FACTS_FILE, NAME, POOL, Facts
from pipeline.corpus.layouts import LAYOUTS, layout_name
from pipeline.errors import PipelineError
from pipeline.execution.cache import path_named
from pipeline.execution.variables import variable
from pipeline.history.revisions import read_files, resolve_all
from pipeline.intake.archives import is_archive
from pipeline.intake.checking import refuse_unusable
from pipeline.intake.columns import ColumnChoice
from pipeline.intake.conversion import Converted, convert_table, is_table
from pipeline.intake.copying import Link
from pipeline.intake.facts import Given, Known, rules_of
from pipeline.intake.importing import CACHE_TYPES, Imported, corpus_name, import_corpus
from pipeline.intake.pooling import part_names, put_together
from pipeline.settled.facts import RAW
from pipeline.storage.place import VARIABLE, Place, is_address, place_at, places_by_corpus, without_secrets
from pipeline.yaml12 import parse_yaml, read_yaml

DESCRIPTION = """\
Bring a corpus into data/raw and put it under DVC, so that runs, `dvc exp run --temp` and sweeps find it. The source is a
folder or an archive (.zip, .tar, .tar.gz); it is checked against the layout before anything is copied and stays as it is.
What the corpus is (language, label, protocol, …) is written into its corpus.yaml, so that choosing it is one parameter.
An interrupted import goes on from where it was when the same command is run again. The layouts are described in
docs/reference/data.md.
"""

EXAMPLES = """\
examples:
  python -m pipeline import sims ~/CH-SIMS
  python -m pipeline import mustard mmsd.zip --name mustard
  python -m pipeline import mosei /corpora/CMU-MOSEI --link hardlink
  python -m pipeline import folder reviews.csv --label stars --text review --speaker author
  python -m pipeline import simsv2 chsims_v2.csv --text text_en --language English
  python -m pipeline import folder ~/ratings --language Spanish --label-min 0 --label-max 9
  python -m pipeline import pool mosi mosei sims --name pooled
  python -m pipeline import mosei /corpora/CMU-MOSEI --in-place
  python -m pipeline import folder s3://bucket/interviews --in-place --name interviews
  python -m pipeline import folder data/raw/mine          write corpus.yaml for a folder that lies in its place
"""

_PUBLISHED = [name for name, layout in LAYOUTS.items() if layout.facts]
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
    parser.add_argument(
        "layout",
        type=layout_name,
        help=f"how the corpus is organised: {', '.join(LAYOUTS)}, or file.py:Name of a file in plugins/",
    )
    parser.add_argument(
        "path",
        nargs="+",
        help="its folder, its archive, or the one file that it is: a pickle, or for layout folder a table; for layout pool, the "
        "names of corpora that lie below data/raw; with --in-place also an address such as s3://bucket/folder",
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
    parser.add_argument(
        "--in-place",
        action="store_true",
        help="leave the recordings where they are: only tables come in, and a list of the digests of the recordings; runs find them by "
        "$GRCF_MEDIA, see docs/howto/storage.md",
    )
    table = parser.add_argument_group(
        "a table as a corpus",
        "layout folder takes a .csv or .tsv of text or features and labels, and so do the layouts of published corpora, whose facts it "
        "then has. Columns are known by their usual names, or named here; "
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
    facts = parser.add_argument_group(
        "facts",
        "what to write into corpus.yaml of the corpus, where layout and table do not say it, or say it otherwise",
    )
    facts.add_argument("--language", help="of the speech: a code such as zh, or a name such as Chinese")
    facts.add_argument("--task", choices=get_args(Kind), help="what a label is")
    facts.add_argument("--label-min", type=float, metavar="X", help="least label that there may be")
    facts.add_argument("--label-max", type=float, metavar="X", help="greatest label that there may be")
    facts.add_argument(
        "--classes",
        type=lambda text: [name.strip() for name in text.split(",")],
        metavar="NAME,…",
        help="names of the classes, that of label 0 first",
    )
    facts.add_argument(
        "--ordered", action="store_true", help="the classes have an order, that of their numbers"
    )
    facts.add_argument("--protocol", choices=get_args(ProtocolName), help="how predictions are measured")
    facts.add_argument("--meaning", metavar="TEXT", help="what the label says, and what its ends mean")
    facts.add_argument(
        "--mixes",
        action="append",
        choices=("speaker", "video"),
        help="the published split has these in two parts, and is to be used all the same",
    )
    facts.add_argument(
        "--prescribed",
        action="store_true",
        help="speakers were given what to say, so that every split has the same sentences",
    )
    facts.add_argument("--rated-by", metavar="TEXT", help="who gave the labels")
    facts.add_argument("--licence", metavar="TEXT", help="on what terms the corpus may be used")
    facts.add_argument("--citation", metavar="TEXT", help="what to cite")


def run(args: argparse.Namespace) -> int:
    """Import one corpus and say what came of it."""
    sources, is_pool = args.path, args.layout == POOL
    if len(sources) > 1 and not is_pool:
        raise PipelineError(
            f"{' '.join(sources)}: are {len(sources)} sources, and layout {args.layout} is read from one; import them one "
            f"after the other, then make them one corpus by `python -m pipeline import {POOL}`"
        )
    if is_pool and args.name is None:
        raise PipelineError("a pool needs a name of its own; give it by --name")
    place = _place(sources, in_place=args.in_place, is_pool=is_pool)
    parts = [Path(source) for source in sources]
    args.path = RAW if is_pool else parts[0]
    name = args.name or _name(args.path)
    if not re.fullmatch(NAME, name):
        raise PipelineError(
            f"{name!r} is no name for a corpus; name one of letters, digits, '_', '.' and '-' by --name"
        )
    links: tuple[Link, ...] = ("hardlink",) if args.link == "hardlink" else ("reflink", "copy")
    # A table of a published corpus is of layout folder, with the facts of that corpus.
    is_published = args.layout in _PUBLISHED and _is_table(args.path)
    done = import_corpus(
        "folder" if is_published else args.layout,
        args.path,
        name=name,
        raw=RAW,
        links=links,
        table=_table(args, parts=parts, name=name),
        given=_given(args),
        published=args.layout if is_published else None,
        place=place,
        require=_require,
    )
    sys.stdout.write(_report(done, name=name))
    return 0


def _place(sources: Sequence[str], *, in_place: bool, is_pool: bool) -> Place | None:
    """Where recordings stay, None where they come in.

    Raises:
        PipelineError: the source is an address and they are to come in, or it is none that recordings can stay at.
    """
    addresses = [source for source in sources if is_address(source)]
    if not in_place:
        if addresses:
            raise PipelineError(
                f"{without_secrets(addresses[0])}: is an address; leave the recordings there by --in-place, or download the corpus and "
                "name its folder"
            )
        return None
    if is_pool:
        raise PipelineError(
            "--in-place is for a corpus that is not here yet, and a pool is made of those that are; leave it out: recordings of the "
            "parts that are elsewhere stay there"
        )
    path = path_named(sources[0])
    if not addresses and not path.is_dir():
        raise PipelineError(
            f"{path}: {'is no folder' if path.exists() else 'not found'}; --in-place is for a corpus that is unpacked: name its folder"
        )
    return place_at(sources[0] if addresses else str(path.resolve()))


def _is_table(path: Path) -> bool:
    return path.is_file() and is_table(path)


def _table(
    args: argparse.Namespace, *, parts: Sequence[Path], name: str
) -> Callable[[Path, Path], Converted] | None:
    """What converts a table or puts a pool together, None where the layout is of another form.

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
    if args.layout in ("folder", *_PUBLISHED) and _is_table(args.path):
        return partial(convert_table, choice=choice, words=args.words)
    if args.layout in ("folder", *_PUBLISHED) and args.path.is_file() and not is_archive(args.path):
        raise PipelineError(
            f"{args.path}: is no folder, no archive and no table; expected one of them: save a table as .csv or .tsv, or name the "
            "folder that holds the corpus"
        )
    if args.words is not None or not choice.says_nothing:
        raise PipelineError(
            f"{args.path}: options on columns are for a table (.csv or .tsv) of layout folder; leave them out"
        )
    if args.layout == POOL:
        return partial(put_together, names=part_names(parts, raw=RAW, name=name), given=_given(args))
    if args.layout == "folder" and args.path.is_dir() and any(args.path.glob("data/*.parquet")):
        # Inside, so that other imports do not wait for pyarrow.
        from pipeline.exporting.reading import is_exported

        return _convert_exported if is_exported(args.path) else None
    return None


def _convert_exported(source: Path, folder: Path) -> Converted:
    """What `export datasets` wrote, as what `export npz` writes: a corpus of layout `folder`."""
    from pipeline.exporting.arrays import export_arrays
    from pipeline.exporting.reading import read_tables

    extracted, facts = read_tables(source)
    classes = () if facts is None else facts.task(None, source=str(source)).classes
    export_arrays(extracted, folder, classes=classes, facts=facts)
    return Converted(
        sorted(path.name for path in folder.iterdir()),
        ["Parquet files became segments.csv and an .npz per modality"],
    )


def _name(path: Path) -> str:
    """A corpus that lies in its place keeps its name."""
    here = path_named(str(path)).resolve()
    return here.name if here.parent == RAW.resolve() else corpus_name(path)


def _given(args: argparse.Namespace) -> Given:
    return Given(
        language=None if args.language is None else language_code(args.language, "--language"),
        kind=args.task,
        label_min=args.label_min,
        label_max=args.label_max,
        classes=tuple(args.classes or ()),
        ordered=args.ordered,
        protocol=args.protocol,
        meaning=args.meaning,
        mixes=tuple(args.mixes or ()),
        prescribed=args.prescribed,
        rated_by=args.rated_by,
        licence=args.licence,
        citation=args.citation,
    )


def _require(candidates: Sequence[Candidate], facts: Facts, folder: Path) -> None:
    """Refuse what could not run, by the shares and the seed of a drawn split that params.yaml has."""
    manifest = params.load(params.Manifest)
    rules = rules_of(
        facts,
        folder,
        valid_share=manifest.valid_share,
        test_share=manifest.test_share,
        split_seed=manifest.split_seed,
        max_rejected_share=manifest.max_rejected_share,
    )
    refuse_unusable(candidates, rules)


def _report(done: Imported, *, name: str) -> str:
    used = [candidate for candidate in done.candidates if candidate.excluded is None]
    splits = Counter(candidate.split for candidate in used)
    parts = [f"{splits[split]} {split}" for split in ("train", "valid", "test") if splits[split]]
    if not parts:
        parts = ["no split of its own: drawn by speaker or video"]
    elif splits[None]:  # a part of a pool
        parts.append(f"{splits[None]} with no split of their own: drawn by speaker or video")
    lines = [
        f"{done.folder}: {len(used)} segments ({', '.join(parts)}) in "
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
    lines += ["", f"{done.folder / FACTS_FILE} says of it, for every run:", *_facts_lines(done.known)]
    if done.known.facts.language not in ("en", None):
        lines += ["", "the text encoder may not know this language; name one that does by -S text.model=…"]
    return "\n".join(
        [
            *lines,
            "",
            "look at it, keep it, run it:",
            *([] if done.place is None else [f"  export {VARIABLE}={_setting(done.place, name)}"]),
            f"  python -m pipeline check {shlex.quote(name)}",
            f"  git add {done.folder}.dvc {done.folder.parent}/.gitignore .dvc/config && git commit -m 'Corpus {name}'",
            *_run_lines(name),
            "",
        ]
    )


def _setting(place: Place, name: str) -> str:
    """What `$GRCF_MEDIA` has to be for this corpus, and for those that it names already."""
    chosen = variable(VARIABLE)
    before = places_by_corpus(chosen) if chosen else {}
    others = (
        {}
        if isinstance(before, Place)
        else {other: found for other, found in before.items() if other != name}
    )
    if not others:
        return shlex.quote(place.shown())
    return shlex.quote(
        ",".join(f"{other}={found.shown()}" for other, found in {**others, name: place}.items())
    )


def _facts_lines(known: Known) -> list[str]:
    """The facts that decide a run, and how those that nobody gave were found."""
    facts = known.facts
    task = facts.task(None, source=FACTS_FILE)
    groups = (
        task.groups if task.groups == "integer" else f"cut at {', '.join(f'{cut:g}' for cut in task.groups)}"
    )
    kind = {
        "binary": "0 or 1",
        "classes": f"classes {', '.join(task.classes)}",
        "regression": f"a number from {task.label_min:g} to {task.label_max:g}",
    }[task.kind]
    values = {
        "language": facts.language or "as each segment says",
        f"labels.{facts.label}.kind": f"{task.kind}: {kind}",
        f"labels.{facts.label}.min": f"protocol {task.protocol}, groups {groups}",
        **{
            f"features.{modality}": f"{modality} from {given}"
            for modality in MODALITIES
            if (given := getattr(facts.features, modality)) is not None
        },
    }
    lines = [
        f"  {value}{f'  ({remark})' if (remark := known.remarks.get(key)) else ''}"
        for key, value in values.items()
    ]
    others = [name for name in facts.labels if name != facts.label]
    if others:
        lines.append(f"  further labels, each learnt by -S corpus.label=…: {', '.join(others)}")
    if known.remarks:
        lines.append(
            "  what is wrong there, correct in that file, or by options such as --language and --label-max"
        )
    return lines


def _run_lines(name: str) -> list[str]:
    """The one line that runs the corpus, right whatever earlier experiments have left in params.yaml, and what they have left."""
    # A name such as 2021 or null is one in quotes alone.
    value = name if isinstance(parse_yaml(name), str) else repr(name)
    command = shlex.join(["dvc", "exp", "run", "-S", f"corpus.name={value}"])
    committed = _committed()
    if committed is None:
        return [f"  {command}"]
    here = flattened(read_yaml(params.PARAMS_FILE))
    changed = {
        key: value
        for key, value in here.items()
        if key != "corpus.name" and not (key in committed and same_value(committed[key], value))
    }
    lines = [f"  git restore {params.PARAMS_FILE} && {command}"]
    if changed:
        lines += [
            "",
            f"{params.PARAMS_FILE} differs from the committed one in {', '.join(map(_change(committed), changed.items()))}. An "
            "experiment leaves its values there, and the next one would take them along; `git restore` goes back. To keep them, "
            "commit them, or leave `git restore` out. `dvc exp run --temp` leaves nothing behind.",
        ]
    return lines


def _change(committed: Mapping[str, Any]) -> Callable[[tuple[str, Any]], str]:
    return lambda pair: f"{pair[0]} ({pair[1]}, committed {committed.get(pair[0], 'nothing')})"


def _committed() -> dict[str, Any] | None:
    """The parameters that were committed last, None where there is no commit that has any."""
    try:
        content = read_files(resolve_all(["HEAD"]), [params.PARAMS_FILE])[0][params.PARAMS_FILE]
    except PipelineError:
        return None
    if content is None:
        return None
    values = parse_yaml(content.decode(), source=f"HEAD:{params.PARAMS_FILE}")
    return flattened(values) if isinstance(values, dict) else None
