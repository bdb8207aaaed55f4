"""What an extractor saw of each segment and what it was, without loading the features themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from safetensors import SafetensorError, safe_open

from pipeline.artifacts.foreign import unreadable
from pipeline.errors import PipelineError


@dataclass(frozen=True, eq=False)
class Extraction:
    """One modality of a corpus; `n_rows` and `n_valid` count the rows (frames or words) of each segment of `ids`.

    `failures` says why a segment came out empty, `extractor` describes what made the features, and `n_columns` is their
    dimension.
    """

    ids: tuple[str, ...]
    n_rows: Int64[np.ndarray, "segment"]
    n_valid: Int64[np.ndarray, "segment"]
    failures: Mapping[str, str]
    extractor: Mapping[str, Any]
    n_columns: int


def read_extraction(path: Path) -> Extraction:
    """Read the head of a file that `write_sequences` wrote; the features stay on disk, however many there are.

    Raises:
        PipelineError: the file is missing, or not such a file.
    """
    try:
        with safe_open(path, framework="np") as file:
            header = json.loads(file.metadata()["header"])
            offsets, valid = file.get_tensor("offsets"), file.get_tensor("valid")
        seen = np.concatenate([[0], np.cumsum(valid)])
        return Extraction(
            ids=tuple(header["ids"]),
            n_rows=np.diff(offsets).astype(np.int64),
            n_valid=np.diff(seen[offsets]).astype(np.int64),
            failures=header["failures"],
            extractor=header["extractor"],
            n_columns=len(header["columns"]),
        )
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not found; run `dvc repro` to make it") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (
        SafetensorError,
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        RecursionError,
    ) as error:
        raise PipelineError(
            f"{path}: not a whole file of features ({type(error).__name__}); delete it and run `dvc repro`"
        ) from error
