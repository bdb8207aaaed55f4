"""The files of a git revision, a DVC experiment or the workspace, read without checking anything out.

Everything that a comparison needs is tracked by git, in experiments too, so `git show` does in milliseconds what
`dvc.api` does in half a second.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError

WORKSPACE = "workspace"

# refs/exps/<first two digits of the baseline>/<its others>/<name>; DVC keeps other things under refs/exps too.
_EXPERIMENT = re.compile(r"refs/exps/(?P<start>[0-9a-f]{2})/(?P<rest>[0-9a-f]+)/(?P<name>[^/]+)")


@dataclass(frozen=True)
class Revision:
    """Where files are read from: a commit, or the disk where `sha` is None.

    Attributes:
        name: What the person called it.
        sha: The commit in full.
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
        reference = _EXPERIMENT.fullmatch(self.name)
        return self.name if reference is None else reference["name"]

    def read_bytes(self, path: Path) -> bytes | None:
        """A file as it is in this revision; `path` is relative to the working directory. None where there is none."""
        if self.sha is None:
            return path.read_bytes() if path.is_file() else None
        shown = _git("cat-file", "blob", f"{self.sha}:./{path.as_posix()}")
        return shown.stdout if shown.returncode == 0 else None


def resolve(name: str) -> Revision:
    """Find what a person calls a revision: `workspace`, whatever git knows, else the name of an experiment.

    As in DVC, git's names go first, and of several experiments with one name the one that was run on HEAD is meant.

    Raises:
        PipelineError: not a git repository, no such revision, or several experiments of this name.
    """
    if name == WORKSPACE:
        return Revision(name, None)
    repository = _git("rev-parse", "--is-shallow-repository")
    if repository.returncode != 0:
        said = repository.stderr.decode(errors="replace").strip().split("\n")[0]
        raise PipelineError(
            f"{name}: no revision can be read here ({said}); run from the root of a git clone of the repository"
        )
    sha = _commit(name) or _experiment(name)
    if sha is not None:
        return Revision(name, sha)
    if repository.stdout.strip() == b"true":
        raise PipelineError(
            f"{name}: unknown in this clone, which is shallow and lacks older commits; "
            "run `git fetch --unshallow` and try again"
        )
    raise PipelineError(
        f"{name}: neither a git revision nor an experiment of this clone; "
        "`git log --oneline` and `dvc exp list --all-commits` show what there is, "
        "`git fetch` and `dvc exp pull` get what others have"
    )


def _commit(name: str) -> str | None:
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
    return found.stdout.decode().strip() if found.returncode == 0 else None


def _experiment(name: str) -> str | None:
    listed = _git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").stdout.decode()
    found = {}
    for sha, ref in (line.split(" ", 1) for line in listed.splitlines()):
        parts = _EXPERIMENT.fullmatch(ref)
        if parts is not None and parts["name"] == name:
            found[parts["start"] + parts["rest"]] = (sha, ref)
    if len(found) == 1:
        return next(iter(found.values()))[0]
    if not found:
        return None
    head = _commit("HEAD")
    if head in found:
        return found[head][0]
    raise PipelineError(
        f"{name}: {len(found)} experiments have this name, none of them run on HEAD; "
        f"give one in full: {' or '.join(sorted(ref for _, ref in found.values()))}"
    )


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise PipelineError("git was not found; install it to compare anything but the workspace") from error
