"""What an experiment needs beside the parameters: a corpus and parts of one's own, which its copy of the repository has to hold."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.errors import PipelineError, did_you_mean
from pipeline.history.git import answer
from pipeline.plugins import PACKAGE, is_plugin, module_of
from pipeline.settled.facts import RAW
from pipeline.yaml12 import read_yaml

_CORPUS = "corpus.name"


def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """`params.checked` of the changes, with a look at the corpus and the plugins that an experiment with them would read.

    `dvc exp run --temp` copies what git tracks, and only there does a missing file show, once for each experiment.

    Raises:
        PipelineError: as `params.checked`; or there is no such corpus or plugin, or git does not know it.
    """
    values = params.checked(changes)
    if _CORPUS in changes:
        _check_corpus(values[_CORPUS], is_named=True)
    else:
        _check_corpus(params.load(params.Corpus).name, is_named=False)
    for key, reference in _references(_configured() | values):
        file = Path(*module_of(reference).split(".")).with_suffix(".py")
        if file.parts[0] != PACKAGE:
            continue
        if not file.is_file():
            known = sorted(path.relative_to(PACKAGE).as_posix() for path in Path(PACKAGE).rglob("*.py"))
            near = did_you_mean(file.relative_to(PACKAGE).as_posix(), known)
            raise PipelineError(f"{key} is {reference!r}, but there is no {file}{near}; put the file there")
        if _is_unknown_to_git(file):
            raise PipelineError(
                f"{file}: git does not know this file, so no experiment would have it; `git add {file}` and commit it"
            )
    return values


def _check_corpus(name: str, *, is_named: bool) -> None:
    folder = RAW / name
    pointer = folder.with_name(f"{folder.name}.dvc")
    if not folder.is_dir() and not pointer.is_file():
        if not is_named:
            return
        known = sorted({path.name.removesuffix(".dvc") for path in RAW.glob("[!.]*")})
        raise PipelineError(
            f"{folder}: no such corpus{did_you_mean(name, known)}; import it first, or name one of {', '.join(known) or 'none'}"
        )
    if _is_unknown_to_git(folder, pointer):
        remedy = (
            f"`git add {pointer} {RAW / '.gitignore'}` and commit it"
            if pointer.is_file()
            else "put it under DVC by `python -m pipeline import`"
        )
        raise PipelineError(
            f"{folder}: git does not know this corpus, so no experiment would have it; {remedy}"
        )


def _configured() -> dict[str, Any]:
    sections = read_yaml(params.PARAMS_FILE)
    return {
        f"{name}.{key}": value
        for name, section in sections.items()
        if isinstance(section, Mapping)  # whoever checks the parameters says what is none
        for key, value in section.items()
    }


def _references(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, str) and is_plugin(one):
                yield key, one


def _is_unknown_to_git(*paths: Path) -> bool:
    return answer("ls-files", "-z", "--", *map(str, paths)) == b""
