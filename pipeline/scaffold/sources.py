"""Which files of this repository a study starts from, and what has to be said otherwise in them."""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from pipeline.errors import PipelineError
from pipeline.history.git import answer
from pipeline.yaml12 import parse_yaml

FOLDERS = (".ci", ".github/workflows", "docs", "examples", "pipeline", "plugins", "stages")
FILES = (
    ".dockerignore", ".dvc/.gitignore", ".dvc/plots/offline.html", ".dvcignore", ".gitattributes", ".gitignore", "CITATION.cff", "Dockerfile", "LICENSE", "dvc.yaml",
    "params.yaml", "requirements-cluster.lock", "requirements-s3.lock", "requirements.lock",
)  # fmt: skip
_NEEDED = ("dvc.yaml", "params.yaml", "stages", "pipeline/__main__.py", "requirements.lock")
# What of these folders serves the pipeline's own repository: its tests and its documentation site.
_ELSEWHERE = (".ci/run", ".github/workflows/docs.yml", "docs/index.md")
_PARAMETERS = "params.yaml"
_GENERATED = {"__pycache__", "_build"}
_FENCE = re.compile(r"^(`{3,}).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def source_root() -> Path:
    """The folder that holds the pipeline's files: that of the package `pipeline`.

    Raises:
        PipelineError: the package lies there alone.
    """
    root = Path(__file__).resolve().parents[2]
    absent = [name for name in _NEEDED if not (root / name).exists()]
    if absent:
        raise PipelineError(
            f"{root}: holds the package pipeline without {', '.join(absent)}; run the command in a clone or in an unpacked archive of "
            "the whole repository"
        )
    return root


def files_of_study(root: Path) -> list[str]:
    """Names of the files that go along, relative to `root`, sorted: what git tracks of them, or all where git tracks nothing here."""
    listed = answer("ls-files", "-z", "--", *FOLDERS, *FILES, folder=root)
    names = {os.fsdecode(name) for name in (listed or b"").split(b"\0") if name}
    if "pipeline/__main__.py" not in names:
        names = set(_walked(root))
    return sorted(name for name in names if _goes_along(PurePosixPath(name)) and (root / name).is_file())


def _walked(root: Path) -> Iterator[str]:
    yield from (name for name in FILES if (root / name).is_file())
    for top in FOLDERS:
        for above, folders, names in os.walk(root / top):
            folders[:] = [name for name in folders if name not in _GENERATED]
            yield from (Path(above, name).relative_to(root).as_posix() for name in names)


def _goes_along(name: PurePosixPath) -> bool:
    if str(name) in _ELSEWHERE or name.suffix in (".pyc", ".pyo"):
        return False
    return name.parts[0] != "docs" or name.suffix == ".md" or name.parts[1] == "images"


def parameters_of_study(root: Path) -> str:
    """`params.yaml` as it was committed last, because an experiment leaves its values in the workspace.

    As it is here where git does not track it, or where the code here asks for other parameters than the committed one.
    """
    here = (root / _PARAMETERS).read_text(encoding="utf-8")
    tracked = answer("ls-files", "--", _PARAMETERS, folder=root)
    committed = answer("show", f"HEAD:./{_PARAMETERS}", folder=root) if tracked else None
    if committed is None:
        return here
    text = committed.decode()
    return text if _keys(text) == _keys(here) else here


def _keys(parameters: str) -> dict[str, set[str]]:
    sections = parse_yaml(parameters, source=_PARAMETERS)
    return {section: set(values) for section, values in sections.items()}


def with_corpus(parameters: str, name: str) -> str:
    """The text of a `params.yaml` whose section `corpus` names this corpus and nothing else of it; comments stay.

    Args:
        parameters: the text.
        name: the name, quoted as YAML wants it.

    Raises:
        PipelineError: a line of that section is not there.
    """
    start = re.search(r"^corpus:", parameters, re.MULTILINE)
    before = len(parameters) if start is None else start.end()
    head, section = parameters[:before], parameters[before:]
    for key, value in (("name", name), ("language", ""), ("label", "")):
        line = re.search(rf"^( +{key}:)([^#\n]*)(.*)$", section, re.MULTILINE)
        if line is None:
            raise PipelineError(
                f"{_PARAMETERS}: has no line corpus.{key}; restore the file that came with the pipeline"
            )
        # The comment stays in its column where it fits.
        width = len(line[1] + line[2]) if line[3] else 0
        written = f"{line[1]} {value}".rstrip()
        written = f"{written.ljust(max(width, len(written) + 1))}{line[3]}" if line[3] else written
        section = section[: line.start()] + written + section[line.end() :]
    return head + section


def without_dead_links(text: str, *, page: PurePosixPath, known: Collection[str]) -> str:
    """A page of Markdown in which a link to what is not there is its text alone, and an image that is not there is left out.

    Args:
        text: the page.
        page: its place, relative to the root.
        known: names of all files that are there, relative to the root, and of their folders.
    """

    def replaced(link: re.Match[str]) -> str:
        target = link[3].partition("#")[0]
        if not target or re.match(r"\w+:", target) or _resolved(page.parent, target) in known:
            return link[0]
        return "" if link[1] else link[2]

    def prose(part: str) -> str:
        # The text of a link may be an image.
        return _LINK.sub(replaced, part)

    parts, before = list[str](), 0
    for fence in _FENCE.finditer(text):
        parts += [prose(text[before : fence.start()]), fence[0]]
        before = fence.end()
    return "".join([*parts, prose(text[before:])])


def with_folders(names: Iterable[str]) -> set[str]:
    """Names of files, and of the folders that hold them."""
    return {str(place) for name in names for place in (PurePosixPath(name), *PurePosixPath(name).parents)}


def _resolved(folder: PurePosixPath, target: str) -> str:
    return os.path.normpath(folder / target)
