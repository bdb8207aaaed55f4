"""What an extractor of sound or pictures is: a function of one segment, or an encoder that reads many segments in batches.

Its module says all about it: what it computes, what its columns are called, which settings it has. It knows nothing of how
results are kept; `pipeline.extract.cached` does that for every extractor in one way, and nothing from there may be imported here
or in a wing: the keys of the clip cache hold the source of everything that an extractor imports.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence

Settings = TypeVar("Settings")


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameFunction:
    """An extractor that is a pure function of one segment; worker processes call it.

    Attributes:
        function: describes one segment; pure and picklable, a module-level function or a `partial` of one.
        columns: names of the numbers in a row.
        settings: everything that decides a result, as JSON values, for headers and cache keys.
        libraries: distributions whose versions can change a result.
        rate_hz: rows per second of media.
        preloaded: modules that take long to load and start no thread when they are imported; the process that workers are forked
            from imports them, once for all.
    """

    function: Callable[[Segment], FeatureSequence]
    columns: tuple[str, ...]
    settings: Mapping[str, Any]
    libraries: tuple[str, ...]
    rate_hz: float
    preloaded: tuple[str, ...] = ()


@runtime_checkable
class FrameEncoder(Protocol):
    """An extractor that is a pretrained encoder; worker processes decode, and one process computes, or one for each slot of a cluster.

    It is pickled for those slots, and loads its weights where it first reads: see `LoadedWhereUsed`.

    Attributes:
        columns: names of the numbers in a row.
        spec: everything that decides a result, as JSON values, for headers and cache keys; holds no path.
        libraries: distributions whose versions can change a result.
        device: class of the device that computes, see `device_class`.
        rate_hz: rows per second of media, at most.
        prepare: decodes one segment in a worker process; a picklable function whose module does not load the encoder.
    """

    columns: tuple[str, ...]
    spec: Mapping[str, Any]
    libraries: tuple[str, ...]
    device: str
    rate_hz: float
    prepare: Callable[[Segment], Any]

    def windows(self, given: Any) -> Sequence[Any]:
        """The pieces of a prepared segment that fit into a batch; none where nothing is valid."""

    def read(self, windows: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, np.ndarray]]:
        """The rows of each window, by the key of the window, as `map_batches` gives them."""

    def sequence(self, given: Any, rows: Sequence[np.ndarray]) -> FeatureSequence:
        """The rows of all windows of a segment, put together."""


def choose(kind: type[Settings], section: Mapping[str, Any]) -> Settings:
    """The settings of one extractor out of a section that holds those of others, too.

    Args:
        kind: a dataclass; its fields are the names of the settings.
        section: a section of the parameters, or the settings in the header of features.

    Raises:
        KeyError: the section lacks a setting that has no default.
    """
    chosen = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in section or field.default is MISSING:
            chosen[field.name] = section[field.name]
    return kind(**chosen)
