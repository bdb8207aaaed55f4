"""A study: a git and DVC repository of its own with this pipeline, an empty corpus and the workflow of CI."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jinja2 import Environment

from pipeline.artifacts.formats.files import refused, write_text
from pipeline.errors import PipelineError
from pipeline.history.git import IDENTITY, answer, ask
from pipeline.pages.templates import templates_beside
from pipeline.scaffold.sources import (
    FILES,
    FOLDERS,
    files_of_study,
    parameters_of_study,
    source_root,
    with_corpus,
    with_folders,
    without_dead_links,
)

BRANCH = "main"
_DVC_CONFIG = (
    "[core]\n    analytics = false\n    autostage = true\n[plots]\n    html_template = plots/offline.html\n"
)
# The header alone: rows are the researcher's.
_TABLE = "id,speaker,label,text\n"
# Words that YAML reads as something else than a name.
_NO_NAMES = {"null", "true", "false", "yes", "no", "on", "off", "nan", "inf"}


@dataclass(frozen=True)
class Study:
    """What was made.

    Attributes:
        folder: the repository.
        corpus: name of its corpus, a folder of `data/raw`.
        files: names of the files that were committed, or are to be.
        commit: the first commit, abbreviated; None where git made none.
        message: the message of that commit.
        reason: why git made none; empty where it did.
        unknown_author: whether it is because git knows no name or address to commit by.
        around: the working tree of git that the folder lies in; None where it lies in none.
    """

    folder: Path
    corpus: str
    files: Sequence[str]
    commit: str | None
    message: str
    reason: str
    unknown_author: bool
    around: Path | None


def make_study(folder: Path, *, corpus: str) -> Study:
    """Write the files of a study into a new or empty folder, and commit them.

    Args:
        folder: the folder; it must not exist, or be empty.
        corpus: name of its corpus, to be filled.

    Raises:
        PipelineError: the folder holds something, lies inside of the pipeline's own code or data, has no name that a corpus can
            have, or cannot be written; or there is no git. Nothing is left behind.
    """
    root = source_root()
    folder = folder.absolute()
    if not re.fullmatch(r"\w[\w.-]*", corpus):
        raise PipelineError(
            f"{corpus or folder.name!r}: is no name of a corpus; give --corpus one of letters, digits, dots, underscores and hyphens"
        )
    _refuse(folder, root)
    if ask("--version").returncode:
        raise PipelineError("`git --version` failed; mend git first: a study is a git repository")
    around = answer("rev-parse", "--show-toplevel", folder=_existing(folder))
    contents = _contents(root, folder.name, corpus)
    existed = folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                shutil.copyfile(root / file, path)
                shutil.copymode(root / file, path)
            else:
                write_text(path, content)
        _write_corpus(folder / "data/raw" / corpus)
        _initialise(folder, sorted(contents))
    except BaseException as error:
        for path in folder.iterdir() if existed else [folder]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise refused(folder, error) from error
        raise
    version = _version(root)
    message = f"A study with the pipeline{f' of {version}' if version else ''}"
    unknown_author = any(answer("var", name, folder=folder) is None for name in IDENTITY)
    reason = "git does not know who you are" if unknown_author else _commit(folder, message)
    head = None if reason else answer("rev-parse", "--short", "HEAD", folder=folder)
    return Study(
        folder=folder,
        corpus=corpus,
        files=sorted(contents),
        commit=None if head is None else head.decode().strip(),
        message=message,
        reason=reason,
        unknown_author=unknown_author,
        around=None if around is None else Path(around.decode(errors="surrogateescape").rstrip("\n")),
    )


def _refuse(folder: Path, root: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise PipelineError(f"{folder}: is no folder; name one that is not there yet")
    file = next((path for path in folder.parents if path.exists() and not path.is_dir()), None)
    if file is not None:
        raise PipelineError(f"{folder}: {file} is a file and no folder; name another place")
    if folder.is_dir() and any(folder.iterdir()):
        first = min(path.name for path in folder.iterdir())
        raise PipelineError(
            f"{folder}: is not empty, it holds {first}; name a folder that is not there yet, or empty this one"
        )
    inside = folder.resolve().relative_to(root).as_posix() if folder.resolve().is_relative_to(root) else ""
    taken = {PurePosixPath(name).parts[0] for name in (*FOLDERS, *FILES)} | {"data", "reports", ".git"}
    if inside.split("/")[0] in taken:
        raise PipelineError(f"{folder}: lies inside of the pipeline's own files; name a folder beside {root}")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _contents(root: Path, title: str, corpus: str) -> dict[str, str | None]:
    """The files of a study by name: their text, or None for those that are copied as they are."""
    templates = templates_beside(__file__, autoescape=False)
    contents: dict[str, str | None] = dict.fromkeys(files_of_study(root))
    contents |= {
        ".dvc/config": _DVC_CONFIG,
        # As `dvc add` writes it: recordings never get into git, not even before they are under DVC.
        "data/raw/.gitignore": f"/{corpus}\n",
        "params.yaml": with_corpus(parameters_of_study(root), _as_yaml(corpus)),
        "Makefile": templates.get_template("Makefile.j2").render(),
        "README.md": _readme(templates, title, corpus, _version(root)),
    }
    known = with_folders(contents)
    for name in contents:
        if name.startswith("docs/") and name.endswith(".md"):
            text = (root / name).read_text(encoding="utf-8")
            contents[name] = without_dead_links(text, page=PurePosixPath(name), known=known)
    return contents


def _readme(templates: Environment, title: str, corpus: str, version: str) -> str:
    return templates.get_template("README.md.j2").render(title=title, corpus=corpus, version=version)


def _as_yaml(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][\w.-]*", name) and name.lower() not in _NO_NAMES
    return name if plain else f"'{name}'"


def _write_corpus(folder: Path) -> None:
    (folder / "clips").mkdir(parents=True)
    write_text(folder / "segments.csv", _TABLE)


def _version(root: Path) -> str:
    """What the files are of, for people: the commit of the pipeline's repository, if they are in one."""
    tracked = answer("ls-files", "--", "pipeline/__main__.py", folder=root)
    described = answer("describe", "--always", "--dirty", folder=root) if tracked else None
    return described.decode().strip() if described else ""


def _initialise(folder: Path, files: Sequence[str]) -> None:
    """Make the repository with all files staged, also those that somebody's own settings ignore.

    Raises:
        PipelineError: git failed.
    """
    for arguments, given in (
        (("init", "--quiet", f"--initial-branch={BRANCH}"), ""),
        (("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul"), "\0".join(files)),
    ):
        ended = ask(*arguments, given=given, folder=folder)
        if ended.returncode:
            raise PipelineError(
                f"{folder}: `git {arguments[0]}` failed ({_words_of(ended)}); mend that, then run the same command again"
            )


def _commit(folder: Path, message: str) -> str:
    """Make the first commit; why git refused, or nothing."""
    ended = ask("commit", "--quiet", "--message", message, folder=folder)
    return f"`git commit` failed ({_words_of(ended)})" if ended.returncode else ""


def _words_of(ended: subprocess.CompletedProcess[bytes]) -> str:
    return (
        " ".join((ended.stderr or ended.stdout).decode(errors="replace").split())[-300:] or "it said nothing"
    )
