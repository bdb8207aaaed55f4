"""Training curves while they grow: the table that a stage leaves in the end, written as its epochs end.

The file is the plot that dvc.yaml declares, so `dvc plots show` and editors that watch it show a stage at work. The trainers know nothing
of it: each epoch is logged, and this listens. What it writes decides no result, and the stage writes the whole table over it.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.artifacts.formats.files import write_text
from pipeline.artifacts.trained.checkpoint import EpochRow
from pipeline.artifacts.trained.curves import rows_to_csv
from pipeline.errors import PipelineError

LOGGER = "pipeline.epochs"
"""Where the trainers log the row of each epoch, as the attribute `row` of the record."""

_EVERY_S = 2.0


@dataclass(frozen=True)
class Live:
    """A table of curves that several processes of one machine fill.

    Attributes:
        path: the table.
        rows: folder with the rows of each seed so far.
    """

    path: Path
    rows: Path

    def write(self) -> None:
        """Write what all seeds have reached."""
        found: list[EpochRow] = []
        for file in sorted(self.rows.iterdir()):
            # Another process may be in the middle of its last line.
            for line in file.read_text(encoding="utf-8").splitlines():
                with suppress(json.JSONDecodeError):
                    found.append(json.loads(line))
        if found:
            write_text(self.path, rows_to_csv(found))


@contextmanager
def live_curves(path: Path) -> Iterator[Live]:
    """A table for as long as a stage trains."""
    with TemporaryDirectory(prefix="curves-", ignore_cleanup_errors=True) as folder:
        yield Live(path, Path(folder))


@contextmanager
def following(live: Live | None) -> Iterator[None]:
    """Write the epochs that end in this process meanwhile; nothing for None."""
    if live is None:
        yield
        return
    logger, handler = logging.getLogger(LOGGER), _Handler(live)
    level, propagates = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
        logger.setLevel(level)


class _Handler(logging.Handler):
    """Appends the row of each epoch, and writes the table every few seconds."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live
        self._written_s: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take an epoch; a disk that is full ends no training before its stage says so."""
        row: EpochRow = record.__dict__["row"]
        with suppress(OSError, PipelineError):
            with (self._live.rows / f"{row['seed']}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            now = time.monotonic()
            if self._written_s is None or now - self._written_s >= _EVERY_S:
                self._live.write()
                self._written_s = now
