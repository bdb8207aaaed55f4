"""What an experiment starts from: the commit, and what was changed since."""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError

_DIGEST_DIGITS = 6
_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Workspace:
    """The repository as `dvc exp run --temp` would copy it.

    Attributes:
        head: The commit in full.
        changed: Tracked files with uncommitted changes, which become part of every experiment.
        untracked: Files that git does not know and does not ignore, which do not.
        changes: Digest of the uncommitted changes, None where there are none.
    """

    head: str
    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    changes: str | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before many experiments start from here."""
        said = []
        if self.changed:
            said.append(
                f"uncommitted changes go into every experiment ({_listed(self.changed)}): commit them, or put them away with "
                "`git stash`, if that is not meant"
            )
        if self.untracked:
            said.append(
                f"files that git does not know are not there in an experiment ({_listed(self.untracked)}): `git add` "
                "what it needs"
            )
        return tuple(said)


def read_workspace() -> Workspace:
    """The state of the working directory, which has to be the root of a repository with its history.

    Raises:
        PipelineError: no git repository, no commit, a shallow clone, or nobody to make commits as.
    """
    shallow = git("rev-parse", "--is-shallow-repository")
    head = git("rev-parse", "--verify", "--quiet", "HEAD")
    if shallow is None or head is None:
        raise PipelineError(
            "experiments start from a commit, and there is none here; run from the root of a git clone of the repository"
        )
    if shallow.strip() == b"true":
        raise PipelineError(
            "this clone is shallow, and DVC saves no experiment in one; run `git fetch --unshallow` first "
            "(in GitHub Actions: `fetch-depth: 0` for actions/checkout)"
        )
    if git("var", "GIT_COMMITTER_IDENT") is None:
        raise PipelineError(
            "an experiment is a commit, and git does not know whose; run `git config user.name …` and "
            "`git config user.email …` first"
        )
    changed = _names(git("diff", "--name-only", "-z", "HEAD"))
    difference = git("diff", "--binary", "HEAD") or b""
    return Workspace(
        head=head.decode().strip(),
        changed=changed,
        untracked=_names(git("ls-files", "--others", "--exclude-standard", "-z")),
        changes=hashlib.sha256(difference).hexdigest()[:_DIGEST_DIGITS] if changed else None,
    )


def experiments(head: str) -> dict[str, str]:
    """The experiments that were run on a commit: the commit of each, by name."""
    prefix = f"refs/exps/{head[:2]}/{head[2:]}/"
    listed = git("for-each-ref", "--format=%(objectname) %(refname)", prefix) or b""
    pairs = (line.split(" ", 1) for line in listed.decode().splitlines())
    return {ref.removeprefix(prefix): sha for sha, ref in pairs}


def recorded_number(sha: str, path: Path, key: str) -> float | None:
    """A number of a JSON file of a commit; None where there is no such file, key or number."""
    content = git("cat-file", "blob", f"{sha}:./{path.as_posix()}")
    if content is None:
        return None
    try:
        value = json.loads(content)[key]
    except (ValueError, KeyError, TypeError):
        return None
    return float(value) if isinstance(value, (int, float)) else None


def git(*arguments: str) -> bytes | None:
    """What git printed; None where it failed."""
    try:
        ended = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise PipelineError("git was not found; install it to run experiments") from error
    return ended.stdout if ended.returncode == 0 else None


def _names(listed: bytes | None) -> tuple[str, ...]:
    return tuple(sorted(filter(None, (listed or b"").decode(errors="replace").split("\0"))))


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
