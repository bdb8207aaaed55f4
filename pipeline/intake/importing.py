"""A corpus from wherever it is to `data/raw/<name>`, whole or not at all, and under DVC."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.artifacts.formats.files import write_text
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import FACTS_FILE, Facts, facts_to_yaml, read_facts
from pipeline.corpus.folder import FOLDER_TABLE
from pipeline.corpus.inspection import refuse_name
from pipeline.corpus.layouts import Layout, layout_of
from pipeline.corpus.manifest import media_files
from pipeline.errors import PipelineError
from pipeline.intake.archives import is_archive, unpack, unpacked_bytes
from pipeline.intake.conversion import Converted
from pipeline.intake.copying import Link, copy_files, require_space, same_content
from pipeline.intake.facts import NOTHING_GIVEN, Given, Known, find_facts
from pipeline.intake.files import Item, list_files
from pipeline.intake.in_place import list_of, named_by_place, survey, tables_of
from pipeline.storage.left_behind import files_below, is_junk, is_left_out
from pipeline.storage.media_list import LIST_FILE
from pipeline.storage.place import Place

CACHE_TYPES = "reflink,hardlink,copy"


@dataclass(frozen=True)
class Imported:
    """What an import brought in; `notes` are sentences on what became of a table of somebody else, `place` is where recordings stay."""

    folder: Path
    candidates: Sequence[Candidate]
    known: Known
    n_files: int
    n_bytes: int
    missing_media: Sequence[str]
    set_cache_type: bool
    notes: Sequence[str] = ()
    place: Place | None = None


def corpus_name(source: Path) -> str:
    """A name for the folder below data/raw, from that of the source without its suffix."""
    stem = (
        re.sub(r"(\.tar)?\.[A-Za-z0-9]{2,3}$", "", source.resolve().name)
        if source.is_file()
        else source.resolve().name
    )
    return re.sub(r"[^\w.-]+", "_", stem).strip("._-").lower()


def import_corpus(
    layout: str,
    source: Path,
    *,
    name: str,
    raw: Path,
    links: Sequence[Link],
    table: Callable[[Path, Path], Converted] | None = None,
    given: Given = NOTHING_GIVEN,
    published: str | None = None,
    place: Place | None = None,
    require: Callable[[Sequence[Candidate], Facts, Path], None] = lambda candidates, facts, folder: None,
) -> Imported:
    """Check, bring in and track a corpus; run again after an interruption, it goes on from there.

    Until the last file is there, everything is in `.<name>.incomplete`, which no corpus can be called.

    Args:
        layout: name of how the corpus is organised.
        source: its folder, an archive of it, or the one file that it is.
        name: the folder below `raw` to be.
        raw: the folder of all corpora, inside of a DVC repository whose root is the working directory.
        links: how to bring files in, by preference.
        table: converts the source into a folder of this layout, see `convert_table`; None where it is one as it is.
        given: what is said of the corpus; see `find_facts`.
        published: the layout whose facts those of a table are; see `find_facts`.
        place: where the corpus is, if its recordings are to stay there; then `source` is not looked at.
        require: refuses a corpus, by its candidates, facts and folder, that could not run, by a `PipelineError`, before anything is copied.

    Raises:
        PipelineError: the source is not of this layout, something of it leads elsewhere, another corpus has the name,
            the disk is too small, or DVC refused.
    """
    if not Path(".dvc").is_dir():
        raise PipelineError(f"{Path.cwd()}: no DVC repository; run from the root of the repository")
    converted = Converted((), ())
    target, incomplete, unpacked = raw / name, raw / f".{name}.incomplete", raw / f".{name}.unpacked"
    given_as = source
    if place is not None:
        if not place.is_remote:
            _refuse_nested(place.path(), target)
        found = survey(place, unpacked)
        source = found.folder
    elif not source.exists():
        raise PipelineError(f"{source}: not found; expected the folder or archive of a corpus")
    elif source.is_file() or table is not None:
        if source.is_file() and is_archive(source):
            unpacked.mkdir(parents=True, exist_ok=True)
            require_space(unpacked, unpacked_bytes(source))
            unpack(source, unpacked)
        elif table is not None:
            shutil.rmtree(unpacked, ignore_errors=True)
            converted = table(source, unpacked)
        else:  # a corpus that is one file, such as a feature pickle
            copy_files([Item(source.name, source.resolve(), source.stat().st_size)], unpacked, links=links)
        source, links = _root(unpacked, layout_of(layout)), ("reflink", "hardlink", "copy")
    try:
        candidates = layout_of(layout).read(source)
        known = find_facts(layout, candidates, source, given=given, published=published)
        require(candidates, known.facts, source)
        missing = _missing_media(candidates, source)
    except PipelineError as error:
        shutil.rmtree(unpacked, ignore_errors=True)
        if place is not None:
            raise named_by_place(error, place, unpacked) from error
        raise PipelineError(_named_by_source(str(error), given_as, unpacked, converted)) from error
    items = list_files(source) if place is None else tables_of(source)
    if place is not None:
        listed = unpacked / LIST_FILE
        write_text(listed, list_of(place, found, candidates))
        items.append(Item(LIST_FILE, listed.resolve(), listed.stat().st_size))
        converted = Converted((), [_stay(place, target)])
    items = [item for item in items if item.name != FACTS_FILE]
    written = facts_to_yaml(known.facts, remarks=known.remarks)
    if not target.exists():
        _refuse_nested(source, target)
        copy_files(items, incomplete, links=links)
        write_text(incomplete / FACTS_FILE, written)
        incomplete.rename(target)
    elif source.resolve() != target.resolve() and not _same(items, target):
        raise PipelineError(
            f"{target}: exists and holds other files than {source}; choose another name with --name, or remove it "
            "together with its .dvc file"
        )
    elif given == NOTHING_GIVEN and (target / FACTS_FILE).is_file():
        known = Known(read_facts(target), {})  # somebody may have corrected it by hand
    if not (target / FACTS_FILE).is_file() or read_facts(target) != known.facts:
        write_text(target / FACTS_FILE, written)
    shutil.rmtree(unpacked, ignore_errors=True)
    set_cache_type = _track(target)
    n_bytes = sum(item.n_bytes for item in items)
    if source.is_relative_to(unpacked):  # which nobody finds any more
        shown = partial(_named_by_source, source=given_as, unpacked=unpacked, converted=converted)
        missing = list(map(shown, missing))
        candidates = [
            replace(row, excluded=None if row.excluded is None else shown(row.excluded)) for row in candidates
        ]
    return Imported(
        target, candidates, known, len(items), n_bytes, missing, set_cache_type, converted.notes, place
    )


def _stay(place: Place, target: Path) -> str:
    return f"its recordings stay at {place.shown()}; {target / LIST_FILE} has their digests"


def _named_by_source(sentence: str, source: Path, unpacked: Path, converted: Converted) -> str:
    """A sentence that names what was given in place of the folder that it was unpacked or converted to, which is gone by then."""
    table = unpacked / FOLDER_TABLE
    if converted.places:
        sentence = re.sub(
            rf"{re.escape(str(table))}, line ([0-9]+)",
            lambda found: converted.places.get(int(found[1]), found[0]),
            sentence,
        ).replace(str(table), str(source))
    return sentence.replace(str(unpacked), str(source))


def _root(unpacked: Path, layout: Layout) -> Path:
    """The corpus inside of what an archive unpacked to, which often has a folder around everything."""
    folder = unpacked
    while True:
        try:
            layout.read(folder)
            return folder
        except PipelineError:
            below = [path for path in folder.iterdir() if not is_left_out(path.name)]
            if len(below) != 1 or not below[0].is_dir():
                return folder
            folder = below[0]


def _missing_media(candidates: Sequence[Candidate], source: Path) -> list[str]:
    named = media_files(candidates)
    reasons = [reason for media in named if (reason := refuse_name(media, folder=source)) is not None]
    if named and len(reasons) == len(named):
        clips = source / "clips"
        hint = ""
        if clips.is_dir() and not any(files_below(clips)):
            hint = "; for a corpus of text alone, remove its empty folder clips"
        elif all(len(endings := Path(media).suffixes) > 1 and endings[-1] == endings[-2] for media in named):
            hint = "; an id is the name of its file without the ending, and a column media can name the file"
        raise PipelineError(
            f"{source}: holds none of the {len(named)} media files that its table names; the first: {reasons[0]}{hint}"
        )
    return reasons


def _refuse_nested(source: Path, target: Path) -> None:
    here, there = source.resolve(), target.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise PipelineError(f"{source}: lies around or inside of {target}; choose another folder")


def _same(items: Sequence[Item], target: Path) -> bool:
    """Whether a corpus in place, which DVC may have linked to its cache, holds the same files with the same bytes."""
    there = {
        path.relative_to(target).as_posix(): path
        for above, _, names in os.walk(target)
        for path in (Path(above, name) for name in names if not is_junk(name))
    }
    there.pop(FACTS_FILE, None)
    return {item.name for item in items} == set(there) and all(
        same_content(item.source, there[item.name]) for item in items
    )


def _track(target: Path) -> bool:
    """`dvc add`; where nobody said how the cache is linked, so that a corpus is not on the disk twice."""
    unset = not _dvc("config", "cache.type", check=False).stdout.strip()
    if unset:
        _dvc("config", "cache.type", CACHE_TYPES)
    _dvc("add", target.as_posix())
    return unset


def _dvc(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        # DVC says on standard output why it stopped, unless it is asked to be quiet.
        lines = [
            line.removeprefix("ERROR: ") for line in (done.stderr + done.stdout).splitlines() if line.strip()
        ]
        reason = (
            " ".join(" ".join(lines).split())[-400:] or f"it ended with {done.returncode} and said nothing"
        )
        raise PipelineError(
            f"`dvc {' '.join(arguments)}` failed: {reason}; once that is mended, run the same command again"
        )
    return done
