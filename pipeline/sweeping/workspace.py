"""What an experiment starts from: the commit, and what was changed since."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.history.experiments import list_experiments
from pipeline.history.git import answer

_DIGEST_DIGITS = 6
_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Workspace:
    """The repository as `dvc exp run --temp` would copy it.

    Attributes:
        head: full hash of the commit.
        changed: tracked files with uncommitted changes, which become part of every experiment.
        untracked: files that git neither tracks nor ignores, which no experiment sees.
        changes: digest of the uncommitted changes, None where there are none.
    """

    head: str
    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    changes: str | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before many experiments start from here."""
        sentences = []
        if self.changed:
            sentences.append(
                f"uncommitted changes go into every experiment ({_listed(self.changed)}): commit them, or put them away with "
                "`git stash`, if that is not meant"
            )
        if self.untracked:
            sentences.append(
                f"files that git does not know are not there in an experiment ({_listed(self.untracked)}): `git add` "
                "what it needs"
            )
        return tuple(sentences)


def read_workspace() -> Workspace:
    """The state of the working directory, which has to be the root of a repository with its history.

    Raises:
        PipelineError: no git repository, no commit, a shallow clone, or nobody to make commits as.
    """
    shallow = answer("rev-parse", "--is-shallow-repository")
    head = answer("rev-parse", "--verify", "--quiet", "HEAD")
    if shallow is None or head is None:
        raise PipelineError(
            "experiments start from a commit, and there is none here; run from the root of a git clone of the repository"
        )
    if shallow.strip() == b"true":
        raise PipelineError(
            "this clone is shallow, and DVC saves no experiment in one; run `git fetch --unshallow` first "
            "(in GitHub Actions: `fetch-depth: 0` for actions/checkout)"
        )
    if answer("var", "GIT_COMMITTER_IDENT") is None:
        raise PipelineError(
            "an experiment is a commit, and git does not know whose; run `git config user.name …` and "
            "`git config user.email …` first"
        )
    changed = _names(answer("diff", "--name-only", "-z", "HEAD"))
    # As it is, whatever program or filter people have set to look at differences with.
    difference = answer("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "HEAD") or b""
    return Workspace(
        head=head.decode().strip(),
        changed=changed,
        untracked=_names(answer("ls-files", "--others", "--exclude-standard", "-z")),
        changes=hashlib.sha256(difference).hexdigest()[:_DIGEST_DIGITS] if changed else None,
    )


def experiments(head: str) -> dict[str, str]:
    """The experiments that were run on a commit: the commit of each, by name."""
    return {
        experiment.name: experiment.sha for experiment in list_experiments() if experiment.baseline == head
    }


def recorded_number(sha: str, path: Path, key: str) -> float | None:
    """A number of a JSON file of a commit; None where there is no such file, key or number."""
    content = answer("cat-file", "blob", f"{sha}:./{path.as_posix()}")
    if content is None:
        return None
    try:
        value = json.loads(content)[key]
    except (ValueError, KeyError, TypeError):
        return None
    return float(value) if isinstance(value, (int, float)) else None


def _names(listed: bytes | None) -> tuple[str, ...]:
    return tuple(sorted(filter(None, (listed or b"").decode(errors="replace").split("\0"))))


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
