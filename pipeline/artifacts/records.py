"""JSON files as frozen types: read strictly, and a sentence for every file that holds something else."""

from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pipeline.artifacts.files import read_text
from pipeline.errors import PipelineError

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""For `pydantic.with_config`, which a dataclass needs that is the whole content of a file."""

_Kind = TypeVar("_Kind")


def read_record(path: Path, kind: type[_Kind], *, what: str, remedy: str) -> _Kind:
    """A JSON file as an instance of `kind`, a dataclass or a mapping of them.

    Args:
        path: file to read.
        kind: type of its content; a field more or less, or of another type, is an error.
        what: what the file holds, for errors.
        remedy: command that makes the file again, for errors.

    Raises:
        PipelineError: the file is missing, cut off, or holds something else.
    """
    adapter: TypeAdapter[_Kind] = TypeAdapter(kind, config=None if is_dataclass(kind) else STRICT)
    try:
        return adapter.validate_json(read_text(path), strict=True)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        place = "".join(f"{part}: " for part in map(str, first["loc"]))
        raise PipelineError(
            f"{path}: not {what} as this version of the code writes it ({place}{first['msg']}); run `{remedy}`"
        ) from error
