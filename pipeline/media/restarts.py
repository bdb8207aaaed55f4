"""Recordings whose clock begins anew in the middle, as those do that were put together by copying one file behind the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.media.container import Kind, MediaError, main_stream, open_media, read_packets

# Containers that keep a time with each packet, and nothing that says which times there are. The others have a table of all packets,
# or none of their parts is read behind the first; MP3 and the like have no times and go on.
_WITHOUT_TABLE = frozenset(("mpegts", "mpeg", "ogg", "flac", "flv", "live_flv"))
# Packets that follow each other within this time are a run, and only a run of this length says what time it is: a damaged packet may
# say anything.
_RUN_S = 0.5
_KINDS: tuple[Kind, ...] = ("video", "audio")


@dataclass
class _Run:
    start_s: float
    end_s: float


def refuse_restart(path: Path) -> None:
    """Refuse a recording with two moments of one time: which of them is found would depend on where reading begins.

    Reads all packets of the containers in which that can be, and decodes none.

    Raises:
        MediaError: the times of its sound or of its pictures go back and on from there.
    """
    with open_media(path) as container:
        if _WITHOUT_TABLE.isdisjoint(container.format.name.split(",")):
            return
        has = [kind for kind in _KINDS if main_stream(container, kind) is not None]
    for kind in has:
        with open_media(path) as container:
            stream = main_stream(container, kind)
            packets = read_packets(path, container, stream)
            times_s = (
                float(time * packet.time_base)
                for packet in packets
                if packet.size and (time := packet.dts if packet.dts is not None else packet.pts) is not None
            )
            restart = _restart(times_s)
        if restart is not None:
            raise MediaError(
                f"{path}: its times begin anew after {restart:.1f} s, as those of recordings that were copied one behind the other; "
                "write it anew with ffmpeg, which sets its times right, or use its parts"
            )


def _restart(times_s: Iterable[float]) -> float | None:
    """How long the recording lasts until its clock goes back; None where it never does."""
    runs = _runs(times_s)
    first = next(runs, None)
    if first is None:
        return None
    latest_s = first.end_s
    for run in runs:
        if run.start_s < latest_s - _RUN_S:
            return latest_s - first.start_s
        latest_s = max(latest_s, run.end_s)
    return None


def _runs(times_s: Iterable[float]) -> Iterator[_Run]:
    """The runs of a stream in the order of storage, those that are long enough."""
    run: _Run | None = None
    for time_s in times_s:
        if run is not None and abs(time_s - run.end_s) <= _RUN_S:
            run.end_s = max(run.end_s, time_s)
            continue
        if run is not None and run.end_s - run.start_s >= _RUN_S:
            yield run
        run = _Run(time_s, time_s)
    if run is not None and run.end_s - run.start_s >= _RUN_S:
        yield run
