"""The parameters and files of other commits and experiments, finished or running, whose entries are not to be lost unasked."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.errors import PipelineError
from pipeline.history.git import ask, is_outside_of_git, why_failed
from pipeline.history.revisions import Revision, read_files

_PARAMS, _LOCK = Path("params.yaml"), Path("dvc.lock")
# Where DVC makes the copies in which experiments run, those of its queue and those of `--temp`.
_COPIES = Path(".dvc/tmp/exps")


@dataclass(frozen=True)
class Experiment:
    """A commit or a run: its name, the text of its parameters, and a function that finds the files that it names."""

    name: str
    params: str
    locate: Callable[[Path], Path | None]


def experiments() -> Iterator[Experiment]:
    """HEAD, every branch, tag and experiment of this clone, and what runs in a copy of it, each run once; none outside git.

    Raises:
        PipelineError: git does not say what there is, or a revision cannot be read.
    """
    listed = ask("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", "refs/exps")
    if is_outside_of_git(listed):
        return
    if listed.returncode:
        reason = why_failed(listed, otherwise="mend that, or prune with --workspace-only")
        raise PipelineError(
            f"git does not say what other experiments there are, whose entries are kept {reason}"
        )
    names = listed.stdout.decode(errors="surrogateescape").splitlines()
    revisions = [Revision(name, sha) for sha, name in (line.split(" ", 1) for line in names)]
    revisions.append(Revision("HEAD", "HEAD"))
    objects = _objects()
    seen = set()
    for revision, files in zip(revisions, read_files(revisions, [_PARAMS, _LOCK]), strict=True):
        params, lock = files[_PARAMS], files[_LOCK]
        if params is None or lock is None or (params, lock) in seen:
            continue
        seen.add((params, lock))
        yield Experiment(revision.name, params.decode(errors="replace"), _Lock(lock, objects).locate)
    yield from _running(objects)


def _running(objects: Callable[[str], Path]) -> Iterator[Experiment]:
    """The experiments that run in copies of this repository: no commit has their parameters before they end."""
    for path in sorted([*_COPIES.glob(f"*/{_PARAMS}"), *_COPIES.glob(f"*/*/{_PARAMS}")]):
        copy = path.parent
        try:
            text, lock = path.read_bytes().decode(errors="replace"), (copy / _LOCK).read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        yield Experiment(f"the run in {copy}", text, _InCopy(copy, _Lock(lock, objects)).locate)


def _objects() -> Callable[[str], Path]:
    """Where DVC keeps the file with a digest.

    Raises:
        PipelineError: this is no repository of DVC.
    """
    from dvc.exceptions import NotDvcRepoError  # inside: it takes a second to import
    from dvc.repo import Repo

    try:
        database = Repo().cache.local
    except NotDvcRepoError as error:
        raise PipelineError(
            "this is no DVC repository, so nothing says what other experiments need; run from the root of the repository, or prune with "
            "--workspace-only"
        ) from error
    return lambda md5: Path(database.oid_to_path(md5))


class _Lock:
    """The outputs that a dvc.lock names, found in DVC's cache."""

    def __init__(self, content: bytes, objects: Callable[[str], Path]) -> None:
        self._objects = objects
        try:
            self._md5 = {
                Path(out["path"]): str(out["md5"])
                for stage in (yaml.safe_load(content)["stages"] or {}).values()
                for out in stage.get("outs", [])
                if "md5" in out
            }
        # Empty, edited by hand, or committed in the middle of a merge: it names nothing that could be found.
        except (yaml.YAMLError, TypeError, KeyError, ValueError, AttributeError):
            self._md5 = {}

    def locate(self, path: Path) -> Path | None:
        """The file that was written to `path`, None where DVC's cache does not hold it."""
        md5 = self._md5.get(path) or self._inside(path)
        found = self._objects(md5) if md5 is not None else None
        return found if found is not None and found.is_file() else None

    def _inside(self, path: Path) -> str | None:
        """The digest of a file of a folder that is one output."""
        folder = next((parent for parent in path.parents if parent in self._md5), None)
        if folder is None or not (listing := self._objects(self._md5[folder])).is_file():
            return None
        names = {row["relpath"]: row["md5"] for row in json.loads(listing.read_bytes())}
        return names.get(path.relative_to(folder).as_posix())


@dataclass(frozen=True)
class _InCopy:
    """The outputs of a run: those that it has written, else those that it starts from."""

    copy: Path
    lock: _Lock

    def locate(self, path: Path) -> Path | None:
        """The file that a stage of the run wrote to `path`, or will find there; None where there is none."""
        written = self.copy / path
        return written if written.is_file() else self.lock.locate(path)
