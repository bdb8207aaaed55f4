"""Parts of one's own: a class or function of a file in `plugins/`, or of an installed package, that a parameter names."""

import contextlib
import importlib
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError, did_you_mean

PACKAGE = "plugins"
PATTERN = r"^([\w-]+/)*[\w-]+\.py:[A-Za-z_]\w*$|^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
"""Of a reference: `file.py:Name`, where the file lies in `plugins/`, or `module:Name`."""


def is_plugin(name: str) -> bool:
    """Whether a name is a reference to a part of one's own, and not one of this project's."""
    return re.search(PATTERN, name) is not None


def module_of(reference: str) -> str:
    """The module that a reference names: `sub/file.py:Name` is in `plugins.sub.file`, `package.module:Name` in `package.module`."""
    place, _, _ = reference.partition(":")
    if not place.endswith(".py"):
        return place
    return ".".join([PACKAGE, *place.removeprefix(f"{PACKAGE}/").removesuffix(".py").split("/")])


@contextlib.contextmanager
def speaking_aside() -> Iterator[None]:
    """Let what a part prints go to standard error: standard output is the answer of a command, JSON maybe."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def load_plugin(reference: str, *, parameter: str, expected: str) -> Any:
    """The class, function or object that a reference names.

    Args:
        reference: see `PATTERN`.
        parameter: key of the parameter that names it, for messages.
        expected: what it has to be, for messages.

    Raises:
        PipelineError: there is no such file, package or name, or the file cannot be imported.
    """
    name = reference.partition(":")[2]
    module = module_of(reference)
    source = f"{module.replace('.', '/')}.py" if module.startswith(f"{PACKAGE}.") else f"the package {module}"
    wrong = next((part for part in module.split(".") if not part.isidentifier()), None)
    if wrong is not None:
        raise PipelineError(
            f"{parameter} is {reference!r}: Python cannot import a file called {wrong!r}; expected letters, digits and underscores"
        )
    if source.endswith(".py") and not Path(source).is_file():
        raise PipelineError(
            f"{parameter} is {reference!r}, but there is no {source}; put {expected} there, and let git know the file"
        )
    try:
        with speaking_aside():
            found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module or module.startswith(f"{error.name}."):
            raise PipelineError(
                f"{parameter} is {reference!r}, but no package {error.name!r} is installed; install it, or put a file into {PACKAGE}/"
            ) from error
        raise PipelineError(
            f"{source} imports {error.name!r}, which is not installed; install it, or choose another {parameter}"
        ) from error
    except Exception as error:
        raise PipelineError(
            f"{source} cannot be imported ({_where(error)}); mend it, or choose another {parameter}"
        ) from error
    except SystemExit as error:
        raise PipelineError(
            f"{source} ends the program while it is imported (it calls exit, as a script does); put that below "
            f"`if __name__ == '__main__':`, or choose another {parameter}"
        ) from error
    if not hasattr(found, name):
        own = [known for known in vars(found) if not known.startswith("_")]
        raise PipelineError(
            f"{source} has no {name!r}{did_you_mean(name, own)}; {parameter} expects {expected}"
        )
    return getattr(found, name)


def refuse_plugin(reference: str, found: object, *, parameter: str, expected: str) -> PipelineError:
    """The error for a part that is none of the kind that its parameter takes."""
    kind = found.__name__ if isinstance(found, type) else f"of type {type(found).__name__}"
    return PipelineError(f"{parameter} is {reference!r}, which is {kind}; expected {expected}")


def _where(error: Exception) -> str:
    sentence = " ".join(str(error).split()) or "no reason given"
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if f"/{PACKAGE}/" in frame.filename), None)
    return f"{type(error).__name__}{f' in line {last.lineno}' if last else ''}: {sentence}"
