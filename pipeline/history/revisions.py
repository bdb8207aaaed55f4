"""The files of a git revision, a DVC experiment or the workspace, read without checking anything out.

Everything that a comparison needs is tracked by git, in experiments too, so `git cat-file` does in milliseconds what
`dvc.api` does in half a second.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.history.experiments import list_experiments, name_in
from pipeline.history.git import ask, why_failed

WORKSPACE = "workspace"

_SHA = re.compile("[0-9a-f]{40,64}")
_OBJECT = re.compile(rb"[0-9a-f]+ (?P<kind>[a-z]+) (?P<size>[0-9]+)")


@dataclass(frozen=True)
class Revision:
    """Where files are read from: a commit, or the disk where `sha` is None.

    Attributes:
        name: name as the person gave it.
        sha: full hash of the commit; None for the files on disk.
    """

    name: str
    sha: str | None

    @property
    def title(self) -> str:
        """The name with its short commit, or what stands for one."""
        if self.sha is None:
            return f"{self.name} (files on disk)"
        short = self.sha[:7]
        return short if self.label == short else f"{self.label} ({short})"

    @property
    def label(self) -> str:
        """A name that fits on a column: of a commit its start, of an experiment's reference its end."""
        if self.sha is not None and self.sha.startswith(self.name):
            return self.sha[:7]
        return name_in(self.name) or self.name


def resolve(name: str) -> Revision:
    """Find what a person calls a revision; see `resolve_all`."""
    return resolve_all([name])[0]


def resolve_all(names: Sequence[str]) -> list[Revision]:
    """Find what a person calls revisions: `workspace`, whatever git knows, else the name of an experiment.

    As in DVC, git's names go first, and of several experiments with one name the one that was run on HEAD is meant.

    Raises:
        PipelineError: not a git repository, no such revision, or several experiments of this name.
    """
    asked = [name for name in dict.fromkeys(names) if name != WORKSPACE]
    if not asked:
        return [Revision(name, None) for name in names]
    repository = ask("rev-parse", "--is-shallow-repository")
    if repository.returncode != 0:
        reason = why_failed(repository, otherwise="run from the root of a git clone of the repository")
        raise PipelineError(f"{asked[0]}: no revision can be read here {reason}")
    found: dict[str, str | None] = {WORKSPACE: None}
    commits = _commits(asked)
    for name in asked:
        sha = commits[name] or _experiment(name)
        if sha is not None:
            found[name] = sha
        elif repository.stdout.strip() == b"true":
            raise PipelineError(
                f"{name}: unknown in this clone, which is shallow and lacks older commits; "
                "run `git fetch --unshallow` and try again"
            )
        else:
            raise PipelineError(
                f"{name}: neither a git revision nor an experiment of this clone; "
                "`git log --oneline` and `dvc exp list --all-commits` show what there is, "
                "`git fetch` and `dvc exp pull` get what others have"
            )
    return [Revision(name, found[name]) for name in names]


def read_files(revisions: Sequence[Revision], paths: Sequence[Path]) -> list[dict[Path, bytes | None]]:
    """Files as each revision has them, None where it has none; one process of git for all of them.

    Args:
        revisions: revisions to read from.
        paths: files to read, relative to the working directory.
    """
    names = [
        f"{revision.sha}:./{path.as_posix()}" for revision in revisions if revision.sha for path in paths
    ]
    blobs = iter(_blobs(names))
    return [
        {
            path: next(blobs) if revision.sha else path.read_bytes() if path.is_file() else None
            for path in paths
        }
        for revision in revisions
    ]


def _blobs(names: Sequence[str]) -> list[bytes | None]:
    """The content of each name; None where it is no file."""
    if not names:
        return []
    ended = ask("cat-file", "--batch", given="".join(f"{name}\n" for name in names))
    if ended.returncode != 0:
        otherwise = (
            "objects of this clone are missing: run `git fetch --refetch`, or where its remote can be reached"
        )
        raise PipelineError(f"git cannot read the files of a commit {why_failed(ended, otherwise=otherwise)}")
    answer = ended.stdout
    blobs: list[bytes | None] = []
    start = 0
    for _ in names:
        end = answer.index(b"\n", start)
        head = _OBJECT.fullmatch(answer[start:end])
        start = end + 1
        if head is None:
            blobs.append(None)
            continue
        size = int(head["size"])
        blobs.append(answer[start : start + size] if head["kind"] == b"blob" else None)
        start += size + 1
    return blobs


def _commits(names: Sequence[str]) -> dict[str, str | None]:
    """The commit that git knows by each name."""
    asked = [name for name in names if "\n" not in name]
    answer = ask(
        "cat-file", "--batch-check=%(objectname)", given="".join(f"{name}^{{commit}}\n" for name in asked)
    )
    # `splitlines` splits at more than line ends, and a name may hold any of it.
    lines = answer.stdout.decode(errors="replace").split("\n")[: len(asked)]
    known = dict(zip(asked, lines, strict=True))
    return {name: known[name] if _SHA.fullmatch(known.get(name, "")) else None for name in names}


def _experiment(name: str) -> str | None:
    found = {experiment.baseline: experiment for experiment in list_experiments() if experiment.name == name}
    if len(found) == 1:
        return next(iter(found.values())).sha
    if not found:
        return None
    head = _commits(["HEAD"])["HEAD"]
    if head in found:
        return found[head].sha
    raise PipelineError(
        f"{name}: {len(found)} experiments have this name, none of them run on HEAD; "
        f"give one in full: {' or '.join(sorted(experiment.reference for experiment in found.values()))}"
    )
