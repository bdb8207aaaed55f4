"""JSON files as frozen types: read strictly, and a sentence for every file that holds something else."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pipeline.artifacts.formats.files import read_text
from pipeline.errors import PipelineError

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Configuration of a dataclass that is the whole content of a file, for `pydantic.with_config`."""

_Kind = TypeVar("_Kind")


def read_record(path: Path, kind: type[_Kind], *, what: str, remedy: str) -> _Kind:
    """A JSON file as an instance of `kind`; a field more or less, or of another type, is an error.

    Args:
        path: file to read.
        kind: type of its content, a dataclass with the configuration `STRICT`.
        what: noun of the content of the file, for errors.
        remedy: command that makes the file again, for errors.

    Raises:
        PipelineError: the file is missing, cut off, or holds something else.
    """
    adapter: TypeAdapter[_Kind] = TypeAdapter(kind)
    try:
        return adapter.validate_json(read_text(path), strict=True)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        place = "".join(f"{part}: " for part in map(str, first["loc"]))
        raise PipelineError(
            f"{path}: not {what} as this version of the code writes it ({place}{first['msg']}); run `{remedy}`"
        ) from error
