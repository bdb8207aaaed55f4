"""The commits of a branch that changed a file, in the order in which the branch got them."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError, written_out
from pipeline.history.git import answer, ask
from pipeline.history.revisions import Revision

_FIELDS = "%x1f".join(("%H", "%cI", "%s"))


@dataclass(frozen=True)
class Commit:
    """A commit of a branch.

    Attributes:
        sha: full hash.
        date: day on which it was committed, as YYYY-MM-DD.
        subject: first line of its message; what would move a terminal is written out.
    """

    sha: str
    date: str
    subject: str

    @property
    def revision(self) -> Revision:
        """The revision that its files are read from."""
        return Revision(self.sha[:7], self.sha)


def commits_that_changed(path: Path, *, tip: Revision, since: Revision | None = None) -> list[Commit]:
    """The commits of a branch that changed a file, the oldest first.

    Only first parents are followed: what a merged branch tried on its way is no state of this one, and the merge is.

    Args:
        path: file, relative to the working directory.
        tip: the newest commit of the branch.
        since: revision at which the history begins, where the branch left it: the last commit up to there that changed the file
            is the first, and what `since` got afterwards is none of the branch's. None for the beginning.

    Raises:
        PipelineError: git could not list the commits.
    """
    assert tip.sha is not None, "files on disk have no history"
    if since is None:
        return _listed(path, tip.sha)
    assert since.sha is not None, "files on disk have no history"
    fork = _fork(tip.sha, since.sha)
    return [
        *(_listed(path, "--max-count=1", fork) if fork else []),
        *_listed(path, tip.sha, f"^{since.sha}"),
    ]


def _fork(tip: str, since: str) -> str | None:
    """The last commit on the line of first parents up to `tip` that `since` has too, None where it has none of them."""
    own = (answer("rev-list", "--first-parent", tip, f"^{since}") or b"").decode().split()
    found = answer("rev-parse", "--verify", "--quiet", f"{own[-1]}^" if own else tip)
    return None if found is None else found.decode().strip()


def is_shallow() -> bool:
    """Whether the clone lacks older commits."""
    return ask("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def _listed(path: Path, *selected: str) -> list[Commit]:
    arguments = ("rev-list", "--first-parent", f"--format={_FIELDS}", *selected, "--", path.as_posix())
    ended = ask(*arguments)
    if ended.returncode != 0:
        reason = ended.stderr.decode(errors="replace").strip().split("\n")[0]
        raise PipelineError(
            f"git could not list the commits that changed {path} ({reason}); run `git fsck` in this clone"
        )
    # A line `commit <hash>` stands before the line of each commit.
    lines = [line for line in ended.stdout.decode(errors="replace").split("\n") if "\x1f" in line]
    return [_commit(line) for line in reversed(lines)]


def _commit(line: str) -> Commit:
    sha, time, subject = line.split("\x1f", 2)
    return Commit(sha, time[:10], written_out(subject))
