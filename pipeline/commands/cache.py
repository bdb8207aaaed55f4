"""`python -m pipeline cache`: what the clip cache holds and what of it is needed, and removing the rest."""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path

from pipeline import params
from pipeline.artifacts.formats.files import read_text
from pipeline.errors import PipelineError
from pipeline.execution.cache import Entry, cache_folder
from pipeline.execution.disk_space import in_words
from pipeline.execution.variables import variable
from pipeline.pages.blocks import Block, Paragraph, plain_table
from pipeline.pages.text import as_text
from pipeline.pruning.experiments import experiments
from pipeline.pruning.needed import CLIP_SECTIONS, STAGES, Needs, Sections, kinds, needs_of
from pipeline.yaml12 import parse_yaml, read_yaml

DESCRIPTION = """\
Show the cache from which an interrupted run resumes: for each kind, the number and size of its entries, how many entries a run
with the parameters of the workspace would look up, and which part of those is there.

`cache prune` removes entries that no current parameters need: not those of the workspace, nor those of HEAD or of any branch,
tag or experiment of this clone, finished or running. --workspace-only keeps what the workspace needs and nothing else. Entries made by other code than
that of the workspace are never looked up again and count as not needed. Drawings of figures (pages) go when they were not used
for 30 days. A run that misses an entry computes it again, so pruning
is safe even while stages run, but for --workspace-only while experiments run.
"""

# Written and not yet renamed: what a killed process left. Writing one takes milliseconds.
_ABANDONED_S = 3600.0
_DAY_S = 86_400.0
_DVC_YAML = Path("dvc.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION
    parser.add_argument(
        "action", nargs="?", choices=("show", "prune"), default="show", help="show by default"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="prune: list what would be removed, and remove nothing"
    )
    parser.add_argument(
        "--keep-days",
        metavar="N",
        type=float,
        default=0.0,
        help="prune: keep entries made or read within the last N days, needed or not",
    )
    parser.add_argument(
        "--workspace-only", action="store_true", help="prune: also remove what only other experiments need"
    )


def run(args: argparse.Namespace) -> int:
    """Show or prune."""
    sections_of = _sections_of_stages()
    here = _sections(read_text(params.PARAMS_FILE), sections_of, source=str(params.PARAMS_FILE))
    needs = needs_of(here, locate=lambda path: path if path.is_file() else None, sections_of=sections_of)
    refused: list[PipelineError] = []
    blocks = _overview(needs) if args.action == "show" else _prune(needs, sections_of, args, refused)
    sys.stdout.write(as_text(blocks))
    if refused:
        raise PipelineError("; ".join(map(str, refused)))
    return 0


def _sections_of_stages() -> dict[str, list[str]]:
    """The sections that each stage that trains loads: dvc.yaml says so, and a test holds it to that."""
    stages = read_yaml(_DVC_YAML)["stages"]
    return {stage: list(stages[stage]["params"]) for stage in STAGES}


def _sections(text: str, sections_of: Mapping[str, Sequence[str]], *, source: str) -> Sections:
    """The sections of a params.yaml on which entries depend, checked.

    Raises:
        PipelineError: one of them is not as this version of the code knows it.
    """
    values = parse_yaml(text, source=source)
    classes = {section.__name__.lower(): section for section in params.Section.__subclasses__()}
    names = {"corpus", *CLIP_SECTIONS, *(name for names in sections_of.values() for name in names)}
    if not isinstance(values, dict) or not names <= set(values):
        raise PipelineError(f"{source}: lacks some of the sections {', '.join(sorted(names))}")
    return {
        name: params.check(classes[name], values[name], source=source).model_dump(mode="json")
        for name in sorted(names)
    }


def _overview(needs: Mapping[str, Needs]) -> list[Block]:
    rows, total, unfinished = [], [0, 0], [0, 0]
    for kind, cache in kinds().items():
        entries = list(cache.entries())
        finished = [entry for entry in entries if entry.finished]
        for count, found in ((total, finished), (unfinished, entries)):
            count[0] += _n_entries(found)
            count[1] += sum(entry.n_bytes for entry in found)
        size = in_words(sum(entry.n_bytes for entry in finished))
        n_files = len({entry.path for entry in finished})
        hits = _hits(needs[kind], {entry.key for entry in finished})
        rows.append((kind, str(_n_entries(finished)), str(n_files), size, *hits))
    rows.append(("all", str(total[0]), str(sum(int(row[2]) for row in rows)), in_words(total[1]), "", "", ""))
    blocks: list[Block] = [
        Paragraph(
            f"{cache_folder().resolve()}, and what a run with the parameters of the workspace would look up:"
        ),
        plain_table(("kind", "entries", "files", "size", "needed", "there", "hit rate"), rows),
    ]
    blocks += [Paragraph(f"{kind}: {need.reason}") for kind, need in needs.items() if need.reason]
    n_left = unfinished[0] - total[0]
    if n_left:
        blocks.append(
            Paragraph(
                f"{n_left} more files ({in_words(unfinished[1] - total[1])}) are being written, or were when a process was "
                "killed; prune removes those that are older than an hour."
            )
        )
    return blocks


def _n_entries(entries: Iterable[Entry]) -> int:
    """How many entries there are: one that several machines have packed at once may lie in two packs."""
    return len({entry.key for entry in entries})


def _hits(need: Needs, there: Set[str]) -> tuple[str, str, str]:
    if need.reason is not None:
        return "?", "?", "?"
    if need.unused_days:
        return "-", "-", "-"
    n_needed, n_there = len(need.keys) + need.n_unknown, len(need.keys & there)
    return str(n_needed), str(n_there), f"{n_there / n_needed:.1%}" if n_needed else "-"


def _prune(
    needs: Mapping[str, Needs],
    sections_of: Mapping[str, Sequence[str]],
    args: argparse.Namespace,
    refused: list[PipelineError],
) -> list[Block]:
    """What has been removed, or would be; what could not be is added to `refused`."""
    blocks: list[Block] = []
    needed = {kind: set(need.keys) for kind, need in needs.items()}
    if not args.workspace_only:
        blocks += _add_experiments(needed, sections_of)
    now_s = time.time()
    rows, n_removed, n_bytes = [], 0, 0
    for kind, cache in kinds().items():
        entries = list(cache.entries())
        reason = needs[kind].reason
        if reason is not None:
            blocks.append(
                Paragraph(f"{kind}: kept, because it is unknown what the workspace needs ({reason})")
            )
        going = [
            entry
            for entry in entries
            if reason is None
            and _can_go(entry, needed[kind], max(args.keep_days, needs[kind].unused_days), now_s)
        ]
        if not args.dry_run:
            try:
                cache.remove(going)
            except PipelineError as error:
                refused.append(error)
                stayed = {(entry.key, entry.path) for entry in cache.entries()}
                going = [entry for entry in going if (entry.key, entry.path) not in stayed]
        size = sum(entry.n_bytes for entry in going)
        # Of an entry in two packs one may be too young to go.
        kept = {entry.key for entry in set(entries).difference(going)}
        n_going = _n_entries(entry for entry in going if entry.key not in kept)
        rows.append((kind, str(n_going), f"{size:,}", str(len(kept))))
        n_removed, n_bytes = n_removed + n_going, n_bytes + size
    did = "would be removed" if args.dry_run else "removed"
    return [
        *blocks,
        plain_table(("kind", did, "bytes", "kept"), rows),
        Paragraph(f"{n_removed} entries {did}, {n_bytes:,} bytes ({in_words(n_bytes)})."),
        *_of_others(),
    ]


def _of_others() -> list[Block]:
    """A sentence where other repositories may have their entries in the same folder."""
    folder = cache_folder().resolve()
    if folder.is_relative_to(Path(variable("DVC_ROOT") or ".").resolve()):
        return []
    return [
        Paragraph(
            f"What other repositories that share {folder} need is not known here, and counts as not needed; --keep-days N keeps what "
            "was used lately."
        )
    ]


def _can_go(entry: Entry, needed: Set[str], keep_days: float, now_s: float) -> bool:
    age_s = now_s - entry.used_s
    if not entry.finished:
        return age_s > _ABANDONED_S
    return entry.key not in needed and age_s >= keep_days * _DAY_S


def _add_experiments(needed: Mapping[str, set[str]], sections_of: Mapping[str, Sequence[str]]) -> list[Block]:
    """Add what other commits and experiments need, and report of how many that is unknown."""
    n_asked, unknown = 0, []
    for experiment in experiments():
        n_asked += 1
        try:
            sections = _sections(experiment.params, sections_of, source=experiment.name)
        except PipelineError:
            unknown.append(experiment.name)
            continue
        needs = needs_of(sections, locate=experiment.locate, sections_of=sections_of)
        for kind, need in needs.items():
            needed[kind] |= need.keys
        if any(need.reason for need in needs.values()):
            unknown.append(experiment.name)
    others = (
        "one other commit or experiment needs"
        if n_asked == 1
        else f"{n_asked} other commits and experiments need"
    )
    sentence = f"What {others} is kept, too."
    if unknown:
        sentence += (
            f" For {len(unknown)} of them, such as {unknown[0]}, this is not fully known: their parameters are those of other code, "
            "or their files are not in DVC's cache."
        )
    return [Paragraph(sentence)] if n_asked else []
